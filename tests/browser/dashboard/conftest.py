"""An agent at work: a town with a mail, and a page that is logged in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.dashboard.pages import receive
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town


@pytest.fixture
def town(town: Town) -> Town:
    """A town with one mail."""
    receive(town)
    return town


@pytest.fixture
def at_work(page: Page, served: str, town: Town) -> Iterator[Page]:
    """A page of the town's agent, not opened yet; closed before the server, which would wait for its event stream."""
    be_patient(page)
    log_in(page, served, town.agent)
    yield page
    page.context.close()
