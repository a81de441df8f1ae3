"""Probes for whatever keeps the processes running. Plain text, no secrets, no organization's data."""

from __future__ import annotations

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse


def live(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """The database answers, as a role that row-level security binds."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            (unbound,) = cursor.fetchone()
    except OperationalError:
        return HttpResponse("database not reachable\n", status=503, content_type="text/plain")
    if unbound:
        return HttpResponse(
            "the database role steps over row-level security; see docs/operations.md\n",
            status=503,
            content_type="text/plain",
        )
    return HttpResponse(f"ok {settings.MAIL_DOMAIN}\n", content_type="text/plain")
