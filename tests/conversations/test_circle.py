"""Whom an answer goes to by itself, and what is said of recipients and of forgotten files before a mail leaves."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from conversations.models import Conversation, Draft, Message
from organizations import scope
from tests.conversations.test_drafts import composing, names, page_of, text_file, value_of
from tests.conversations.test_replying import HTMX, drafts, form, sent, url
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db

EVA = {"name": "Eva Ek", "address": "eva@example.org"}
QUESTION = "Titta en gång till innan mailet skickas"


def copied_to(town: Town, *addresses: str) -> None:
    with scope.organization(town.organization):
        Message.objects.update(cc=[{"name": "", "address": address} for address in addresses])


def press(client: Client, town: Town, conversation: Conversation, **changes: Any) -> str:
    return client.post(url(town, "reply", 1), form(conversation, **changes), headers=HTMX).content.decode()


# --- Reply or reply all ----------------------------------------------------------------------------------------------


def test_a_mail_with_several_people_outside_is_answered_to_all(agent, lillestad, conversation) -> None:
    copied_to(lillestad, "eva@example.org")
    page = page_of(agent, lillestad)
    assert (value_of(page, "mode"), value_of(page, "to")) == ("reply_all", "Barry Berg &lt;barry@example.org&gt;")
    assert value_of(page, "cc") == "eva@example.org"
    assert "<span data-send-label>Skicka till Barry +1</span>" in page
    page = composing(lillestad, agent, mode="reply_all", to_mode="reply")
    assert (value_of(page, "mode"), value_of(page, "cc")) == ("reply", "")


def test_the_choice_between_all_and_the_sender_is_seen(agent, lillestad, conversation) -> None:
    copied_to(lillestad, "eva@example.org")
    page = page_of(agent, lillestad)
    buttons = re.findall(r'<button[^>]*name="to_mode"[^>]*value="reply"[^>]*>.*?</button>', page, re.DOTALL)
    assert sum("Bara avsändaren" in button for button in buttons) == 2  # below the mail, and in the composer
    composer = composing(lillestad, agent, mode="reply_all", to_mode="reply")
    assert "Bara avsändaren" not in composer
    assert re.search(r'value="reply_all"[^>]*>Svara alla</button>', composer)


@pytest.mark.parametrize("who", ["colleague", "inbox", "service", "himself"])
def test_people_of_the_house_do_not_make_several(agent, lillestad, conversation, who: str) -> None:
    with scope.organization(lillestad.organization):
        service = builders.create_inbox("bygg@lillestad.se", "Bygg", actor=lillestad.admin).service_address
    addresses = {
        "colleague": lillestad.admin.email.upper(),
        "inbox": "Bygg@lillestad.se",
        "service": service,
        "himself": "BARRY@example.org",
    }
    copied_to(lillestad, addresses[who])
    page = page_of(agent, lillestad)
    assert (value_of(page, "mode"), value_of(page, "cc")) == ("reply", "")


def test_a_comment_and_back_is_to_all_again(agent, lillestad, conversation) -> None:
    copied_to(lillestad, "eva@example.org")
    composing(lillestad, agent, mode="reply_all", to_mode="note")
    page = composing(lillestad, agent, mode="note", to_mode="mail")
    assert (value_of(page, "mode"), value_of(page, "cc")) == ("reply_all", "eva@example.org")


# --- New in the conversation -----------------------------------------------------------------------------------------


def people(client: Client, town: Town, **data: str) -> str:
    return client.post(url(town, "draft_people", 1), {"mode": "reply", **data}).content.decode()


def test_a_recipient_who_was_not_there_before_is_marked(agent, lillestad, conversation) -> None:
    assert "Ny i tråden" not in page_of(agent, lillestad)
    page = people(agent, lillestad, to="Barry@Example.org, Eva <eva@example.org>", cc="ove@example.org, halv@")
    assert "Ny i tråden: eva@example.org, ove@example.org" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to"])
def test_nobody_who_stands_in_an_earlier_mail_is_new(agent, lillestad, conversation, field: str) -> None:
    with scope.organization(lillestad.organization):
        Message.objects.update(**{field: [{"name": "", "address": "Eva@example.org"}]})
        builders.received(lillestad.inbox, conversation=conversation)
    assert "Ny i tråden" not in people(agent, lillestad, to="eva@example.org")


def test_another_conversation_does_not_count(agent, lillestad, conversation) -> None:
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, sender=("Eva", "eva@example.org"))
    assert "Ny i tråden" in people(agent, lillestad, to="eva@example.org")


# --- Colleagues ------------------------------------------------------------------------------------------------------


def test_a_colleague_among_the_recipients_is_asked_about(agent, lillestad, conversation) -> None:
    colleague = lillestad.admin.email
    marks = people(agent, lillestad, to=f"barry@example.org, {colleague.upper()}")
    assert "Kollega:" in marks
    assert f'formaction="{url(lillestad, "compose", 1)}"' in marks
    assert "Gör till intern kommentar" in marks
    page = press(agent, lillestad, conversation, cc=colleague)
    assert QUESTION in page
    assert f"{colleague} tillhör er organisation." in page
    assert "Gör till intern kommentar" in page
    assert sent(lillestad) == []
    press(agent, lillestad, conversation, cc=colleague, despite_warnings="1")
    assert len(sent(lillestad)) == 1


def test_a_colleague_whom_the_customer_wrote_to_is_not_asked_about(agent, lillestad, conversation) -> None:
    copied_to(lillestad, lillestad.admin.email)
    press(agent, lillestad, conversation, cc=lillestad.admin.email)
    assert len(sent(lillestad)) == 1


def test_forwarding_to_a_colleague_is_not_asked_about(agent, lillestad, conversation) -> None:
    press(agent, lillestad, conversation, mode="forward", to=lillestad.admin.email)
    assert len(sent(lillestad)) == 1


def test_members_of_another_organization_are_no_colleagues(agent, lillestad, conversation) -> None:
    other = builders.town("Storstad", "jobb@storstad.se")
    press(agent, lillestad, conversation, cc=other.agent.email)
    assert len(sent(lillestad)) == 1


def test_what_is_written_becomes_an_internal_comment(agent, lillestad, conversation) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "note", "text": "Redan skrivet."})
    data = {"text": "Kan du ta den här?", "to": lillestad.admin.email}
    page = composing(lillestad, agent, to_mode="make_note", **data)
    assert "Redan skrivet.\n\nKan du ta den här?</textarea>" in page
    assert drafts(lillestad) == {"note": "Redan skrivet.\n\nKan du ta den här?"}


def test_files_stay_with_the_mail_when_its_text_becomes_a_comment(agent, lillestad, conversation) -> None:
    data = {"mode": "reply", "text": "Kan du?", "attachments": text_file("a.txt")}
    agent.post(url(lillestad, "draft_files", 1), data)
    composing(lillestad, agent, to_mode="make_note", text="Kan du?")
    with scope.organization(lillestad.organization):
        mail = Draft.objects.get(kind="outbound")
        assert (mail.text, [file.name for file in mail.files.all()]) == ("", ["a.txt"])


# --- Forgotten files -------------------------------------------------------------------------------------------------

SAYS = "Du skriver om en bilaga, men ingen fil är bifogad."


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Jag bifogar kartan.", True),
        ("Se BILAGA 1", True),
        ("Se fakturabilagan.", True),
        ("The form is attached.", True),
        ("Please find the form enclosed", True),
        ("Hej Barry!", False),
        ("> Jag bifogar kartan.\nTack!", False),
        ("Den är obifogad", False),
    ],
)
def test_words_about_a_file_that_is_not_there(agent, lillestad, conversation, text: str, asked: bool) -> None:
    page = press(agent, lillestad, conversation, text=text)
    assert (SAYS in page) == asked
    assert len(sent(lillestad)) == (not asked)


def test_the_quote_of_the_mail_answered_does_not_ask(agent, lillestad, conversation) -> None:
    with scope.organization(lillestad.organization):
        Message.objects.update(text="Jag bifogar min ansökan.", ranges=[[0, 24, "visible"]])
    press(agent, lillestad, conversation)
    assert len(sent(lillestad)) == 1


@pytest.mark.parametrize("way", ["kept", "attachments", "forwarded"])
def test_a_file_in_any_way_answers_it(agent, lillestad, conversation, way: str) -> None:
    if way == "kept":
        data = {"mode": "reply", "attachments": text_file("a.txt")}
        listed = agent.post(url(lillestad, "draft_files", 1), data, headers=HTMX).content.decode()
        changes: dict[str, Any] = {"kept": re.findall(r'name="kept" value="(\d+)"', listed)}
    elif way == "attachments":
        changes = {"attachments": text_file("a.txt")}
    else:
        with scope.organization(lillestad.organization):
            file = builders.attached(Message.objects.get(), "a.txt", b"ett")
        changes = {"mode": "forward", "to": "chef@example.org", "forwarded": [file.pk]}
    press(agent, lillestad, conversation, text="Jag bifogar den.", **changes)
    [message] = sent(lillestad)
    assert names(lillestad, message) == [("a.txt", b"ett")]


def test_a_person_may_send_without_the_file(agent, lillestad, conversation) -> None:
    press(agent, lillestad, conversation, text="Jag bifogar den.", despite_warnings="1")
    assert len(sent(lillestad)) == 1
