"""The head of a conversation holds its acts in sight, whatever the subject is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from organizations import scope
from tests.support import builders
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def town(town: Town) -> Town:
    with scope.organization(town.organization):
        builders.received(town.inbox, "Fråga om jobbet som kock i Lillestads kommun, skolmåltider, hösten 2026 " * 2)
    return town


@pytest.mark.parametrize("width", [390, 1200, 1440])
def test_a_long_subject_pushes_no_act_out_of_sight(page: Page, served: str, town: Town, width: int) -> None:
    be_patient(page)
    page.set_viewport_size({"width": width, "height": 844})
    log_in(page, served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/conversations/1/")
    expect(page.locator("#conversation-head")).to_be_visible()
    pane = page.locator("#conversation").bounding_box()
    assert pane is not None
    for part in page.locator("#conversation-head").locator("button:visible, a:visible, h1").all():
        box = part.bounding_box()
        assert box is not None
        assert pane["x"] <= box["x"]
        assert box["x"] + box["width"] <= pane["x"] + pane["width"] + 1, part.inner_text()
