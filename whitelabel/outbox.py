"""The outbox: a mail is written once, with its final signed octets, in the transaction of what it belongs to.

Nothing here speaks SMTP: `whitelabel.delivery` takes the rows from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from organizations import wakeups
from whitelabel import mime, signing
from whitelabel.identity import Identity
from whitelabel.mime_headers import Mailbox
from whitelabel.models import OutboundMail, OutboundRecipient

State = OutboundMail.State


class MessageTooLarge(ValueError):
    """The mail, with its attachments encoded, is larger than receivers accept."""

    def __init__(self, octets: int, limit: int) -> None:
        super().__init__(f"{octets} octets, limit {limit}")
        self.octets = octets
        self.limit = limit


class NoRecipient(ValueError):
    """A mail to nobody."""


def enqueue(
    identity: Identity,
    letter: mime.Letter,
    recipients: Sequence[str],
    *,
    not_before: datetime | None = None,
    automatic: bool = False,
) -> OutboundMail:
    """Store a mail to be sent. From, Reply-To and signature are always the identity's, whatever the letter says.

    `recipients` are all envelope recipients, Bcc included. `not_before` leaves time to undo, or sends later; beyond the
    time to undo the mail is planned: Date, identity and signature are those of then (`whitelabel.departure`).
    Call inside the organization's scope. Raises MessageTooLarge, NoRecipient, mime_headers.UnwritableAddress.
    """
    addresses = list(dict.fromkeys(recipients))
    if not addresses:
        raise NoRecipient("a mail needs at least one recipient")
    now = timezone.now()
    start = not_before or now
    mail = OutboundMail.objects.create(
        **_columns(identity),
        header_message_id=letter.message_id,
        content=final_octets(identity, letter),
        final=start <= now + timedelta(seconds=settings.UNDO_SEND_SECONDS),
        automatic=automatic,
        not_before=start,
        next_attempt_at=start,
    )
    OutboundRecipient.objects.bulk_create(OutboundRecipient(mail=mail, address=address) for address in addresses)
    wakeups.notify(wakeups.OUTBOX)
    return mail


def final_octets(identity: Identity, letter: mime.Letter) -> bytes:
    """The octets that leave: built with the identity's From and Reply-To, then signed. Raises MessageTooLarge."""
    content = mime.build(replace(letter, sender=_sender(identity), reply_to=_reply_to(identity)))
    if len(content) > settings.OUTGOING_MESSAGE_OCTETS:
        raise MessageTooLarge(len(content), settings.OUTGOING_MESSAGE_OCTETS)
    return _signed(content, identity)


def finish(mail: OutboundMail, identity: Identity) -> None:
    """Store the octets of a mail as another identity sends it, dated when it was meant to leave; all else in it stays.

    Call inside the organization's scope, with the row locked.
    """
    date = timezone.localtime(mail.not_before)
    content = mime.readdressed(bytes(mail.content), _sender(identity), _reply_to(identity), date)
    values = {**_columns(identity), "content": _signed(content, identity), "final": True}
    for name, value in values.items():
        setattr(mail, name, value)
    mail.save(update_fields=values)


def _columns(identity: Identity) -> dict[str, Any]:
    return {
        "identity": identity.kind,
        "sender_address_id": identity.sender_address_id,
        "from_address": identity.from_address,
        "reply_to": identity.reply_to,
        "return_path_domain": identity.return_path_domain,
    }


def _sender(identity: Identity) -> Mailbox:
    return Mailbox(identity.from_name, identity.from_address)


def _reply_to(identity: Identity) -> tuple[Mailbox, ...]:
    return (Mailbox("", identity.reply_to),) if identity.reply_to else ()


def _signed(content: bytes, identity: Identity) -> bytes:
    return signing.sign(content, identity.signing) if identity.signing else content


def cancel(mail: OutboundMail) -> bool:
    """Take a mail back that no worker has touched yet. False when it is too late. Call inside the organization's scope.

    The same row lock that a worker needs to take the mail decides who came first.
    """
    waiting = OutboundMail.objects.filter(pk=mail.pk, state=State.QUEUED, attempts=0)
    return bool(waiting.update(state=State.CANCELLED, finished_at=Now(), content=b""))
