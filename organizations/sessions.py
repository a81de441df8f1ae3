"""How long a log-in lasts: so many days at most, and so many hours without a request (OWASP ASVS 5.0, 7.3.1 and 7.3.2)."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.http.response import HttpResponseBase

BEGAN, SEEN = "began", "seen"
"""Keys in the session: seconds since the epoch."""

_NOTED_SECONDS = 600  # the last request is written down so often, not at each


def begin(sender: object, request: HttpRequest, user: object, **named: object) -> None:
    """Note when somebody logs in (user_logged_in)."""
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


class SessionLifeMiddleware:
    """Logs out whom the session's time is over for. A page that only listens for news is no request of its person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = int(time.time())
            if _is_over(request.session, now):
                logout(request)
            elif now - request.session.get(SEEN, now) > _NOTED_SECONDS and not request.path.endswith("/live/"):
                request.session[SEEN] = now
        return self.get_response(request)


def _is_over(session: SessionBase, now: int) -> bool:
    """A session without its times is from before they were kept."""
    began, seen = int(session.get(BEGAN, 0)), int(session.get(SEEN, 0))
    return now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS
