"""Writing an answer: what it starts with, and the one way by which it becomes a sent mail.

`send` stores the message, its files and the finished mail in one transaction; the press of a button is named by a key, so
that pressing twice sends once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import (
    addressees,
    circle,
    outgoing_files,
    pictures,
    quoting,
    states,
    strangers,
    subjects,
    timeline,
)
from conversations.addressees import Addressees, InvalidRecipient, Person
from conversations.correspondence import Parent, ThreadHeaders, thread_headers
from conversations.models import Attachment, Conversation, DraftFile, Message
from conversations.outgoing_files import TooLarge
from conversations.outgoing_html import outgoing_html
from conversations.senders import sender_columns, sender_of
from conversations.signatures import signature as signature_of
from inboxes.models import Inbox
from organizations.models import User, record
from whitelabel import keys, mime, mime_text, outbox
from whitelabel.identity import Identity
from whitelabel.mime_headers import Mailbox
from whitelabel.models import OutboundMail

Action = Literal["reply", "reply_all", "forward"]
Then = Literal["keep", "done", "wait"]

SENT = "message.sent"
"""Kind of the event of a mail put into the outbox; it remembers what undoing (conversations.drafts) needs."""


class ConversationChanged(RuntimeError):
    """Somebody wrote in the conversation after the version that was answered; the text says so to the person."""


@dataclass(frozen=True)
class Prefill:
    """What a composer starts with. `signature` and `quoted` are what `send` will put below the text.

    `attachments` are the files of a mail that is forwarded; pass them to `send` unless the person takes them away.
    `is_wider` tells whether reply_all reaches somebody whom reply does not.
    """

    action: Action
    answered: Message | None
    is_wider: bool
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    bcc: tuple[Person, ...]
    subject: str
    text: str
    identity: Identity
    signature: str
    quoted: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class _Decided:
    """Everything decided about a mail before it has an id."""

    conversation: Conversation
    author: User
    action: Action
    people: Addressees
    subject: str
    body: str
    signature: str
    quoted: str
    answered: Message | None
    files: tuple[mime.File, ...]
    quoted_pictures: tuple[mime.File, ...]
    identity: Identity
    at: datetime


def prefill(conversation: Conversation, action: Action | None, author: User) -> Prefill:
    """Recipients, subject, signature and quote of an answer, by the mail that is answered; None is the usual action."""
    answered = addressees.answered_message(conversation)
    own = addressees.own_addresses(conversation.inbox)
    action = action or circle.usual_action(answered, own)
    people = addressees.addressees_of(answered, action, own)
    return Prefill(
        action=action,
        answered=answered,
        is_wider=circle.is_wider(answered, own),
        to=people.to,
        cc=people.cc,
        bcc=people.bcc,
        subject=_subject(conversation, answered, action),
        text="",
        identity=sender_of(conversation, author),
        signature=_signature(conversation.inbox, author),
        quoted=_quoted(answered, action),
        attachments=tuple(outgoing_files.of_message(answered)) if answered and action == "forward" else (),
    )


def send(
    conversation: Conversation,
    *,
    author: User,
    text: str,
    to: Sequence[Person],
    cc: Sequence[Person] = (),
    bcc: Sequence[Person] = (),
    subject: str | None = None,
    attachments: Sequence[UploadedFile | Attachment | DraftFile] = (),
    submission_key: UUID,
    version: int | None,
    include_history: bool,
    then: Then = "keep",
    not_before: datetime | None = None,
    action: Action = "reply",
) -> Message:
    """Put a mail into the outbox and into the conversation. Call inside the organization's scope.

    `text` is what the person wrote: the signature is added below it, and with `include_history` the mail answered.
    `version` is the conversation's when the person began (None: send anyway). The same `submission_key` again gives the
    message of the first time. `not_before` leaves time to undo or sends later; None sends at once. With the action
    forward nothing is answered: the mail starts a thread of its own in the same conversation.

    Raises ConversationChanged, InvalidRecipient and TooLarge; str() of each is a sentence for people.
    """
    conversation = timeline.locked(conversation)
    sent_already = Message.objects.filter(conversation=conversation, submission_key=submission_key).first()
    if sent_already:
        return sent_already
    if version is not None and version != conversation.version:
        raise ConversationChanged(
            _("The conversation changed while you wrote. Read what is new, then send anyway or change your answer.")
        )
    people = _checked_people(conversation.inbox, to, cc, bcc)
    who = sender_of(conversation, author)
    strangers.admit(conversation, who, people.everyone, author=author)
    answered = addressees.answered_message(conversation)
    body = mime_text.clean(text).strip("\n")
    files = outgoing_files.with_pictures(outgoing_files.read(attachments), body, submission_key)
    quoted = _quoted(answered, action) if include_history or action == "forward" else ""
    decided = _Decided(
        conversation=conversation,
        author=author,
        action=action,
        people=people,
        subject=_subject(conversation, answered, action) if subject is None else subject,
        body=body,
        signature=_signature(conversation.inbox, author),
        quoted=quoted,
        answered=answered,
        files=files,
        quoted_pictures=outgoing_files.quoted_pictures(answered, files)
        if quoted and answered and action != "forward"
        else (),
        identity=who,
        at=timezone.now(),
    )
    return _send(decided, submission_key, then, not_before)


def _send(decided: _Decided, submission_key: UUID, then: Then, not_before: datetime | None) -> Message:
    message_pk = reserve_message_id()
    answered = decided.answered if decided.action != "forward" else None
    thread = thread_of(
        decided.conversation, answered, message_pk, decided.identity, subject=decided.subject, at=decided.at
    )
    text, ranges = _assembled(decided)
    mail = _enqueue(decided, thread, text, not_before or decided.at)
    shown = any(file.inline for file in decided.files)
    message = Message(
        pk=message_pk,
        kind=Message.Kind.OUTBOUND,
        author=decided.author,
        **sender_columns(decided.identity),
        to=list(decided.people.to),
        cc=list(decided.people.cc),
        bcc=list(decided.people.bcc),
        subject=decided.subject[:1000],
        text=text,
        html=_html(replace(decided, quoted_pictures=()), thread.marker) if shown else "",
        ranges=ranges,
        message_id=thread.message_id.strip("<>"),
        in_reply_to=[thread.in_reply_to.strip("<>")] if thread.in_reply_to else [],
        references=[reference.strip("<>") for reference in thread.references],
        thread_index=thread.guid,
        conversation_index=thread.thread_index,
        thread_topic=thread.thread_topic[:1000],
        outbound=mail,
        submission_key=submission_key,
        received_at=decided.at,
        date_header=decided.at,
    )
    before = states.of(decided.conversation)
    timeline.add_outbound(decided.conversation, message, outgoing_files.to_attachments(decided.files), then=then)
    after = states.of(message.conversation)
    how = {"action": decided.action, "with_history": bool(decided.quoted)}
    record(SENT, message, actor=decided.author, before=before, after=after, **how)
    return message


def _enqueue(decided: _Decided, thread: ThreadHeaders, text: str, not_before: datetime) -> OutboundMail:
    letter = mime.Letter(
        sender=Mailbox("", decided.identity.from_address),
        to=_mailboxes(decided.people.to),
        cc=_mailboxes(decided.people.cc),
        subject=decided.subject,
        text=text,
        html=_html(decided, thread.marker),
        files=(*decided.files, *decided.quoted_pictures),
        date=timezone.localtime(decided.at),
        message_id=thread.message_id,
        in_reply_to=thread.in_reply_to,
        references=thread.references,
        thread_topic=thread.thread_topic,
        thread_index=thread.thread_index,
        extra=thread.own_fields,
    )
    try:
        return outbox.enqueue(decided.identity, letter, decided.people.everyone, not_before=not_before)
    except outbox.MessageTooLarge as error:
        raise TooLarge(outgoing_files.too_large(error.octets, error.limit)) from error


def _html(decided: _Decided, marker: str) -> str:
    """The HTML half. A forwarded mail's pictures are among the files, an answered one's are only quoted."""
    forwarded = [file for file in decided.files if decided.action == "forward" and file.inline]
    return outgoing_html(
        decided.body,
        decided.signature,
        decided.quoted,
        marker,
        pictures.of_files(decided.files),
        pictures.quoted([*forwarded, *decided.quoted_pictures]),
    )


def thread_of(
    conversation: Conversation, answered: Message | None, message_pk: int, who: Identity, *, subject: str, at: datetime
) -> ThreadHeaders:
    """The thread headers of a mail about to be sent in a conversation; `answered` is None for one that answers nothing."""
    return thread_headers(
        keys.token_keys(),
        organization_id=conversation.organization_id,
        conversation_id=conversation.pk,
        message_id=message_pk,
        sending_domain=who.return_path_domain,
        subject=subject,
        parent=_parent(answered) if answered else None,
        at=at,
    )


def _parent(message: Message) -> Parent:
    index = bytes(message.conversation_index)
    return Parent(message.message_id, tuple(message.references), message.thread_index, message.thread_topic, index)


def _assembled(decided: _Decided) -> tuple[str, list[list[int | str]]]:
    """The whole plain text, and which parts of it are written, signature and quoted."""
    pieces = [("visible", decided.body)]
    if decided.signature:
        pieces.append(("signature", f"\n\n{mime_text.SIGNATURE_SEPARATOR}\n{decided.signature}"))
    if decided.quoted:
        pieces.append(("quoted", f"\n\n{decided.quoted}"))
    text = ""
    ranges: list[list[int | str]] = []
    for kind, piece in pieces:
        start = len(text)
        text += mime_text.clean(piece)
        ranges.append([start, len(text), kind])
    return text, ranges


def _subject(conversation: Conversation, answered: Message | None, action: Action) -> str:
    subject = (answered.subject if answered else "") or conversation.subject
    return subjects.forward_subject(subject) if action == "forward" else subjects.reply_subject(subject)


def _signature(inbox: Inbox, author: User) -> str:
    return mime_text.clean(
        signature_of(author.signature, inbox.signature, name=author.display_name, title=author.title)
    )


def _quoted(answered: Message | None, action: Action) -> str:
    if answered is None:
        return ""
    return quoting.forward_quote(answered) if action == "forward" else quoting.reply_quote(answered)


def _checked_people(inbox: Inbox, to: Sequence[Person], cc: Sequence[Person], bcc: Sequence[Person]) -> Addressees:
    own = addressees.own_addresses(inbox)
    people = Addressees(*(addressees.checked(some, own) for some in (to, cc, bcc)))
    if not people.everyone:
        raise InvalidRecipient(_("The mail has no recipient. Write at least one address."))
    return people


def _mailboxes(people: Sequence[Person]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(person["name"], person["address"]) for person in people)


def reserve_message_id() -> int:
    """The next id of a message: it is part of the mail's Message-ID, so it must be known before the row is written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('conversations_message', 'id'))")
        return int(cursor.fetchone()[0])
