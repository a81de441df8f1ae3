"""The only module that changes a conversation: what is added to it, who has it, and which state it is in.

States (Conversation.Status)

    unanswered  the customer wrote last         ← a person's mail arrives, a hard bounce, reopened
    answered    we wrote last                   ← a reply is sent
    waiting     somebody else has to act        ← set by an agent, optionally until a time
    done        nothing more to do              ← set by an agent, or "send and mark as done"
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Max
from django.utils import timezone

from conversations import live
from conversations.indexing import search_vector
from conversations.models import Attachment, Contact, Conversation, Message
from inboxes.models import Inbox
from organizations.models import Organization, User, record

Status = Conversation.Status
SNIPPET_CHARACTERS = 200
# What "send and …" means for the state.
STATUS_AFTER_SENDING = {"keep": Status.ANSWERED, "done": Status.DONE, "wait": Status.WAITING}


def open_conversation(
    inbox: Inbox, *, subject: str, normal_subject: str, contact: Contact | None, sender_label: str, at: datetime
) -> Conversation:
    """Start a conversation with the organization's next number."""
    return Conversation.objects.create(
        inbox=inbox,
        number=_next_number(inbox.organization_id),
        subject=subject[:1000],
        normal_subject=normal_subject[:1000],
        contact=contact,
        sender_label=sender_label[:320],
        last_activity_at=at,
    )


def receive(
    conversation: Conversation, message: Message, attachments: Sequence[Attachment] = (), *, from_person: bool
) -> Message:
    """Add a received mail. Only mail `from_person` reopens; automatic mail changes no state, or starts as done."""
    conversation = locked(conversation)
    _store(conversation, message, attachments)
    conversation.has_attachments = conversation.has_attachments or any(not a.inline for a in attachments)
    first = conversation.message_count == 1
    if from_person or first:
        conversation.snippet = snippet(message)
        _to_status(conversation, Status.UNANSWERED if from_person else Status.DONE, at=message.received_at)
    _touch(conversation, message.received_at)
    conversation.save()
    live.announce(conversation, "message")
    return message


def add_outbound(
    conversation: Conversation, message: Message, attachments: Sequence[Attachment] = (), *, then: str = "keep"
) -> Message:
    """Add a mail that the outbox has taken over. `then`: keep, done or wait."""
    conversation = locked(conversation)
    _store(conversation, message, attachments)
    if conversation.assignee_id is None and message.author_id:
        conversation.assignee = message.author
    _to_status(conversation, STATUS_AFTER_SENDING[then], at=message.received_at)
    _touch(conversation, message.received_at)
    conversation.save()
    live.announce(conversation, "message")
    return message


def take_back(conversation: Conversation, message: Message, *, before: dict[str, str | None]) -> None:
    """Remove a sent mail that never left. `before` is the state the conversation had then, from `state_of`."""
    conversation = locked(conversation)
    message.delete()
    conversation.message_count -= 1
    conversation.version += 1
    conversation.status = before["status"] or Status.UNANSWERED
    conversation.waiting_until = _moment(before["waiting_until"])
    conversation.unanswered_since = _moment(before["unanswered_since"])
    newest = Message.objects.filter(conversation=conversation).aggregate(at=Max("received_at"))["at"]
    conversation.last_activity_at = newest or conversation.created_at
    conversation.save()
    live.announce(conversation, "message")


def state_of(conversation: Conversation) -> dict[str, str | None]:
    """State and times of a conversation as JSON values, for `take_back`."""
    times = {"waiting_until": conversation.waiting_until, "unanswered_since": conversation.unanswered_since}
    return {"status": conversation.status, **{name: at.isoformat() if at else None for name, at in times.items()}}


def add_note(conversation: Conversation, *, author: User, text: str) -> Message:
    """Add an internal comment. It has no recipients and no way out."""
    conversation = locked(conversation)
    note = Message(
        kind=Message.Kind.NOTE, author=author, from_name=author.display_name, text=text, received_at=timezone.now()
    )
    _store(conversation, note, ())
    conversation.note_count += 1
    conversation.save(update_fields=["note_count", "message_count", "version"])
    live.announce(conversation, "note")
    return note


def assign(conversation: Conversation, assignee: User | None, *, actor: User) -> Conversation:
    """Give the conversation to a colleague, or to nobody."""
    conversation = locked(conversation)
    if conversation.assignee_id != (assignee.pk if assignee else None):
        conversation.assignee = assignee
        conversation.save(update_fields=["assignee"])
        record("conversation.assigned", conversation, actor=actor, to=assignee.pk if assignee else None)
        live.announce(conversation, "assignee")
    return conversation


def set_status(
    conversation: Conversation, status: str, *, actor: User | None, waiting_until: datetime | None = None
) -> Conversation:
    """Mark as done, waiting, or unanswered again. Does nothing when it is so already."""
    conversation = locked(conversation)
    if conversation.status == status and conversation.waiting_until == waiting_until:
        return conversation
    before = conversation.status
    _to_status(conversation, status, at=timezone.now())
    conversation.waiting_until = waiting_until if status == Status.WAITING else None
    conversation.save(update_fields=["status", "waiting_until", "unanswered_since"])
    record("conversation.status", conversation, actor=actor, before=before, after=status)
    live.announce(conversation, "status")
    return conversation


def mark_delivery(conversation: Conversation, *, failed: bool, reopen: bool) -> None:
    """A sent mail's fate changed. A hard bounce reopens: the customer never got the answer."""
    conversation = locked(conversation)
    conversation.has_failed_delivery = failed
    if reopen:
        _to_status(conversation, Status.UNANSWERED, at=timezone.now())
    conversation.save(update_fields=["has_failed_delivery", "status", "waiting_until", "unanswered_since"])
    live.announce(conversation, "delivery")


def locked(conversation: Conversation) -> Conversation:
    """The conversation's row as it is now, locked until the transaction ends."""
    return Conversation.objects.select_for_update().get(pk=conversation.pk)


def snippet(message: Message) -> str:
    """The first words a list row shows: what is new in the mail, on one line."""
    visible = (
        "".join(message.text[start:end] for start, end, kind in message.ranges if kind == "visible") or message.text
    )
    return " ".join(visible[: SNIPPET_CHARACTERS * 4].split())[:SNIPPET_CHARACTERS]


def _store(conversation: Conversation, message: Message, attachments: Sequence[Attachment]) -> None:
    message.conversation = conversation
    message.inbox_id = conversation.inbox_id
    message.search_vector = search_vector(message)
    message.save(force_insert=True)
    for position, attachment in enumerate(attachments):
        attachment.message = message
        attachment.position = position
    Attachment.objects.bulk_create(attachments)
    conversation.message_count += 1
    conversation.version += 1


def _touch(conversation: Conversation, at: datetime) -> None:
    conversation.last_activity_at = max(conversation.last_activity_at, at)


def _to_status(conversation: Conversation, status: str, *, at: datetime) -> None:
    if status == Status.UNANSWERED:
        conversation.unanswered_since = conversation.unanswered_since or at
    else:
        conversation.unanswered_since = None
    conversation.status = status
    conversation.waiting_until = None


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _next_number(organization_id: int) -> int:
    Organization.objects.filter(pk=organization_id).update(last_conversation_number=F("last_conversation_number") + 1)
    return Organization.objects.values_list("last_conversation_number", flat=True).get(pk=organization_id)
