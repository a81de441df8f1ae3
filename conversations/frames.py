"""Signed addresses for what is shown of a mail outside the application's own pages, and the headers it gets.

A frame with an opaque origin sends no cookie with the requests it makes, and the content host (CONTENT_URL) has none
at all. So the address itself carries who may see what, signed and short-lived, and the view asks again whether that
person still belongs to the organization.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.urls import reverse

_SALT = "conversations.frames"
_SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox"


class BadAddress(Exception):
    """The signature is wrong, or the address has expired."""


@dataclass(frozen=True)
class Content:
    """What an address gives: a message's HTML, an image inside it, or a file; of one organization, to one person."""

    kind: str
    organization_id: int
    user_id: int
    id: int


def address(content: Content) -> str:
    """Sign an address; absolute when content has a host of its own."""
    token = signing.dumps([content.kind, content.organization_id, content.user_id, content.id], salt=_SALT)
    return settings.CONTENT_URL.rstrip("/") + reverse(f"content:{content.kind}", args=[token])


def read_address(kind: str, token: str) -> Content:
    """What a token stands for. Raises BadAddress, also for a token made for another kind."""
    try:
        found, organization_id, user_id, identity = signing.loads(
            token, salt=_SALT, max_age=settings.MESSAGE_FRAME_SECONDS
        )
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadAddress(str(error)) from error
    if found != kind:
        raise BadAddress("made for something else")
    return Content(kind, organization_id, user_id, identity)


def message_headers(response: HttpResponse) -> HttpResponse:
    """Lock a page with a mail's HTML: no script, nothing loaded but our own images, framed by the application only."""
    policy = (
        f"{_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
        f"frame-ancestors {_application_origin()}; base-uri 'none'; form-action 'none'"
    )
    return _locked(response, policy, "same-site")


def image_headers(response: HttpResponse) -> HttpResponse:
    """Lock an image shown inside a mail. The frame's origin is opaque, so only "cross-origin" lets it load."""
    return _locked(response, "sandbox; default-src 'none'", "cross-origin")


def file_headers(response: HttpResponse) -> HttpResponse:
    """Lock a file for download: whatever it is, it runs nowhere."""
    return _locked(response, "sandbox; default-src 'none'; frame-ancestors 'none'", "same-site")


def _locked(response: HttpResponse, policy: str, resource_policy: str) -> HttpResponse:
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = resource_policy
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _application_origin() -> str:
    if not settings.CONTENT_URL:
        return "'self'"
    site = urlsplit(settings.SITE_URL)
    return f"{site.scheme}://{site.netloc}"
