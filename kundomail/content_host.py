"""A host for the content of mail alone, where an installation has one (CONTENT_URL)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase

CONTENT_PATH, PROBES_PATH = "/content/", "/health/"


class ContentHostMiddleware:
    """The content host gives mail HTML, images and files and nothing else; no other host gives them.

    So nobody can log in there, and what a hostile mail might reach on it has no cookie and no page of ours beside it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.CONTENT_URL or request.path.startswith(PROBES_PATH):
            return self.get_response(request)
        on_content_host = request.get_host() == urlsplit(settings.CONTENT_URL).netloc
        if on_content_host != request.path.startswith(CONTENT_PATH):
            return HttpResponseNotFound("Not found\n", content_type="text/plain")
        return self.get_response(request)
