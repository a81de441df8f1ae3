"""A conversation with a mail that does not belong there, and what lists show of it."""

from __future__ import annotations

from django.utils import timezone

from conversations import timeline
from conversations.models import Conversation, Message
from tests.support.builders import Town, received

ANNA = ("Anna Ek", "anna@example.net")


def two_mails(place: Town) -> tuple[Message, Message]:
    """A conversation of Barry's with a mail of Anna's that does not belong there."""
    first = received(place.inbox, "Fråga om jobbet", "Är jobbet ledigt?")
    second = received(place.inbox, "Trasig gunga", "Gungan är trasig.", sender=ANNA, conversation=first.conversation)
    return first, second


def answer(conversation: Conversation, place: Town) -> Message:
    message = Message(
        kind="outbound", author=place.agent, text="Ja.", from_address="jobb@lillestad.se", received_at=timezone.now()
    )
    return timeline.add_outbound(conversation, message)


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def state(conversation: Conversation) -> tuple[object, ...]:
    """Everything a list shows or sorts by."""
    row = fresh(conversation)
    return (
        row.status, row.unanswered_since, row.message_count, row.note_count, row.snippet, row.has_attachments,
        row.last_activity_at, row.waiting_until, row.assignee_id, row.merged_into_id,
    )  # fmt: skip
