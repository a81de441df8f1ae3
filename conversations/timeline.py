"""The only module that changes a conversation: what is added to it, who has it, and which state it is in.

What states there are and what leads from one to another: conversations.states.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from conversations import live, states
from conversations.indexing import search_vector
from conversations.models import Attachment, Contact, Conversation, Message
from conversations.quiet import QUIET_CLASSES, folder_of
from conversations.reachability import heard_from
from conversations.states import State
from inboxes.models import Inbox
from organizations.models import Event, User, record

Status, Folder = Conversation.Status, Conversation.Folder
MARKED_AS_SPAM, NOT_SPAM = SPAM_EVENTS = ("conversation.spam", "conversation.not_spam")
SNIPPET_CHARACTERS = 200
NORMAL_SUBJECT_CHARACTERS = 400  # it is indexed: an entry holds about 2,700 octets
EXCHANGED_FIELDS = (
    "text", "other_text", "html", "ranges", "content_hash", "reading_stage", "defects", "calendar", "protection",
    "authenticity", "authenticity_reason", "authenticity_by",
)  # fmt: skip
# What only a mail's header tells; it may have been unreadable with the rest.
HEADER_FIELDS = (
    "from_name", "from_address", "reply_to", "to", "cc", "subject", "message_id", "in_reply_to", "references",
    "thread_root", "thread_index", "thread_topic", "date_header", "mail_class",
)  # fmt: skip
DESCRIBING_FIELDS = ("subject", "normal_subject", "contact", "sender_label")
# What receiving a mail changes, with the columns' types.
RECEIVING_CHANGES = {
    "status": "text",
    "folder": "text",
    "snippet": "text",
    "message_count": "integer",
    "version": "integer",
    "has_attachments": "boolean",
    "has_failed_delivery": "boolean",
    "waiting_until": "timestamptz",
    "unanswered_since": "timestamptz",
    "last_activity_at": "timestamptz",
}
_UPDATE = f"""
    UPDATE conversations_conversation AS row SET {", ".join(f"{name} = now.{name}" for name in RECEIVING_CHANGES)}
    FROM unnest(%s::bigint[], {", ".join(f"%s::{kind}[]" for kind in RECEIVING_CHANGES.values())})
        AS now(id, {", ".join(RECEIVING_CHANGES)})
    WHERE row.id = now.id
"""  # noqa: S608  (made of the names above)
_TAKE_NUMBERS = """
    UPDATE organizations_organization SET last_conversation_number = last_conversation_number + %s WHERE id = %s
    RETURNING last_conversation_number
"""


@dataclass(frozen=True)
class Arrival:
    """A received mail and where it goes. An unsaved conversation is opened by the mail.

    Only mail `from_person` reopens; automatic mail changes no state, or starts as done in the folder of its class.
    """

    conversation: Conversation
    message: Message
    attachments: Sequence[Attachment] = ()
    from_person: bool = True


def new_conversation(
    inbox: Inbox, *, subject: str, normal_subject: str, contact: Contact | None, sender_label: str, at: datetime
) -> Conversation:
    """An unsaved conversation, for an Arrival to open."""
    return Conversation(
        inbox=inbox,
        subject=subject[:1000],
        normal_subject=normal_subject[:NORMAL_SUBJECT_CHARACTERS],
        contact=contact,
        sender_label=sender_label[:320],
        last_activity_at=at,
    )


def open_conversation(
    inbox: Inbox, *, subject: str, normal_subject: str, contact: Contact | None, sender_label: str, at: datetime
) -> Conversation:
    """Start a conversation with the organization's next number."""
    conversation = new_conversation(
        inbox, subject=subject, normal_subject=normal_subject, contact=contact, sender_label=sender_label, at=at
    )
    _open([conversation])
    return conversation


def receive(
    conversation: Conversation, message: Message, attachments: Sequence[Attachment] = (), *, from_person: bool
) -> Message:
    """Add a received mail; `from_person` as in Arrival."""
    receive_all([Arrival(conversation, message, attachments, from_person)])
    return message


def receive_all(arrivals: Sequence[Arrival]) -> None:
    """Add received mails, in the order given, with as many statements for many as for one."""
    saved = _locked([arrival.conversation.pk for arrival in arrivals])
    targets = [saved.get(arrival.conversation.pk, arrival.conversation) for arrival in arrivals]
    for conversation, arrival in zip(targets, arrivals, strict=True):
        _arrive(conversation, arrival)
    people = zip(targets, arrivals, strict=True)
    heard_from(
        (target, arrival.message.from_address) for target, arrival in people if target.pk and arrival.from_person
    )
    _open(list({id(target): target for target in targets if not target.pk}.values()))
    _update(saved.values())
    _store_all([arrival.message for arrival in arrivals], targets)
    files = [file for arrival in arrivals for file in _placed(arrival.message, arrival.attachments)]
    if files:
        Attachment.objects.bulk_create(files)
    live.announce_all({target.pk: target for target in targets}.values(), "message")


def exchange(message: Message, content: Message, attachments: Sequence[Attachment]) -> None:
    """Give a received mail the content of a fuller copy of it, such as one that came with a list's footer.

    What was found out about its author does not hold for the copy: that is empty again.
    """
    _exchange(message, content, attachments, EXCHANGED_FIELDS)
    live.announce(message.conversation, "message")


def reread(message: Message, content: Message, attachments: Sequence[Attachment], described: Conversation) -> None:
    """Give a mail that had been read in part all that it says.

    `described` is the conversation as the mail would have begun it. One that holds nothing else is named after it now.
    """
    conversation = locked(message.conversation)
    _exchange(message, content, attachments, (*HEADER_FIELDS, *EXCHANGED_FIELDS))
    if conversation.message_count == 1:
        for name in DESCRIBING_FIELDS:
            setattr(conversation, name, getattr(described, name))
        conversation.snippet = snippet(message)
    conversation.version += 1
    conversation.save(update_fields=[*DESCRIBING_FIELDS, "snippet", "version"])
    live.announce(conversation, "message")


def add_outbound(
    conversation: Conversation, message: Message, attachments: Sequence[Attachment] = (), *, then: str = "keep"
) -> Message:
    """Add a mail that the outbox has taken over. `then`: keep, done or wait."""
    conversation = locked(conversation)
    _store(conversation, message, attachments)
    if conversation.assignee_id is None and message.author_id:
        conversation.assignee = message.author
    states.move(conversation, states.AFTER_SENDING[then], at=message.received_at)
    conversation.folder = ""
    _touch(conversation, message.received_at)
    conversation.save()
    live.announce(conversation, "message")
    return message


def add_automatic(conversation: Conversation, message: Message) -> Message:
    """Add a mail that the service itself has sent. It answers nothing, so the conversation's state stays as it is."""
    conversation = locked(conversation)
    _store(conversation, message, ())
    conversation.save(update_fields=["message_count", "version"])
    live.announce(conversation, "message")
    return message


def take_back(conversation: Conversation, message: Message, *, before: State, after: State) -> None:
    """Remove a sent mail that never left. `before` and `after` are the conversation's states around the sending.

    What happened since stands: a mail that came is unanswered, and what somebody decided is not undone.
    """
    conversation = locked(conversation)
    message.delete()
    conversation.message_count -= 1
    conversation.version += 1
    states.take_back_sending(conversation, before, after)
    mails = Message.objects.filter(conversation=conversation).exclude(kind=Message.Kind.NOTE)
    conversation.last_activity_at = mails.aggregate(at=Max("received_at"))["at"] or conversation.created_at
    conversation.save()
    live.announce(conversation, "message")


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


def assign(conversation: Conversation, assignee: User | None, *, actor: User | None) -> Conversation:
    """Give the conversation to a colleague, or to nobody. Without `actor` it is the service itself that does."""
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
    folder = conversation.folder if status == Status.DONE else ""
    now = (conversation.status, conversation.waiting_until, conversation.folder)
    if now == (status, waiting_until, folder):
        return conversation
    before = conversation.status
    states.move(conversation, status, at=timezone.now())
    conversation.waiting_until = waiting_until if status == Status.WAITING else None
    conversation.folder = folder
    conversation.save(update_fields=["status", "waiting_until", "unanswered_since", "folder"])
    record("conversation.status", conversation, actor=actor, before=before, after=status)
    live.announce(conversation, "status")
    return conversation


def mark_spam(conversation: Conversation, *, actor: User) -> Conversation:
    """Keep the conversation apart as spam; its state stays. Does nothing when it is so already."""
    conversation = locked(conversation)
    if conversation.folder != Folder.SPAM:
        latest = Message.objects.filter(conversation=conversation).aggregate(pk=Max("pk"))["pk"]
        record(MARKED_AS_SPAM, conversation, actor=actor, before=conversation.folder, latest=latest)
        conversation.folder = Folder.SPAM
        conversation.save(update_fields=["folder"])
        live.announce(conversation, "folder")
    return conversation


def unmark_spam(conversation: Conversation, *, actor: User) -> Conversation:
    """Take spam back to where it was. A person who has written meanwhile has no answer. Does nothing to what is no spam."""
    conversation = locked(conversation)
    if conversation.folder == Folder.SPAM:
        events = Event.objects.filter(subject_type="conversation", subject_id=conversation.pk, kind=MARKED_AS_SPAM)
        marked = events.order_by("-pk").values_list("data", flat=True).first() or {}
        since = Message.objects.filter(conversation=conversation, pk__gt=marked.get("latest") or 0)
        asking = since.filter(kind=Message.Kind.INBOUND).exclude(mail_class__in=QUIET_CLASSES).order_by("received_at")
        conversation.folder = marked.get("before", "")
        if first := asking.first():
            conversation.folder = ""
            states.move(conversation, Status.UNANSWERED, at=first.received_at)
        conversation.save(update_fields=["folder", "status", "waiting_until", "unanswered_since"])
        record(NOT_SPAM, conversation, actor=actor)
        live.announce(conversation, "folder")
    return conversation


def mark_delivery(conversation: Conversation, *, failed: bool, reopen: bool) -> Conversation:
    """A sent mail's fate changed. A hard bounce reopens: the customer never got the answer."""
    conversation = locked(conversation)
    conversation.has_failed_delivery = failed
    if reopen:
        states.move(conversation, Status.UNANSWERED, at=timezone.now())
    conversation.save(update_fields=["has_failed_delivery", "status", "waiting_until", "unanswered_since"])
    live.announce(conversation, "delivery")
    return conversation


def standing(pk: int) -> int:
    """The conversation with that key, or the one that it has gone into since."""
    parents: Any = Conversation.objects.values_list("merged_into_id", flat=True)
    while (into := parents.get(pk=pk)) is not None:
        pk = into
    return pk


def locked(conversation: Conversation) -> Conversation:
    """The row as it is now of the conversation, or of the one it has gone into, locked until the transaction ends."""
    row = Conversation.objects.select_for_update().get(pk=standing(conversation.pk))
    while row.merged_into_id:  # while this waited for the lock
        row = Conversation.objects.select_for_update().get(pk=standing(row.pk))
    return row


def snippet(message: Message) -> str:
    """The first words a list row shows: what is new in the mail, on one line."""
    visible = (
        "".join(message.text[start:end] for start, end, kind in message.ranges if kind == "visible") or message.text
    )
    return " ".join(visible[: SNIPPET_CHARACTERS * 4].split())[:SNIPPET_CHARACTERS]


def _exchange(message: Message, content: Message, attachments: Sequence[Attachment], fields: Sequence[str]) -> None:
    for name in fields:
        setattr(message, name, getattr(content, name))
    message.search_vector = search_vector(message)
    message.save(update_fields=[*fields, "search_vector"])
    if any(not file.inline for file in attachments):
        Conversation.objects.filter(pk=message.conversation_id).update(has_attachments=True)
    message.attachments.all().delete()
    Attachment.objects.bulk_create(_placed(message, attachments))


def _arrive(conversation: Conversation, arrival: Arrival) -> None:
    """What a received mail means for its conversation."""
    message = arrival.message
    conversation.has_attachments = conversation.has_attachments or any(not a.inline for a in arrival.attachments)
    opens = conversation.message_count == 0
    if opens or (arrival.from_person and conversation.folder != Folder.SPAM):
        conversation.snippet = snippet(message)
        conversation.folder = "" if arrival.from_person else folder_of(message.mail_class)
        status = Status.UNANSWERED if arrival.from_person else Status.DONE
        states.move(conversation, status, at=message.received_at)
    _count(conversation)
    _touch(conversation, message.received_at)


def _store(conversation: Conversation, message: Message, attachments: Sequence[Attachment]) -> None:
    _store_all([message], [conversation])
    Attachment.objects.bulk_create(_placed(message, attachments))
    _count(conversation)


def _store_all(messages: Sequence[Message], conversations: Sequence[Conversation]) -> None:
    for message, conversation in zip(messages, conversations, strict=True):
        message.conversation = conversation
        message.inbox_id = conversation.inbox_id
        message.search_vector = search_vector(message)
    Message.objects.bulk_create(messages)


def _placed(message: Message, attachments: Sequence[Attachment]) -> list[Attachment]:
    for position, attachment in enumerate(attachments):
        attachment.message = message
        attachment.position = position
    return list(attachments)


def _open(conversations: Sequence[Conversation]) -> None:
    """Store new conversations under the organization's next numbers."""
    if not conversations:
        return
    first = _next_numbers(conversations[0].organization_id, len(conversations))
    for number, conversation in enumerate(conversations, first):
        conversation.number = number
    Conversation.objects.bulk_create(conversations)


def _locked(pks: Collection[int | None]) -> dict[int, Conversation]:
    """Conversations by key, locked in the order of keys, so that two workers cannot wait for each other."""
    wanted = {pk for pk in pks if pk}
    if not wanted:
        return {}
    return {row.pk: row for row in Conversation.objects.select_for_update().filter(pk__in=wanted).order_by("pk")}


def _update(conversations: Collection[Conversation]) -> None:
    """Store what received mail changes."""
    if not conversations:
        return
    columns = [[getattr(row, name) for row in conversations] for name in ("pk", *RECEIVING_CHANGES)]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns)


def _count(conversation: Conversation) -> None:
    conversation.message_count += 1
    conversation.version += 1


def _touch(conversation: Conversation, at: datetime) -> None:
    conversation.last_activity_at = max(conversation.last_activity_at, at)


def _next_numbers(organization_id: int, count: int) -> int:
    """Take numbers; returns the first."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_NUMBERS, [count, organization_id])
        return int(cursor.fetchone()[0]) - count + 1
