"""A mail is sent once, only if nothing has changed, and can be taken back until it leaves."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations import composer, drafts, timeline
from conversations.models import Conversation, Draft, Message
from organizations import scope
from organizations.models import Event, record
from tests.conversations.composer.writing import BARRY, DAVID, on_the_wire, send
from tests.support import builders
from whitelabel import outbox_queue
from whitelabel.models import OutboundMail

pytestmark = pytest.mark.django_db

# --- Once, and only if nothing has changed -------------------------------------------------------------------------


def test_pressing_twice_sends_once(conversation, town) -> None:
    key = uuid.uuid4()
    first = send(conversation, town, submission_key=key, version=conversation.version)
    second = send(conversation, town, submission_key=key, version=conversation.version)
    assert first.pk == second.pk
    assert OutboundMail.objects.count() == 1


def test_an_answer_to_an_older_state_is_not_sent(conversation, town) -> None:
    builders.received(town.inbox, conversation=conversation, text="Glöm det.")
    with pytest.raises(composer.ConversationChanged):
        send(conversation, town, version=conversation.version)
    assert not OutboundMail.objects.exists()
    assert send(conversation, town, version=None).pk


def test_sending_moves_the_conversation(conversation, town) -> None:
    send(conversation, town, then="done")
    conversation.refresh_from_db()
    assert (conversation.status, conversation.message_count, conversation.unanswered_since) == ("done", 2, None)


def test_an_answer_in_a_merged_conversation_goes_to_where_it_was_merged(conversation, town) -> None:
    target = builders.received(town.inbox, "Annat ärende").conversation
    Conversation.objects.filter(pk=conversation.pk).update(merged_into=target.pk)
    assert send(conversation, town).conversation_id == target.pk


def test_message_and_outbox_share_one_fate(conversation, town, monkeypatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("database gone")

    monkeypatch.setattr(timeline, "add_outbound", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        send(conversation, town)
    assert not OutboundMail.objects.exists()


# --- Taking back ---------------------------------------------------------------------------------------------------


def test_a_mail_taken_back_is_a_draft_again_and_the_conversation_as_before(conversation, town) -> None:
    before = (conversation.status, conversation.unanswered_since, conversation.message_count)
    message = send(conversation, town, then="done", cc=[DAVID], not_before=timezone.now() + timedelta(seconds=10))
    assert drafts.undo(message, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since, conversation.message_count) == before
    draft = Draft.objects.get(conversation=conversation, author=town.agent)
    assert (draft.text, draft.to, draft.cc) == ("Hej Barry!\n\nJobbet är ledigt.", [BARRY], [DAVID])
    assert not Message.objects.filter(pk=message.pk).exists()


def test_a_mail_that_came_since_stays_unanswered_when_the_answer_is_taken_back(conversation, town) -> None:
    timeline.set_status(conversation, Conversation.Status.DONE, actor=town.agent)
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    newer = builders.received(town.inbox, "Tillägg", "En sak till.", conversation=conversation)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", newer.received_at)


def test_the_first_unanswered_mail_counts_when_the_answer_is_taken_back(conversation, town) -> None:
    since = conversation.unanswered_since
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    builders.received(town.inbox, "Tillägg", "En sak till.", conversation=conversation)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", since)


def test_what_a_colleague_decided_since_stands_when_the_answer_is_taken_back(conversation, town) -> None:
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    timeline.set_status(conversation, Conversation.Status.WAITING, actor=town.admin)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert conversation.status == "waiting"


@pytest.fixture
def remembering_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending as it once was: its event did not say which state the sending led to."""

    def less(*args: Any, after: object, **named: Any) -> Event:
        return record(*args, **named)

    monkeypatch.setattr(composer, "record", less)


@pytest.mark.usefixtures("remembering_less")
@pytest.mark.parametrize("then", ["keep", "done", "wait"])
def test_a_mail_is_taken_back_that_was_planned_before_its_state_was_remembered(conversation, town, then: str) -> None:
    since = conversation.unanswered_since
    planned = send(conversation, town, then=then, not_before=timezone.now() + timedelta(days=1))
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", since)


@pytest.mark.usefixtures("remembering_less")
def test_a_mail_that_came_since_stays_unanswered_also_then(conversation, town) -> None:
    timeline.set_status(conversation, Conversation.Status.DONE, actor=town.agent)
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    newer = builders.received(town.inbox, "Tillägg", "En sak till.", conversation=conversation)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", newer.received_at)


def test_a_comment_is_no_activity_when_the_answer_is_taken_back(conversation, town) -> None:
    active = conversation.last_activity_at
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.last_activity_at) == ("unanswered", active)


def test_a_mail_a_worker_has_taken_is_not_taken_back(conversation, town) -> None:
    message = send(conversation, town)
    OutboundMail.objects.filter(pk=message.outbound_id).update(state="sending", attempts=1)
    assert not drafts.undo(message, town.agent)
    assert Message.objects.filter(pk=message.pk).exists()


def test_taking_back_twice_is_harmless(conversation, town) -> None:
    message = send(conversation, town, not_before=timezone.now() + timedelta(seconds=10))
    assert drafts.undo(message, town.agent)
    assert not drafts.undo(message, town.agent)


def test_a_mail_taken_back_is_never_sent(town) -> None:
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
        message = send(conversation, town, not_before=timezone.now() + timedelta(seconds=10))
        drafts.undo(message, town.agent)
        OutboundMail.objects.update(next_attempt_at=timezone.now() - timedelta(days=1))
    assert outbox_queue.claim(10) == []


def test_a_note_has_no_way_out(conversation, town) -> None:
    note = timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    assert note.outbound_id is None
    assert not OutboundMail.objects.exists()


def test_the_database_gives_no_note_a_mail(conversation, town) -> None:
    note = timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    mail = send(conversation, town).outbound
    Message.objects.filter(outbound=mail).update(outbound=None)
    with pytest.raises(IntegrityError, match="note_has_no_mail"), transaction.atomic():
        Message.objects.filter(pk=note.pk).update(outbound=mail)
    note.pk, note.outbound = None, mail
    with pytest.raises(IntegrityError, match="note_has_no_mail"), transaction.atomic():
        note.save(force_insert=True)


@pytest.mark.parametrize("answered", ["är jobbet ledigt?", "Jobbet är ledigt."])
@pytest.mark.parametrize("action", ["reply", "reply_all", "forward"])
def test_the_words_of_a_note_are_in_no_mail(conversation, town, action, answered) -> None:
    """Neither where the customer's mail is answered nor where only ours is there to follow."""
    timeline.add_note(conversation, author=town.agent, text="Sekretess: ring Gun-Britt")
    send(conversation, town)
    timeline.add_note(conversation, author=town.agent, text="Sekretess: ring Gun-Britt")
    if answered.startswith("J"):
        Message.objects.filter(kind="inbound").delete()
    filled = composer.prefill(conversation, action, town.agent)
    assert answered in filled.quoted
    message = send(conversation, town, text="Se nedan.", action=action, attachments=filled.attachments)
    mail = on_the_wire(message)
    assert answered in mail.text
    octets = bytes(message.outbound.content)
    for words in (mail.text, mail.html, octets.decode(), message.text, message.subject):
        assert "Sekretess" not in words
        assert "Gun-Britt" not in words
