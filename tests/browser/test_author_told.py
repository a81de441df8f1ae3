"""A mail that does not arrive, as its author sees it: while the page is open, and until the conversation is opened."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from conversations import composer
from conversations.models import Message
from organizations import scope
from tests.support import builders
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town
from whitelabel.delivery import record_bounce

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NOTICE = "Ditt mail till barry@example.org kom inte fram"


def answered(town: Town, subject: str = "Fråga om jobbet") -> Message:
    with scope.organization(town.organization):
        return composer.send(
            builders.received(town.inbox, subject).conversation,
            author=town.agent,
            text="Hej!",
            to=[{"name": "", "address": "barry@example.org"}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
        )


def bounce(town: Town, message: Message) -> None:
    record_bounce(
        town.organization.pk, mail_id=message.outbound_id, address="barry@example.org", action="failed", status="5.1.1"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_the_notice_comes_while_the_page_is_open_and_goes_when_it_is_followed(
    page: Page, served: str, town: Town, width: int
) -> None:
    message = answered(town)
    be_patient(page)
    page.set_viewport_size({"width": width, "height": 844})
    log_in(page, served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()
    expect(page.locator(".untold-link")).to_have_count(0)
    bounce(town, message)
    notice = page.get_by_role("status").get_by_role("link", name=NOTICE)
    expect(notice).to_be_visible()
    notice.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Mailet till barry@example.org kom inte fram. Adressen finns inte.")).to_be_visible()
    expect(page.locator(".untold-link")).to_have_count(0)
    page.goto(f"{served}/{town.organization.slug}/")
    expect(page.locator(".untold-link")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(page: Page, served: str, town: Town, settings: Any, scheme: Any) -> None:
    for number in range(settings.UNTOLD_FAILURES_SHOWN + 1):
        bounce(town, answered(town, f"Fråga {number}"))
    be_patient(page)
    page.emulate_media(color_scheme=scheme)
    log_in(page, served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/")
    expect(page.locator(".untold-more")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
