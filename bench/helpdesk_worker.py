"""Runs inside django-helpdesk's own environment: files a folder of mails with `process_email`, prints what it cost.

`python helpdesk_worker.py FOLDER HOST USER prepare|file`: FOLDER holds one mail a file and is emptied; HOST and USER reach the database
`helpdesk`, which is empty the first time.
"""

from __future__ import annotations

import json
import sys
import time

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path

urlpatterns: list[object] = []
_APPS = "auth contenttypes sessions sites messages staticfiles admin humanize".split()


def main(folder: str, host: str, user: str, step: str) -> None:
    """Set up, file, report."""
    settings.configure(
        SECRET_KEY="benchmark",
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in _APPS), "rest_framework", "helpdesk"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "helpdesk", "USER": user, "HOST": host}
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        LOGGING={"version": 1, "disable_existing_loggers": True},
        MEDIA_ROOT=f"{folder}.media",
        HELPDESK_TEAMS_MODE_ENABLED=False,
        ROOT_URLCONF=__name__,
        SITE_ID=1,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        USE_TZ=True,
    )
    django.setup()
    urlpatterns.append(path("helpdesk/", include("helpdesk.urls", namespace="helpdesk")))
    from helpdesk.email import process_email
    from helpdesk.models import FollowUp, Queue

    if step == "prepare":
        call_command("migrate", verbosity=0)
        Queue.objects.create(title="Jobb", slug="jobb", allow_email_submission=True, email_box_type="local")
        return
    Queue.objects.update(email_box_local_dir=folder, email_box_interval=0, email_box_last_check=None)
    # Every mail makes a follow-up, the first of a ticket too.
    filed = FollowUp.objects.count()
    began, spent = time.perf_counter(), time.process_time()
    process_email(quiet=True)
    elapsed, cpu = time.perf_counter() - began, time.process_time() - spent
    print(json.dumps({"elapsed": elapsed, "cpu": cpu, "messages": FollowUp.objects.count() - filed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
