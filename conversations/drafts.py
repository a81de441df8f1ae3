"""What somebody has written and not sent: kept with its files, and never overwritten by another text.

A person has one draft of a mail and one of a comment in each conversation: it stands in the composer. A mail that is taken
back becomes that draft, or, while they are writing something else, is put aside until they take it up or throw it away.
A composer writes to the draft that bears its submission key: what an old window saves does not overwrite another text.
Everything here holds the conversation's row, so that a draft that is saved late waits for its mail that is being sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from conversations import blobs, composer, outgoing_files, recipients, timeline
from conversations.models import Attachment, Conversation, Draft, DraftFile, Message
from conversations.outgoing_files import TooLarge
from organizations.models import Event, User, record
from whitelabel import mime, outbox

Kind = Message.Kind


def current(conversation: Conversation, author: User, mode: str) -> Draft | None:
    """What stands in the person's composer, if anything. Comments have a draft of their own."""
    return _current(conversation, author, mode).first()


def of_composer(conversation: Conversation, author: User, written: Mapping[str, Any]) -> Draft | None:
    """What is kept of a composer. `written` is DraftForm's cleaned data; so it is below."""
    return _of_composer(conversation, author, written["mode"], written["submission_key"]).first()


def put_aside(conversation: Conversation, author: User) -> list[Draft]:
    """The person's texts that wait beside the one in the composer, oldest first, with their `files`."""
    found = Draft.objects.filter(conversation=conversation, author=author, aside=True)
    return list(found.prefetch_related("files").order_by("pk"))


def save(conversation: Conversation, author: User, written: Mapping[str, Any]) -> Draft | None:
    """Keep what is written; nothing written means no draft.

    Recipients that cannot be read yet are left as they were. The text of a mail that was sent is no draft.
    """
    conversation = timeline.locked(conversation)
    if _is_sent(conversation, written["submission_key"]):
        return None
    people = [written[name] for name in ("to", "cc", "bcc")]
    if of_composer(conversation, author, written) is None and not _says(written["mode"], written["text"], people):
        return None
    draft = _store(conversation, author, written)
    return None if _dropped(draft) else draft


def add_files(
    conversation: Conversation, author: User, written: Mapping[str, Any], files: Sequence[UploadedFile]
) -> None:
    """Save the draft with more files. Raises TooLarge; then no file is added, and what is written is saved."""
    conversation = timeline.locked(conversation)
    draft = save(conversation, author, written)
    if _is_sent(conversation, written["submission_key"]) or not files:
        return
    _check_room(draft, files)
    contents = [file.read() for file in files]
    draft = draft or _store(conversation, author, written)
    DraftFile.objects.bulk_create(
        DraftFile(
            draft=draft,
            blob=blob,
            name=mime.file_name(file.name or ""),
            content_type=mime.content_type_of(file.content_type or ""),
            size=len(content),
        )
        for file, content, blob in zip(files, contents, blobs.store(contents), strict=True)
    )


def remove_file(conversation: Conversation, author: User, pk: int) -> None:
    """Take a file away from a draft of the person's."""
    conversation = timeline.locked(conversation)
    draft = Draft.objects.filter(conversation=conversation, author=author, files=pk).first()
    if draft:
        DraftFile.objects.filter(pk=pk).delete()
        _dropped(draft)


def take_up(conversation: Conversation, author: User, pk: int) -> Draft | None:
    """Exchange the draft in the composer for one that was put aside. None when there is no such draft any more."""
    conversation = timeline.locked(conversation)
    wanted = Draft.objects.filter(pk=pk, conversation=conversation, author=author, aside=True).first()
    if wanted:
        _current(conversation, author, wanted.mode).update(aside=True)
        wanted.aside = False
        wanted.save(update_fields=["aside"])
    return wanted


def make_note(conversation: Conversation, author: User, written: Mapping[str, Any]) -> None:
    """What is written in the reply field, and saved, becomes an internal comment, below one that is begun already. Files stay behind."""
    conversation = timeline.locked(conversation)
    mail = of_composer(conversation, author, written)
    if mail is None:
        return
    note = current(conversation, author, "note")
    text = "\n\n".join(part for part in (note.text.strip() if note else "", mail.text) if part)
    Draft.objects.update_or_create(
        conversation=conversation, author=author, kind=Kind.NOTE, aside=False, defaults={"mode": "note", "text": text}
    )
    mail.text = ""
    mail.save(update_fields=["text", "updated_at"])
    _dropped(mail)


def throw_away(conversation: Conversation, author: User, pk: int) -> None:
    """Delete a draft that was put aside."""
    Draft.objects.filter(pk=pk, conversation=conversation, author=author, aside=True).delete()


def finish(conversation: Conversation, author: User, mode: str, submission_key: UUID | None = None) -> None:
    """What stood in the composer with that key was sent, or saved as a comment."""
    _of_composer(conversation, author, mode, submission_key).delete()


def undo(message: Message, actor: User) -> Draft | None:
    """Take a mail back that has not been sent yet: it is the actor's draft as it was, put aside if there is another.

    None when it is too late.
    """
    conversation = timeline.locked(message.conversation)
    message = Message.objects.select_related("outbound").filter(pk=message.pk).first() or message
    if message.outbound is None or message.outbound.automatic or not outbox.cancel(message.outbound):
        return None
    sent = Event.objects.filter(kind=composer.SENT, subject_type="message", subject_id=message.pk).get()
    files = outgoing_files.of_message(message)
    # A mail can be planned for months ahead: its event may be older than the key, and events are never rewritten.
    timeline.take_back(conversation, message, before=sent.data["before"], after=sent.data.get("after", {}))
    draft = _draft_again(conversation, message, files, actor, sent.data)
    record("message.taken_back", conversation, actor=actor, number=conversation.number)
    return draft


def _draft_again(
    conversation: Conversation, message: Message, files: Sequence[Attachment], author: User, sent: Mapping[str, Any]
) -> Draft:
    mode = sent.get("action", "reply")
    offered = outgoing_files.forwarded(conversation) if mode == "forward" else ()
    left = {(file.blob_id, file.name): file for file in files}
    left_out = [file.pk for file in offered if left.pop((file.blob_id, mime.file_name(file.name)), None) is None]
    draft = Draft.objects.create(
        conversation=conversation,
        author=author,
        mode=mode,
        text="".join(message.text[start:end] for start, end, kind in message.ranges if kind == "visible"),
        to=message.to,
        cc=message.cc,
        bcc=message.bcc,
        subject=message.subject,
        include_history=sent.get("with_history", True),
        left_out=left_out,
        aside=current(conversation, author, mode) is not None,
    )
    DraftFile.objects.bulk_create(
        DraftFile(draft=draft, blob_id=file.blob_id, name=file.name, content_type=file.content_type, size=file.size)
        for file in left.values()
    )
    return draft


def _current(conversation: Conversation, author: User, mode: str) -> QuerySet[Draft]:
    return Draft.objects.filter(conversation=conversation, author=author, kind=_kind(mode), aside=False)


def _of_composer(conversation: Conversation, author: User, mode: str, key: UUID | None) -> QuerySet[Draft]:
    """The draft that a composer writes to: the one with its key, or without any the current one."""
    if key is None:
        return _current(conversation, author, mode)
    with_key = Draft.objects.filter(conversation=conversation, author=author, kind=_kind(mode), submission_key=key)
    return with_key if with_key.exists() else _current(conversation, author, mode).filter(submission_key=None)


def _kind(mode: str) -> str:
    return Kind.NOTE if mode == "note" else Kind.OUTBOUND


def _is_sent(conversation: Conversation, submission_key: UUID | None) -> bool:
    if submission_key is None:
        return False
    return Message.objects.filter(conversation=conversation, submission_key=submission_key).exists()


def _store(conversation: Conversation, author: User, written: Mapping[str, Any]) -> Draft:
    mode = written["mode"]
    fields: dict[str, Any] = {
        "mode": mode,
        "text": written["text"],
        "subject": written["subject"],
        "include_history": written["include_history"],
    }
    for name in ("to", "cc", "bcc"):
        try:
            fields[name] = list(recipients.read(written[name]))
        except recipients.UnreadableRecipient:
            continue
    if mode == "forward":
        offered = outgoing_files.forwarded(conversation)
        fields["left_out"] = [file.pk for file in offered if file.pk not in written["forwarded"]]
    key = written["submission_key"]
    draft = _of_composer(conversation, author, mode, key).first()
    if draft is None:
        _current(conversation, author, mode).update(aside=True)
        draft = Draft(conversation=conversation, author=author, kind=_kind(mode), aside=False, left_out=[])
    for name, value in {**fields, "submission_key": key or draft.submission_key}.items():
        setattr(draft, name, value)
    draft.save()
    return draft


def _says(mode: str, text: str, people: Sequence[Any]) -> bool:
    """Whether there is anything to keep. A forwarded mail says something without a text of ours."""
    return bool(text.strip()) or (mode == "forward" and any(people))


def _dropped(draft: Draft) -> bool:
    """Delete a draft that says nothing and has no files."""
    if _says(draft.mode, draft.text, [draft.to, draft.cc, draft.bcc]) or draft.files.exists():
        return False
    draft.delete()
    return True


def _check_room(draft: Draft | None, files: Sequence[UploadedFile]) -> None:
    there = DraftFile.objects.filter(draft=draft) if draft else DraftFile.objects.none()
    taken: Any = there.aggregate(octets=Sum("size", default=0), number=Count("pk"))
    octets = taken["octets"] + sum(file.size or 0 for file in files)
    if octets > settings.ATTACHMENT_UPLOAD_OCTETS:
        raise TooLarge(outgoing_files.too_large(octets, settings.ATTACHMENT_UPLOAD_OCTETS))
    if taken["number"] + len(files) > settings.ATTACHMENTS_MAX:
        raise TooLarge(
            _("A mail can carry at most %(number)s files. Pack them into one, or send a link instead.")
            % {"number": settings.ATTACHMENTS_MAX}
        )
