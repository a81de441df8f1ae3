"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Service-wide names, and the organization and membership of the request's scope."""
    return {
        "MAIL_DOMAIN": settings.MAIL_DOMAIN,
        "SUPPORT_ADDRESS": settings.SUPPORT_ADDRESS,
        "LOCAL": settings.LOCAL,
        "organization": getattr(request, "organization", None),
        "membership": getattr(request, "membership", None),
    }
