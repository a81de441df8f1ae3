"""The files of a mail that is written: chosen, forwarded, and shown in its text or its quote, as far as receivers take them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from conversations import addressees, blobs, pictures
from conversations.models import Attachment, Conversation, DraftFile, Message
from whitelabel import mime


class TooLarge(ValueError):
    """The mail is larger than receivers accept; the text says how large and what to do."""


def too_large(octets: int, limit: int) -> str:
    """What is said of a mail that receivers would refuse for its size."""
    return _(
        "The mail is %(size)s with its files, and receivers accept at most %(limit)s. Take a file away, or send a link to it."
    ) % {"size": filesizeformat(octets), "limit": filesizeformat(limit)}


def forwarded(conversation: Conversation) -> Sequence[Attachment]:
    """The files that forwarding takes along, unless a person takes them away."""
    answered = addressees.answered_message(conversation)
    return of_message(answered) if answered else []


def of_message(message: Message) -> Sequence[Attachment]:
    """A message's files, in their order."""
    return list(Attachment.objects.filter(message=message).order_by("position", "id"))


def read(attachments: Sequence[UploadedFile | Attachment | DraftFile]) -> tuple[mime.File, ...]:
    """The files with what they hold. Raises TooLarge."""
    files = tuple(_read_file(attachment) for attachment in attachments)
    size = sum(len(file.content) for file in files)
    if size > settings.ATTACHMENT_UPLOAD_OCTETS:
        raise TooLarge(too_large(size, settings.ATTACHMENT_UPLOAD_OCTETS))
    return files


def _read_file(attachment: UploadedFile | Attachment | DraftFile) -> mime.File:
    if isinstance(attachment, Attachment):
        return _stored_file(attachment)
    if isinstance(attachment, DraftFile):
        return mime.File(attachment.name, attachment.content_type, bytes(attachment.blob.content))
    attachment.seek(0)
    content, content_type = attachment.read(), attachment.content_type or ""
    return mime.File(mime.file_name(attachment.name or ""), mime.content_type_of(content_type), content)


def _stored_file(attachment: Attachment) -> mime.File:
    """A file that came with a mail; a picture that stood in it keeps its Content-ID."""
    content = bytes(attachment.blob.content)
    is_shown = attachment.inline and pictures.is_picture(content)
    return mime.File(
        mime.file_name(attachment.name or ""),
        mime.content_type_of(attachment.content_type),
        content,
        content_id=pictures.kept_id(attachment.content_id, f"{attachment.pk}@picture") if is_shown else "",
        inline=is_shown,
    )


def with_pictures(files: tuple[mime.File, ...], body: str, submission_key: UUID) -> tuple[mime.File, ...]:
    """The files, with those that the text names as pictures in it. Raises TooLarge."""
    placed = pictures.in_text(files, body, submission_key.hex)
    limit = settings.INLINE_PICTURE_OCTETS
    for before, file in zip(files, placed, strict=True):
        if file is not before and len(file.content) > limit:
            raise TooLarge(
                _("The picture %(name)s is %(size)s, and in the text it can be at most %(limit)s. Attach it as a file.")
                % {"name": file.name, "size": filesizeformat(len(file.content)), "limit": filesizeformat(limit)}
            )
    return placed


def quoted_pictures(answered: Message, files: Sequence[mime.File]) -> tuple[mime.File, ...]:
    """The pictures that stand in the mail answered, as far as there is room for them beside the files."""
    room = settings.ATTACHMENT_UPLOAD_OCTETS - sum(len(file.content) for file in files)
    room = min(room, settings.QUOTED_PICTURES_OCTETS)
    inline = Attachment.objects.filter(message=answered, inline=True).exclude(content_id="")
    found = []
    for attachment in inline.order_by("position", "id"):
        if attachment.size <= room:
            room -= attachment.size
            found.append(_stored_file(attachment))
    return tuple(file for file in found if file.inline)


def to_attachments(files: Sequence[mime.File]) -> list[Attachment]:
    """The files as rows of the message that is sent, not stored yet; what they hold is."""
    stored = blobs.store([file.content for file in files])
    return [
        Attachment(
            blob=blob,
            name=file.name,
            content_type=file.content_type,
            size=len(file.content),
            content_id=file.content_id,
            inline=file.inline,
        )
        for file, blob in zip(files, stored, strict=True)
    ]
