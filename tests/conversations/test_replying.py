"""The composer's pages: what is prefilled, drafts, sending, refusing with reasons, taking back."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from conversations import timeline
from conversations.models import Conversation, Draft, Message
from organizations import scope
from tests.support import builders
from tests.support.builders import Town
from whitelabel.models import OutboundMail, OutboundRecipient

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "composer-problems"}


def url(town: Town, name: str, *arguments: Any) -> str:
    return reverse(f"conversations:{name}", args=[town.organization.slug, *arguments])


def form(conversation: Conversation, **changes: Any) -> dict[str, Any]:
    """What the composer's form sends."""
    return {
        "mode": "reply",
        "to": "Barry Berg <barry@example.org>",
        "text": "Hej Barry!",
        "include_history": "on",
        "submission_key": str(uuid.uuid4()),
        "version": str(conversation.version),
        "then": "keep",
        **changes,
    }


def sent(town: Town) -> list[Message]:
    with scope.organization(town.organization):
        return list(Message.objects.filter(kind="outbound").select_related("outbound").order_by("pk"))


def drafts(town: Town) -> dict[str, str]:
    with scope.organization(town.organization):
        return dict(Draft.objects.values_list("kind", "text"))


# --- What it starts with ---------------------------------------------------------------------------------------------


def test_the_composer_is_filled_in_for_an_answer(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert 'name="to" value="Barry Berg &lt;barry@example.org&gt;"' in page
    assert "jobb.lillestad.se@mail.kundo.se" in page
    assert re.search(r"<span data-send-label>Skicka till Barry</span>", page)


def test_the_button_names_the_first_and_counts_the_others(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        copies = [{"name": "Eva", "address": "eva@example.org"}, {"name": "", "address": "ove@example.org"}]
        Message.objects.update(cc=copies)
    page = agent.get(url(lillestad, "conversation", 1) + "?compose=reply_all").content.decode()
    assert "<span data-send-label>Skicka till Barry +2</span>" in page


# --- Drafts ----------------------------------------------------------------------------------------------------------


def test_what_is_written_is_kept_and_comes_back(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    answer = agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Hej, halv", "to": "ny@example.org"})
    assert re.fullmatch(r"Sparat \d\d:\d\d", answer.content.decode().strip())
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert "Hej, halv</textarea>" in page
    assert 'value="ny@example.org"' in page


def test_an_address_half_written_is_no_reason_to_lose_the_text(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Hej", "to": "barry@"})
    assert drafts(lillestad) == {"outbound": "Hej"}


def test_an_emptied_draft_is_gone(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Hej"})
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": " \n"})
    assert drafts(lillestad) == {}


def test_a_draft_is_its_authors_own(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    from tests.conversations.conftest import signed_in

    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Bara min"})
    page = signed_in(lillestad.admin).get(url(lillestad, "conversation", 1)).content.decode()
    assert "Bara min" not in page


def test_a_comment_and_an_answer_are_two_drafts(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Till Barry"})
    agent.post(url(lillestad, "draft", 1), {"mode": "note", "text": "Till oss"})
    assert drafts(lillestad) == {"outbound": "Till Barry", "note": "Till oss"}


def test_changing_the_mode_keeps_the_text_and_changes_the_recipients(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    data = {"mode": "reply", "to_mode": "forward", "text": "Se nedan", "to": "barry@example.org"}
    page = agent.post(url(lillestad, "compose", 1), data, headers={"HX-Request": "true"}).content.decode()
    assert "Se nedan</textarea>" in page
    assert 'name="to" value=""' in page
    assert "<span data-send-label>Skicka</span>" in page


def test_without_javascript_changing_the_mode_opens_the_page_in_it(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    data = {"mode": "reply", "to_mode": "note", "text": "Hej", "list": "mine"}
    response = agent.post(url(lillestad, "compose", 1), data, follow=True)
    assert response.redirect_chain[0][0].endswith("?list=mine&compose=note#composer")
    assert "Spara intern kommentar" in response.content.decode()
    assert drafts(lillestad) == {"outbound": "Hej"}


# --- Sending ---------------------------------------------------------------------------------------------------------


def test_an_answer_goes_to_the_outbox_and_into_the_conversation(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Hej"})
    response = agent.post(url(lillestad, "reply", 1), form(conversation))
    (message,) = sent(lillestad)
    assert message.to == [{"name": "Barry Berg", "address": "barry@example.org"}]
    assert message.outbound is not None
    assert message.outbound.not_before > message.received_at
    assert response.headers["Location"] == url(lillestad, "conversation", 1) + f"?list=unanswered&sent=1-{message.pk}"
    assert drafts(lillestad) == {}


def test_a_comment_is_not_taken_for_an_answer(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    response = agent.post(url(lillestad, "reply", 1), form(conversation, mode="note"))
    assert response.status_code == 422
    assert sent(lillestad) == []
    with scope.organization(lillestad.organization):
        assert not OutboundMail.objects.exists()
        assert Message.objects.count() == 1


def test_the_page_after_sending_offers_to_take_the_mail_back(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    page = agent.post(url(lillestad, "reply", 1), form(conversation), follow=True).content.decode()
    (message,) = sent(lillestad)
    undo = url(lillestad, "undo", 1, message.pk)
    assert f'data-undo="{undo}' in page
    assert f'action="{undo}"' in page


def test_a_mail_taken_back_is_a_draft_again(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "reply", 1), form(conversation))
    (message,) = sent(lillestad)
    page = agent.post(url(lillestad, "undo", 1, message.pk), follow=True).content.decode()
    assert "Mailet skickades inte." in page
    assert "Hej Barry!</textarea>" in page


def test_a_mail_that_has_left_cannot_be_taken_back(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "reply", 1), form(conversation))
    (message,) = sent(lillestad)
    with scope.organization(lillestad.organization):
        OutboundMail.objects.update(state="sent")
    page = agent.post(url(lillestad, "undo", 1, message.pk), follow=True).content.decode()
    assert "Mailet har redan skickats" in page
    assert len(sent(lillestad)) == 1


def test_an_inbox_whose_address_begins_with_swedish_letters_answers(client: Client) -> None:
    town = builders.town("Hålla", "räksmörgås@hålla.se")
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
    client.force_login(town.agent)
    response = client.post(url(town, "reply", conversation.number), form(conversation))
    assert response.status_code == 302
    [message] = sent(town)
    assert message.reply_to[0]["address"].endswith("@mail.kundo.se")


def test_pressing_twice_sends_once(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    data = form(conversation)
    agent.post(url(lillestad, "reply", 1), data)
    agent.post(url(lillestad, "reply", 1), data)
    assert len(sent(lillestad)) == 1


@pytest.mark.parametrize(("then", "status"), [("keep", "answered"), ("done", "done"), ("wait", "waiting")])
def test_sending_leaves_the_conversation_in_the_chosen_state(
    agent: Client, lillestad: Town, conversation: Conversation, then: str, status: str
) -> None:
    agent.post(url(lillestad, "reply", 1), form(conversation, then=then))
    with scope.organization(lillestad.organization):
        assert Conversation.objects.get().status == status


def test_files_are_sent_along(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    files = [SimpleUploadedFile("a.txt", b"ett", "text/plain"), SimpleUploadedFile("b.txt", b"tva", "text/plain")]
    agent.post(url(lillestad, "reply", 1), form(conversation, attachments=files))
    (message,) = sent(lillestad)
    with scope.organization(lillestad.organization):
        assert list(message.attachments.order_by("position").values_list("name", flat=True)) == ["a.txt", "b.txt"]


def test_forwarding_takes_the_ticked_files_of_this_conversation_only(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        ours = builders.attached(Message.objects.get(), "vår.pdf", b"%PDF")
        theirs = builders.attached(builders.received(lillestad.inbox), "deras.pdf", b"%PDF-")
    data = form(conversation, mode="forward", to="chef@example.org", forwarded=[ours.pk, theirs.pk])
    agent.post(url(lillestad, "reply", 1), data)
    (message,) = sent(lillestad)
    with scope.organization(lillestad.organization):
        assert list(message.attachments.values_list("name", flat=True)) == ["vår.pdf"]


def test_the_state_of_delivery_stands_with_the_mail(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "reply", 1), form(conversation, cc="eva@example.org"))
    with scope.organization(lillestad.organization):
        OutboundMail.objects.update(state="sent")
        OutboundRecipient.objects.filter(address="barry@example.org").update(state="sent")
        OutboundRecipient.objects.filter(address="eva@example.org").update(
            state="bounced", reply="550 5.1.1 no such user"
        )
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert re.search(r"till 1 av 2", page)
    assert "550 5.1.1 no such user" in page


# --- Refusing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"to": ""}, "Mailet har ingen mottagare än. Skriv en adress i fältet Till."),
        ({"to": "barry"}, "”barry” är ingen e-postadress."),
        ({"to": "a@b.se, <script>"}, "”&lt;script&gt;” är ingen e-postadress."),
        ({"cc": "a@b"}, "”a@b” är ingen e-postadress."),
        ({"text": " \n "}, "Mailet är tomt. Skriv något innan du skickar det."),
    ],
)
def test_what_cannot_be_sent_comes_back_whole_with_the_reason(
    agent: Client, lillestad: Town, conversation: Conversation, changes: dict[str, str], reason: str
) -> None:
    data = form(conversation, **{"text": "Min text", **changes})
    response = agent.post(url(lillestad, "reply", 1), data)
    page = response.content.decode()
    assert response.status_code == 422
    assert "Mailet skickades inte" in page
    assert reason in page
    assert "Min text" in page or "text" in changes
    assert sent(lillestad) == []


def test_too_many_octets_are_refused_with_the_limit(
    agent: Client, lillestad: Town, conversation: Conversation, settings: Any
) -> None:
    settings.ATTACHMENT_UPLOAD_OCTETS = 1000
    data = form(conversation, attachments=[SimpleUploadedFile("a.bin", b"x" * 1500)])
    page = agent.post(url(lillestad, "reply", 1), data).content.decode()
    assert re.search(r"Filerna är 1,5\s?kB tillsammans och ett mail rymmer 1000 byte", page.replace("\xa0", " "))
    assert sent(lillestad) == []


def test_refusing_in_the_page_swaps_in_the_reasons_alone(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    response = agent.post(url(lillestad, "reply", 1), form(conversation, to=""), headers=HTMX)
    page = response.content.decode()
    assert "Mailet har ingen mottagare än" in page
    assert "<form" not in page
    # htmx puts nothing of an error answer into the page.
    assert response.status_code == 200


def test_somebody_else_was_faster_stops_the_mail_and_shows_what_is_new(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        timeline.add_note(conversation, author=lillestad.admin, text="Jag har ringt Barry.")
    response = agent.post(url(lillestad, "reply", 1), form(conversation))
    page = response.content.decode()
    assert response.status_code == 409
    news = page[page.index('id="composer-problems"') : page.index('class="composer-head"')]
    assert "Något har hänt sedan du började skriva" in news
    assert "Jag har ringt Barry." in news
    assert "Hej, är jobbet ledigt?" not in news
    assert sent(lillestad) == []


def test_whoever_has_read_what_is_new_can_send_anyway(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        timeline.add_note(conversation, author=lillestad.admin, text="Jag har ringt Barry.")
    agent.post(url(lillestad, "reply", 1), form(conversation, anyway="1"))
    assert len(sent(lillestad)) == 1


# --- Comments --------------------------------------------------------------------------------------------------------


def test_a_comment_is_added_and_its_draft_is_gone(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "draft", 1), {"mode": "note", "text": "Ring"})
    agent.post(url(lillestad, "note", 1), {"text": "Ring Barry."})
    with scope.organization(lillestad.organization):
        note = Message.objects.get(kind="note")
        assert (note.text, note.author, note.outbound) == ("Ring Barry.", lillestad.agent, None)
        assert not OutboundMail.objects.exists()
    assert drafts(lillestad) == {}


def test_an_empty_comment_is_refused_in_words(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    response = agent.post(url(lillestad, "note", 1), {"text": "  "})
    assert response.status_code == 422
    assert "Kommentaren är tom." in response.content.decode()
