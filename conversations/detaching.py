"""Taking a mail that landed in the wrong conversation out into one of its own, and undoing that.

Answers to the mail follow it by themselves: they are found by its Message-ID, and threading looks where that is now.
Both acts hold the inbox's filing lock, so that no answer is filed into a conversation that is just being emptied.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q

from conversations import live, states, timeline
from conversations.explaining import DETACHING
from conversations.filing_lock import lock_filing
from conversations.models import Attachment, Contact, Conversation, Draft, Message
from conversations.quiet import QUIET_CLASSES, REPORT_CLASSES, folder_of
from conversations.subjects import normal_subject
from inboxes.models import Inbox
from organizations.models import Event, User, record

Status, Folder, Kind = Conversation.Status, Conversation.Folder, Message.Kind
RULE = "moved"
"""Why a detached mail is in its conversation (conversations.explaining)."""
DETACHED, OPENED, UNDONE = DETACHING

_PLACE_FIELDS = ("thread_rule", "thread_obstacle", "new_participant", "subject_changed")


class CannotDetach(ValueError):
    """The mail must stay where it is: it is no received mail, or the only mail of its conversation."""


class NothingToUndo(ValueError):
    """The conversation was not begun by detaching a mail, or that is undone already."""


def detach(message: Message, *, actor: User) -> Conversation:
    """Open a conversation for a received mail and move it there. Raises CannotDetach."""
    lock_filing([message.inbox_id])
    source = timeline.locked(message.conversation)
    message = Message.objects.get(pk=message.pk)
    if message.conversation_id != source.pk or not may_detach(source, message):
        raise CannotDetach("the mail is not in a conversation with others")
    before = _remembered(source)
    opened = _opened(source, message)
    place = {name: getattr(message, name) for name in _PLACE_FIELDS}
    Message.objects.filter(pk=message.pk).update(
        conversation=opened, thread_rule=RULE, thread_obstacle="", new_participant=False, subject_changed=False
    )
    if source.unanswered_since == message.received_at:
        _settle(source)
    for conversation in (source, opened):
        _recount(conversation)
        conversation.save()
    record(DETACHED, source, actor=actor, message=message.pk, number=opened.number)
    record(
        OPENED, opened, actor=actor, message=message.pk, source=source.pk, number=source.number, place=place,
        before=before, after=_remembered(source),
    )  # fmt: skip
    live.announce_all([source, opened], "message")
    return opened


def undo(opened: Conversation, *, actor: User) -> Conversation:
    """Move a detached mail, and what was written since, back where it came from; gives that conversation.

    Raises NothingToUndo.
    """
    lock_filing([opened.inbox_id])
    event = Event.objects.filter(kind=OPENED, subject_type="conversation", subject_id=opened.pk).order_by("-pk").first()
    if event is None:
        raise NothingToUndo("no mail was detached into this conversation")
    source, opened = _both(timeline.standing(event.data["source"]), opened.pk)
    if opened.merged_into_id is not None:
        raise NothingToUndo("it is undone already")
    _restore_state(source, opened, event.data)
    Message.objects.filter(conversation=opened).update(conversation=source)
    Message.objects.filter(pk=event.data["message"]).update(**event.data["place"])
    _move_drafts(opened, source)
    source.has_failed_delivery = source.has_failed_delivery or opened.has_failed_delivery
    opened.merged_into, opened.has_failed_delivery = source, False
    opened.status, opened.unanswered_since, opened.waiting_until, opened.folder = Status.DONE, None, None, ""
    for conversation in (source, opened):
        _recount(conversation)
        conversation.save()
    record(UNDONE, source, actor=actor, message=event.data["message"], number=opened.number)
    live.announce_all([source, opened], "message")
    return source


def take_away(message: Message, *, original: Message) -> None:
    """Remove a received mail that another stands for, such as the one it is a copy of.

    A conversation left empty goes into that of the original.
    """
    lock_filing([message.inbox_id])
    source, target = timeline.standing(message.conversation_id), timeline.standing(original.conversation_id)
    rows = Conversation.objects.select_for_update().filter(pk__in=(source, target)).order_by("pk").in_bulk()
    left, kept = rows[source], rows[target]
    message.delete()
    if left.unanswered_since == message.received_at and not left.has_failed_delivery:
        _settle(left)
    if left != kept and not Message.objects.filter(conversation=left).exists():
        _move_drafts(left, kept)
        left.merged_into = kept
        left.status, left.unanswered_since, left.waiting_until = Status.DONE, None, None
    _recount(left)
    left.save()
    live.announce_all(rows.values(), "message")


def may_detach(conversation: Conversation, message: Message) -> bool:
    """Whether the mail can be taken out: it was received, and others stay behind."""
    return message.kind == Kind.INBOUND and conversation.message_count - conversation.note_count > 1


def _opened(source: Conversation, message: Message) -> Conversation:
    opened = timeline.open_conversation(
        source.inbox,
        subject=message.subject,
        normal_subject=normal_subject(message.subject),
        contact=_contact(source, message),
        sender_label=message.from_name or message.from_address,
        at=message.received_at,
    )
    opened.assignee = source.assignee
    if message.mail_class in QUIET_CLASSES:
        opened.status, opened.unanswered_since = Status.DONE, None
        opened.folder = folder_of(message.mail_class)
    else:
        opened.status, opened.unanswered_since = Status.UNANSWERED, message.received_at
    return opened


def _contact(source: Conversation, message: Message) -> Contact | None:
    """The person who wrote the mail. Our own addresses are nobody, and so are mail systems."""
    address = message.from_address
    if source.contact and source.contact.address == address:
        return source.contact
    own = Inbox.objects.filter(address=address).exists() or address.endswith(f"@{settings.MAIL_DOMAIN}")
    if own or not address or message.mail_class in REPORT_CLASSES:
        return None
    contact, _made = Contact.objects.get_or_create(address=address, defaults={"name": message.from_name})
    return contact


def _settle(conversation: Conversation) -> None:
    """The state of a conversation whose unanswered mail has left: the next one's, or that of an answered one."""
    mails = Message.objects.filter(conversation=conversation).order_by("received_at", "pk")
    answer = mails.filter(kind=Kind.OUTBOUND, author__isnull=False).last()
    asking = mails.filter(kind=Kind.INBOUND).exclude(mail_class__in=QUIET_CLASSES)
    first = (asking.filter(received_at__gt=answer.received_at) if answer else asking).first()
    conversation.unanswered_since = first.received_at if first else None
    if first is None:
        conversation.status = Status.ANSWERED if answer else Status.DONE
        left = mails.filter(kind=Kind.INBOUND).first()
        if left and not answer:
            conversation.folder = conversation.folder or folder_of(left.mail_class)


def _recount(conversation: Conversation) -> None:
    """Counters and what the list shows, from the messages that are there now."""
    messages = Message.objects.filter(conversation=conversation)
    found: Any = messages.aggregate(
        all=Count("pk"),
        notes=Count("pk", filter=Q(kind=Kind.NOTE)),
        newest=Max("received_at", filter=~Q(kind=Kind.NOTE)),
    )
    received = messages.filter(kind=Kind.INBOUND).order_by("received_at", "pk")
    asking = received.exclude(mail_class__in=QUIET_CLASSES).last() or received.first()
    files = Attachment.objects.filter(message__conversation=conversation, message__kind=Kind.INBOUND, inline=False)
    conversation.message_count, conversation.note_count = found["all"], found["notes"]
    conversation.last_activity_at = found["newest"] or conversation.last_activity_at
    conversation.snippet = timeline.snippet(asking) if asking else ""
    conversation.has_attachments = files.exists()
    conversation.version += 1


def _restore_state(source: Conversation, opened: Conversation, data: dict[str, Any]) -> None:
    """As it was, when nothing has happened since; else what came last counts: an unanswered mail is unanswered again."""
    # What was detached before there were folders does not name one.
    untouched = _remembered(source) == {"folder": "", **data["after"]} and opened.message_count == 1
    if untouched:
        states.restore(source, data["before"])
        return
    if source.folder != Folder.SPAM:
        source.folder = source.folder and opened.folder  # kept apart only if both are
    if opened.status == Status.UNANSWERED and opened.unanswered_since:
        source.status, source.waiting_until = Status.UNANSWERED, None
        source.unanswered_since = min(source.unanswered_since or opened.unanswered_since, opened.unanswered_since)


def _remembered(conversation: Conversation) -> dict[str, Any]:
    return {**states.of(conversation), "version": conversation.version}


def _both(one: int, other: int) -> tuple[Conversation, Conversation]:
    """Two conversations, locked in the order of keys, so that two agents cannot wait for each other."""
    rows = Conversation.objects.select_for_update().filter(pk__in=(one, other)).order_by("pk")
    found = {row.pk: row for row in rows}
    if one == other:
        raise NothingToUndo("it is undone already")
    return found[one], found[other]


def _move_drafts(opened: Conversation, source: Conversation) -> None:
    """What somebody was writing goes along; put aside, if they are writing there too."""
    there = set(Draft.objects.filter(conversation=source, aside=False).values_list("author_id", "kind"))
    for draft in Draft.objects.filter(conversation=opened):
        aside = draft.aside or (draft.author_id, draft.kind) in there
        Draft.objects.filter(pk=draft.pk).update(conversation=source, aside=aside)
