"""The dashboard on a phone, without JavaScript, and for screen readers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from conversations.models import Conversation, Message
from organizations import scope
from organizations.models import User
from tests.browser.dashboard.pages import open_list, receive, status
from tests.support import builders
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_phone_shows_one_pane_at_a_time(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_list(at_work, served, town)
    at_work.get_by_role("link", name="Fråga om jobbet").click()
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    expect(at_work.locator("#rows")).to_be_hidden()
    assert at_work.evaluate("document.documentElement.scrollWidth") == 390
    at_work.get_by_role("link", name="Tillbaka till Senaste aktivitet").click()
    expect(at_work.locator("#rows")).to_be_visible()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_be_hidden()


def test_a_conversation_opened_on_a_phone_brings_its_acts(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_list(at_work, served, town)
    at_work.get_by_role("link", name="Fråga om jobbet").click()
    acts = at_work.locator(".bottom-bar")
    expect(acts.get_by_role("button", name="Svara")).to_be_visible()
    acts.get_by_role("button", name="Klart").click()
    expect(at_work.locator(".toast")).to_contain_text("klart")
    assert status(town) == "done"


def test_its_acts_come_too_when_news_have_replaced_the_row_that_asked(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_list(at_work, served, town)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    at_work.route("**/conversations/1/**", hold)
    with at_work.expect_request("**/conversations/1/**"):
        at_work.get_by_role("link", name="Fråga om jobbet").click()
    at_work.evaluate("document.getElementById('row-1').outerHTML += ''")
    held[0].continue_()
    expect(at_work.locator(".bottom-bar").get_by_role("button", name="Svara")).to_be_visible()


def test_without_javascript_a_mail_can_be_read_answered_and_marked(browser: Browser, served: str, town: Town) -> None:
    context = browser.new_context(java_script_enabled=False, locale="sv")
    page = context.new_page()
    be_patient(page)
    log_in(page, served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/")
    page.get_by_role("link", name="Fråga om jobbet").click()
    page.get_by_role("button", name="Intern kommentar").click()
    page.get_by_role("textbox", name="Intern kommentar").fill("Ring honom.")
    page.get_by_role("button", name="Spara intern kommentar").click()
    expect(page.get_by_text("Ring honom.")).to_be_visible()
    page.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    page.get_by_role("button", name="Skicka till Barry").click()
    expect(page.get_by_text("Skickas om några sekunder")).to_be_visible()
    assert status(town) == "answered"
    page.get_by_role("button", name="Klart").first.click()
    assert status(town) == "done"
    context.close()


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_wrong(at_work: Page, served: str, town: Town, language: str, scheme: Any) -> None:
    User.objects.update(language=language)
    message = receive(town, "Med fil", html="<p>Hej</p>")
    with scope.organization(town.organization):
        builders.attached(message, "plan.pdf", b"%PDF")
        Message.objects.filter(pk=message.pk).update(authenticity="warning", authenticity_reason="own_domain")
        Conversation.objects.filter(number=1).update(unanswered_since=timezone.now() - timedelta(days=2))
    at_work.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    slug = town.organization.slug
    for path in (
        "",
        "list/done/",
        "search/?q=hockey",
        "conversations/2/?compose=reply",
        "conversations/2/?compose=note",
    ):
        at_work.goto(f"{served}/{slug}/{path}")
        found = Axe().run(at_work)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
