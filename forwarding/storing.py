"""From what was read to the rows that keep it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from conversations import blobs, thread_index
from conversations.models import Attachment, Blob, Message
from forwarding.incoming import Incoming
from forwarding.reading import Address, CalendarEvent, ReadMail
from forwarding.reading.mail import Attachment as MailAttachment


def message_of(letter: Incoming, identifier: str) -> Message:
    """An unsaved inbound message with everything the mail says."""
    delivery, mail = letter.delivery, letter.mail
    sender = letter.author
    first = mail.references[:1] or mail.in_reply_to[:1]
    return Message(
        organization_id=delivery.organization_id,
        kind=Message.Kind.INBOUND,
        mail_class=str(letter.mail_class),
        from_name=sender.name[:300],
        from_address=sender.address.lower()[:320],
        reply_to=people(mail.reply_to),
        to=people(mail.to),
        cc=people(mail.cc),
        subject=mail.subject[:1000],
        text=mail.text,
        other_text=mail.other_text,
        html=mail.html or "",
        ranges=[[part.start, part.end, part.kind] for part in mail.ranges],
        message_id=identifier[:998],
        in_reply_to=[value[:998] for value in mail.in_reply_to],
        references=[value[:998] for value in mail.references],
        thread_root=first[0][:998] if first else "",
        thread_index=thread_index.guid(mail.thread_index),
        conversation_index=mail.thread_index if thread_index.is_whole(mail.thread_index) else b"",
        thread_topic=mail.thread_topic[:1000],
        content_hash=mail.content_hash,
        reading_stage=mail.stage,
        defects=list(mail.defects),
        protection=mail.protection,
        calendar=_calendar(mail.calendar),
        received_at=delivery.received_at,
        date_header=mail.date,
    )


def attachments_of(mails: Sequence[ReadMail]) -> list[list[Attachment]]:
    """Unsaved attachments of each mail; their octets are stored, once per organization and content."""
    stored = iter(blobs.store([part.content for mail in mails for part in mail.attachments]))
    return [[_attachment(part, next(stored)) for part in mail.attachments] for mail in mails]


def people(addresses: Iterable[Address]) -> list[dict[str, str]]:
    """Addresses in the shape the rows hold: [{name, address}]."""
    return [{"name": a.name, "address": a.address} for a in addresses]


def _attachment(part: MailAttachment, blob: Blob) -> Attachment:
    return Attachment(
        blob=blob,
        name=part.name[:255],
        content_type=part.content_type[:255],
        size=len(part.content),
        content_id=part.content_id[:998],
        inline=part.inline,
    )


def _calendar(event: CalendarEvent | None) -> dict[str, Any] | None:
    if event is None:
        return None
    values = dataclasses.asdict(event)
    return {key: value.isoformat() if isinstance(value, date | datetime) else value for key, value in values.items()}
