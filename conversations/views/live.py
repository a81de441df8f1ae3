"""Live updates: one event stream per open page, with ids only. The page fetches what it shows.

Before a page is told anything, its person's rights are looked at again, at most every LIVE_RIGHTS_SECONDS: whoever has
left the organization or logged out hears nothing more. The stream ends after some minutes and the browser opens it again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from copy import copy
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from conversations.live import hub
from organizations.middleware import member_of


async def stream(request: HttpRequest, organization_slug: str) -> HttpResponse | StreamingHttpResponse:
    """Server-sent events of one organization: "counts" when a list may have changed, "conversation" for each change."""
    organization_id = await sync_to_async(_organization_of)(request, organization_slug)
    if organization_id is None:
        return HttpResponse(status=401)
    events = _events(organization_id, _Rights(request, organization_slug))
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _organization_of(request: HttpRequest, slug: str) -> int | None:
    """Check rights, then give the connection back: a stream lasts minutes and needs none."""
    try:
        if not request.user.is_authenticated:
            return None
        return member_of(request.user.pk, slug).organization_id
    finally:
        connections.close_all()


class _Rights:
    """Whether the person of a request may still hear of the organization. Rights last LIVE_RIGHTS_SECONDS."""

    def __init__(self, request: HttpRequest, slug: str) -> None:
        self._request = request
        self._slug = slug
        self._session_key = request.session.session_key
        self._looked_at = time.monotonic()

    async def hold(self) -> bool:
        """Look again when the last look is old."""
        if time.monotonic() - self._looked_at < settings.LIVE_RIGHTS_SECONDS:
            return True
        self._looked_at = time.monotonic()
        return await sync_to_async(self._look)()

    def _look(self) -> bool:
        request = copy(self._request)
        request.session = type(request.session)(self._session_key)
        request.user = get_user(request)
        try:
            return _organization_of(request, self._slug) is not None
        except Http404:
            return False


async def _events(organization_id: int, rights: _Rights) -> AsyncIterator[str]:
    subscription = hub.subscribe(organization_id)
    ends = time.monotonic() + settings.LIVE_SESSION_SECONDS
    try:
        # The browser waits this long before it opens the stream again.
        yield "retry: 2000\n\n"
        while (left := ends - time.monotonic()) > 0:
            hint = await subscription.next(min(settings.LIVE_PING_SECONDS, left))
            if hint is None:
                yield ": ping\n\n"
                continue
            await asyncio.sleep(settings.LIVE_COALESCE_SECONDS)
            if not await rights.hold():
                return
            for event in _told([hint, *await _waiting(subscription)]):
                yield event
    finally:
        hub.unsubscribe(subscription)


async def _waiting(subscription: Any) -> list[dict[str, Any]]:
    """What has come in meanwhile, without waiting for more."""
    found = []
    while (hint := await subscription.next(0.001)) is not None:
        found.append(hint)
    return found


def _told(hints: list[dict[str, Any]]) -> list[str]:
    """The events for some hints: each conversation once, then the counts once."""
    if any("number" not in hint for hint in hints):
        return [_event("refresh", {})]
    changes: dict[int, set[str]] = {}
    for hint in hints:
        changes.setdefault(hint["number"], set()).add(hint["kind"])
    told = [_event("conversation", {"number": number, "kinds": sorted(kinds)}) for number, kinds in changes.items()]
    return [*told, _event("counts", {})]


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
