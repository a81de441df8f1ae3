"""A browser page that is somebody's, for tests in Chromium."""

from __future__ import annotations

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from organizations.models import User

PATIENCE_MS = 15_000
"""How long a busy machine may take to show what is waited for."""


def log_in(page: Page, url: str, user: User) -> None:
    """Give the page's browser a session of `user` at the server `url`."""
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])


def be_patient(page: Page) -> None:
    """Wait longer than Playwright does by itself: the machine may be busy with other tests."""
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
