"""The dashboard on a phone, without JavaScript, and for screen readers."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, Route, expect

from conversations.models import Conversation, Message
from organizations import scope
from organizations.models import User
from tests.browser.dashboard.pages import open_conversation, open_list, receive, status
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


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_long_address_breaks_at_its_joints_and_nothing_lies_over_it(
    at_work: Page, served: str, town: Town, language: str
) -> None:
    User.objects.update(language=language)
    local, domain = "automatiska.kvittenser.och.utskick", "kundtjanst.stockholmsregionen.example.org"
    named = receive(town, "Kvittens", sender=("Region Stockholms kundtjänst", f"{local}@{domain}"))
    with scope.organization(town.organization):
        builders.received(town.inbox, conversation=named.conversation, sender=("", f"{local}@{domain}"))
        Message.objects.filter(conversation=named.conversation).update(mail_class="auto_generated")
    open_conversation(at_work, served, town, 2)
    for width in (320, 390, 1200, 1440):
        at_work.set_viewport_size({"width": width, "height": 844})
        for head in at_work.locator(".message-head").all():
            assert head.evaluate("head => head.scrollWidth <= head.clientWidth"), width
            name, *others = (head.locator(part).first for part in (".message-from", ".badge", "time"))
            assert not any(overlap(name, other) for other in others), width
            shown = lines(head.get_by_text(domain).first)
            assert "".join(shown) == f"{local}@{domain}"
            assert all(before[-1] == "@" or after[0] == "." for before, after in pairwise(shown)), (width, shown)


def lines(text: Locator) -> list[str]:
    """The lines an element's text is set in."""
    found: list[str] = text.evaluate(
        """(element) => {
            const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), lines = new Map()
            while (walker.nextNode()) {
                for (let place = 0; place < walker.currentNode.length; place++) {
                    const range = document.createRange()
                    range.setStart(walker.currentNode, place)
                    range.setEnd(walker.currentNode, place + 1)
                    const top = Math.round(range.getBoundingClientRect().top)
                    lines.set(top, (lines.get(top) || "") + range)
                }
            }
            return [...lines.values()]
        }"""
    )
    return found


def overlap(one: Locator, other: Locator) -> bool:
    """Whether two elements' boxes have a part in common."""
    left, top, right, bottom = box(one)
    other_left, other_top, other_right, other_bottom = box(other)
    return left < other_right and other_left < right and top < other_bottom and other_top < bottom


def box(element: Locator) -> tuple[float, float, float, float]:
    """The left, top, right and bottom edge of an element, in px."""
    found = element.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


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
