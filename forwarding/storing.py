"""From what was read to the rows that keep it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from conversations.models import Attachment, Blob, Message
from forwarding.models import Delivery
from forwarding.reading import Address, CalendarEvent, ReadMail

FUTURE_TOLERANCE = timedelta(days=1)
THREAD_INDEX_GUID = slice(6, 22)  # octets of Outlook's Thread-Index that stay equal within a conversation


def message_of(delivery: Delivery, mail: ReadMail, identifier: str) -> Message:
    """An unsaved inbound message with everything the mail says."""
    sender = mail.sender or Address("", delivery.mail_from)
    return Message(
        organization_id=delivery.organization_id,
        kind=Message.Kind.INBOUND,
        from_name=sender.name[:300],
        from_address=sender.address.lower()[:320],
        reply_to=people(mail.reply_to),
        to=people(mail.to),
        cc=people(mail.cc),
        subject=mail.subject[:1000],
        text=mail.text,
        html=mail.html or "",
        ranges=[[part.start, part.end, part.kind] for part in mail.ranges],
        message_id=identifier[:998],
        in_reply_to=[value[:998] for value in mail.in_reply_to],
        references=[value[:998] for value in mail.references],
        thread_index=mail.thread_index[THREAD_INDEX_GUID].hex(),
        thread_topic=mail.thread_topic[:1000],
        content_hash=mail.content_hash,
        reading_stage=mail.stage,
        protection=mail.protection,
        calendar=_calendar(mail.calendar),
        received_at=delivery.received_at,
        date_header=mail.date,
    )


def attachments_of(mail: ReadMail) -> list[Attachment]:
    """Unsaved attachments whose octets are stored (once per organization and content)."""
    blobs = _stored_blobs(part.content for part in mail.attachments)
    return [
        Attachment(
            blob=blob,
            name=part.name[:255],
            content_type=part.content_type[:255],
            size=len(part.content),
            content_id=part.content_id[:998],
            inline=part.inline,
        )
        for part, blob in zip(mail.attachments, blobs, strict=True)
    ]


def people(addresses: Iterable[Address]) -> list[dict[str, str]]:
    """Addresses in the shape the rows hold: [{name, address}]."""
    return [{"name": a.name, "address": a.address} for a in addresses]


def _stored_blobs(contents: Iterable[bytes]) -> list[Blob]:
    unsaved = [
        Blob(sha256=hashlib.sha256(content).hexdigest(), size=len(content), content=content) for content in contents
    ]
    if not unsaved:
        return []
    Blob.objects.bulk_create({blob.sha256: blob for blob in unsaved}.values(), ignore_conflicts=True)
    stored = {
        blob.sha256: blob for blob in Blob.objects.filter(sha256__in=[b.sha256 for b in unsaved]).defer("content")
    }
    return [stored[blob.sha256] for blob in unsaved]


def _calendar(event: CalendarEvent | None) -> dict[str, Any] | None:
    if event is None:
        return None
    values = dataclasses.asdict(event)
    return {key: value.isoformat() if isinstance(value, date | datetime) else value for key, value in values.items()}
