"""Writing and sending in the dashboard: drafts, files, acts and what is asked before a mail leaves."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from conversations.models import Contact, Conversation, Draft, Message
from organizations import scope
from tests.browser.dashboard.pages import open_conversation, status
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_what_is_written_is_saved_without_being_asked(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").press_sequentially("Ett halvt svar")
    expect(at_work.locator("#composer-saved")).to_have_text(re.compile(r"Sparat \d\d:\d\d"))
    at_work.reload()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Ett halvt svar")


def test_the_button_follows_what_is_typed_in_the_fields(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").click()
    field = at_work.get_by_role("textbox", name="Till", exact=True)
    field.fill('"Åkesson, Eva" <eva@example.org>, ove@example.org, halv@')
    expect(at_work.locator("[data-send-label]")).to_have_text("Skicka till Åkesson, +1")
    field.fill("")
    expect(at_work.locator("[data-send-label]")).to_have_text("Skicka")


def test_files_over_the_limit_are_refused_at_once(at_work: Page, served: str, town: Town, settings: Any) -> None:
    settings.ATTACHMENT_UPLOAD_OCTETS = 2000
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").click()
    chosen = at_work.locator("#composer-attachments")
    chosen.set_input_files([{"name": "stor.pdf", "mimeType": "application/pdf", "buffer": b"x" * 3000}])
    expect(at_work.get_by_text("För stort: ett mail rymmer")).to_be_visible()
    expect(at_work.locator("[data-send]")).to_be_disabled()
    chosen.set_input_files([{"name": "liten.pdf", "mimeType": "application/pdf", "buffer": b"x" * 300}])
    expect(at_work.locator("[data-send]")).to_be_enabled()


@pytest.mark.parametrize(
    ("choice", "draft", "mails_sent"),
    [("Spara utkastet", "Halvt", 0), ("Kasta det", None, 0), ("Skicka och Klart", None, 1)],
)
def test_done_with_an_answer_that_was_not_sent_asks_what_to_do_with_it(
    at_work: Page, served: str, town: Town, choice: str, draft: str | None, mails_sent: int
) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Halvt")
    at_work.get_by_role("button", name="Klart", exact=True).last.click()
    dialog = at_work.get_by_role("dialog", name="Ditt svar är inte skickat")
    expect(dialog).to_be_visible()
    assert status(town) == "unanswered"
    with at_work.expect_navigation():
        dialog.get_by_role("button", name=choice).click()
    assert status(town) == "done"
    with scope.organization(town.organization):
        assert Draft.objects.values_list("text", flat=True).first() == draft
        assert Message.objects.filter(kind="outbound").count() == mails_sent


@pytest.mark.parametrize(("choice", "expected"), [("Skicka och Klart", "done"), ("Skicka och vänta", "waiting")])
def test_the_send_menu_sends_and_sets_the_state(
    at_work: Page, served: str, town: Town, choice: str, expected: str
) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Fler sätt att skicka").click()
    with at_work.expect_navigation():
        at_work.get_by_role("button", name=choice).click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert status(town) == expected


def test_a_mail_is_sent_at_a_chosen_time_from_the_menu(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Fler sätt att skicka").click()
    at_work.get_by_role("button", name="Skicka senare…").click()
    dialog = at_work.get_by_role("dialog", name="Skicka senare")
    moment = timezone.localtime() + timedelta(days=3)
    dialog.get_by_label("Dag och tid").fill(f"{moment:%Y-%m-%dT%H:%M}")
    assert Axe().run(at_work).generate_report().startswith("Found 0 ")
    with at_work.expect_navigation():
        dialog.get_by_role("button", name="Skicka då").click()
    expect(at_work.get_by_role("button", name="Skicka inte")).to_be_visible()
    with scope.organization(town.organization):
        mail = Message.objects.select_related("outbound").get(kind="outbound").outbound
    assert mail is not None
    assert f"{timezone.localtime(mail.not_before):%Y-%m-%dT%H:%M}" == f"{moment:%Y-%m-%dT%H:%M}"


def test_a_recipient_that_bounced_is_asked_about_and_sent_to_all_the_same(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        Contact.objects.update(undeliverable_since=timezone.now())
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Titta en gång till innan mailet skickas")).to_be_visible()
    with at_work.expect_navigation():
        at_work.get_by_role("button", name="Skicka ändå").click()
    with scope.organization(town.organization):
        assert Message.objects.filter(kind="outbound").count() == 1


def test_a_colleague_is_chosen_in_the_menu(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("button", name="Otilldelad").click()
    at_work.get_by_role("button", name="Lillestad Admin").click()
    expect(at_work.locator("[popovertarget=assign-menu]")).to_have_text("Lillestad Admin")
    with scope.organization(town.organization):
        assert Conversation.objects.get().assignee == town.admin
