"""The web application for an ASGI server: `uvicorn kundomail.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kundomail.settings")
_application = get_asgi_application()

from django.conf import settings  # noqa: E402  (the settings exist when Django has been set up)

from kundomail.body_limit import BodyLimit  # noqa: E402

application = BodyLimit(_application, settings.REQUEST_BODY_OCTETS)
