"""Live mail in the open pages: what comes in, and what stays where it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from conversations.models import Conversation
from organizations import scope
from tests.browser.dashboard.pages import open_conversation, open_list, receive, status
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_new_mail_slides_into_the_open_list_and_the_count_follows(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town)
    at_work.evaluate("window.notReloaded = true")
    unanswered = at_work.locator(".rail-link[title=Obesvarade]")
    expect(unanswered).to_contain_text("1")
    receive(town, "Nyss inkommet")
    expect(at_work.locator("#rows .row").first).to_contain_text("Nyss inkommet")
    expect(unanswered).to_contain_text("2")
    assert at_work.evaluate("window.notReloaded") is True


def test_a_list_that_is_being_read_does_not_jump_but_tells_how_many_are_new(
    at_work: Page, served: str, town: Town
) -> None:
    for number in range(20):
        receive(town, f"Mail {number}")
    open_list(at_work, served, town)
    at_work.evaluate("document.getElementById('list-scroll').scrollTop = 300")
    receive(town, "Nyss inkommet")
    button = at_work.get_by_role("button", name="1 ny konversation")
    expect(button).to_be_visible()
    assert at_work.evaluate("document.getElementById('list-scroll').scrollTop") == 300
    button.click()
    expect(at_work.locator("#rows .row").first).to_contain_text("Nyss inkommet")


def test_a_row_that_is_chosen_stays_chosen_when_news_comes(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town)
    at_work.get_by_role("checkbox", name="Fråga om jobbet").check()
    expect(at_work.get_by_role("group", name="Hantera flera")).to_be_visible()
    receive(town, "Nyss inkommet")
    expect(at_work.get_by_role("button", name="1 ny konversation")).to_be_visible()
    expect(at_work.get_by_role("checkbox", name="Fråga om jobbet")).to_be_checked()


def test_a_mail_in_the_open_conversation_comes_below_and_leaves_the_draft_alone(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        conversation = Conversation.objects.get()
    for number in range(8):
        receive(town, text=f"Mail {number}\n\n" * 10, conversation=conversation)
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Mitt svar")
    before = at_work.evaluate("document.getElementById('thread-scroll').scrollTop")
    receive(town, text="Det här kom sist", conversation=conversation)
    expect(at_work.locator("#thread > li").last).to_contain_text("Det här kom sist")
    expect(at_work.locator(".thread-new")).to_contain_text("Nytt")
    assert at_work.evaluate("document.getElementById('thread-scroll').scrollTop") == before
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Mitt svar")


def test_an_answer_to_a_mail_that_was_not_seen_is_stopped_and_to_one_that_was_seen_is_not(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        conversation = Conversation.objects.get()
    receive(town, text="rad\n" * 200, conversation=conversation)
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Mitt svar")
    receive(town, text="Glöm det jag skrev", conversation=conversation)
    expect(at_work.locator(".thread-new")).to_be_attached()
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Något har hänt sedan du började skriva")).to_be_visible()
    assert status(town) == "unanswered"
    at_work.locator("#thread > li").last.scroll_into_view_if_needed()
    expect(at_work.locator("#composer-form [name=version]")).to_have_value("4")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert status(town) == "answered"


def test_a_row_marked_as_done_leaves_the_list_and_nothing_else_happens(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    address = at_work.url
    at_work.locator("#row-1").hover()
    at_work.locator("#row-1").get_by_role("button", name="Klart").click()
    expect(at_work.get_by_text("#1 är klart.")).to_be_visible()
    expect(at_work.locator("#row-1")).to_have_count(0)
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_visible()
    assert at_work.url == address
    assert status(town) == "done"
