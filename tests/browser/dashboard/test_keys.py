"""The dashboard by keyboard alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from conversations import timeline
from conversations.models import Conversation
from organizations import scope
from tests.browser.dashboard.pages import open_conversation, open_list, receive, status
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_mail_is_found_answered_and_taken_back_by_keyboard_alone(
    at_work: Page, served: str, town: Town, settings: Any
) -> None:
    settings.UNDO_SEND_SECONDS = 60  # a busy machine may take more than ten to show the next page
    open_list(at_work, served, town, "unanswered")
    keys = at_work.keyboard
    keys.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    keys.press("Enter")
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    keys.press("r")
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_be_focused()
    keys.type("Hej Barry!")
    keys.press("Control+Enter")
    expect(at_work.get_by_text(re.compile(r"Mailet skickas om \d+ sekunder"))).to_be_visible()
    at_work.locator(".toast-undo").focus()
    keys.press("Enter")
    expect(at_work.get_by_text("Mailet skickades inte.")).to_be_visible()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Hej Barry!")


def test_the_key_for_done_on_a_row_leads_to_the_next_row(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    at_work.keyboard.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_focused()
    assert (status(town, 1), status(town, 2)) == ("done", "unanswered")
    expect(at_work.locator("#row-1")).to_have_count(0)
    at_work.keyboard.press("e")
    expect(at_work.locator("#list")).to_be_focused()
    assert status(town, 2) == "done"


def test_news_during_the_act_of_a_row_do_not_swallow_its_answer(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town, "unanswered")
    at_work.keyboard.press("j")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    at_work.route("**/status/", hold)
    with at_work.expect_request("**/status/"):
        at_work.keyboard.press("e")
    expect(at_work.locator("#row-1 .htmx-request")).to_have_count(1)
    # A row that differs from the server's is replaced by news.
    at_work.evaluate("document.getElementById('row-1').dataset.old = 'yes'")
    with at_work.expect_response("**/list/unanswered/**"):
        at_work.evaluate("document.body.dispatchEvent(new CustomEvent('live:refresh'))")
    at_work.wait_for_timeout(100)
    held[0].continue_()
    expect(at_work.locator("#list")).to_be_focused()
    assert status(town, 1) == "done"


def test_the_key_for_done_in_a_conversation_leads_to_the_next_and_then_to_the_list(
    at_work: Page, served: str, town: Town
) -> None:
    receive(town, "Nästa")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    expect(at_work.locator("#conversation")).to_be_focused()
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("heading", level=1, name="Obesvarade")).to_be_visible()
    expect(at_work.locator("#list")).to_be_focused()
    assert (status(town, 1), status(town, 2)) == ("done", "done")


def folder(town: Town, number: int = 1) -> str:
    with scope.organization(town.organization):
        return Conversation.objects.get(number=number).folder


def test_the_key_for_spam_on_a_row_can_be_undone_and_the_row_comes_back(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    rail = at_work.locator(".rail-link[title=Skräppost]")
    expect(rail).to_have_count(0)
    at_work.keyboard.press("j")
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_focused()
    expect(at_work.locator("#row-1")).to_have_count(0)
    expect(rail).to_have_count(1)
    assert (folder(town, 1), folder(town, 2)) == ("spam", "")
    at_work.locator(".toast-undo").click()
    expect(at_work.locator("#row-1")).to_have_count(1)
    expect(rail).to_have_count(0)
    assert folder(town) == ""


def test_the_key_for_spam_in_a_conversation_goes_on_and_the_same_key_takes_it_back(
    at_work: Page, served: str, town: Town
) -> None:
    receive(town, "Nästa")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    expect(at_work.get_by_text("#1 ligger nu i Skräppost.")).to_be_visible()
    assert folder(town) == "spam"
    at_work.locator(".toast-undo").click()
    expect(at_work.get_by_text("#1 är inte längre skräppost.")).to_be_visible()
    assert folder(town) == ""
    open_list(at_work, served, town, "unanswered")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    open_list(at_work, served, town, "spam")
    at_work.keyboard.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    at_work.keyboard.press("Enter")
    expect(at_work.locator(".conversation-state")).to_contain_text("Skräppost")
    at_work.keyboard.press("s")
    expect(at_work.locator(".conversation-state")).to_contain_text("Obesvarad")
    assert folder(town) == ""


def test_the_bar_of_a_phone_follows_the_conversation(at_work: Page, served: str, town: Town) -> None:
    with scope.organization(town.organization):
        done = timeline.set_status(Conversation.objects.get(), "done", actor=town.agent)
        timeline.mark_spam(done, actor=town.agent)
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_conversation(at_work, served, town)
    bar = at_work.locator("#bottom-bar")
    bar.get_by_role("button", name="Inte skräppost").click()
    expect(bar.get_by_role("button", name="Klart")).to_be_disabled()
    at_work.get_by_role("button", name="Öppna igen").click()
    expect(bar.get_by_role("button", name="Klart")).to_be_enabled()


def test_the_bar_of_a_phone_follows_what_colleagues_do(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_conversation(at_work, served, town)
    expect(at_work.locator("#bottom-bar").get_by_role("button", name="Klart")).to_be_enabled()
    with scope.organization(town.organization):
        timeline.set_status(Conversation.objects.get(), "done", actor=town.admin)
    expect(at_work.locator("#bottom-bar").get_by_role("button", name="Klart")).to_be_disabled()


def test_enter_in_a_field_of_recipients_sends_nothing(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("textbox", name="Till", exact=True).press("Enter")
    at_work.wait_for_timeout(300)
    assert status(town) == "unanswered"


@pytest.mark.parametrize(("key", "expected"), [("e", "done"), ("w", "waiting")])
def test_a_key_sets_the_state(at_work: Page, served: str, town: Town, key: str, expected: str) -> None:
    open_conversation(at_work, served, town)
    with at_work.expect_response(re.compile("/status/")):
        at_work.keyboard.press(key)
    assert status(town) == expected


def test_the_keys_can_be_seen(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.keyboard.press("?")
    sheet = at_work.get_by_role("dialog")
    for words in ("Svara", "Klart", "Vänta", "Tilldela mig", "Sök"):
        expect(sheet.get_by_text(words, exact=True)).to_be_visible()
