"""Mail from the service itself: a queue that no request waits for, and the Django e-mail backend that fills it.

A row stays until the relay has answered for good, so a restart loses nothing. One mail at a time is claimed and sent: a
worker that dies leaves that one in doubt. After OUTBOX_UNSURE_TRIES tries without an answer, or OUTBOX_GIVE_UP_DAYS, a mail is
dropped and logged, because there is nobody to tell.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from email import charset
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from organizations import wakeups
from whitelabel.identity import service_signing
from whitelabel.models import ServiceMail
from whitelabel.relay import Outcome, RelayUnavailable
from whitelabel.relays import Carrier
from whitelabel.signing import sign

log = logging.getLogger(__name__)

# Seven bits whatever the text, so that no relay has a reason to change what was signed.
QUOTED_PRINTABLE = charset.Charset("utf-8")
QUOTED_PRINTABLE.body_encoding = charset.QP


class QueueBackend(BaseEmailBackend):
    """Queues what Django's own code sends (`EMAIL_BACKEND`): the worker of the outbox carries it to the relay."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store one row per recipient, in the caller's transaction; returns how many messages were queued."""
        rows = [
            ServiceMail(recipient=recipient, content=content)
            for message in email_messages
            for content in [_octets(message)]
            for recipient in message.recipients()
        ]
        ServiceMail.objects.bulk_create(rows)
        if rows:
            wakeups.notify(wakeups.OUTBOX)
        return len(email_messages)


def send_due(relay: Carrier) -> int:
    """Hand the next mail that is due to the relay; returns how many were tried, 0 also when the relay is away."""
    mail = _claimed()
    if mail is None:
        return 0
    if mail.unsure_tries > settings.OUTBOX_UNSURE_TRIES:
        _give_up(mail, "may have arrived")
        return 1
    try:
        reply = relay.send(settings.SERVICE_RETURN_PATH, mail.recipient, bytes(mail.content))
    except RelayUnavailable as error:
        _postpone(mail, str(error), unsure=False)
        return 0
    if reply.outcome in (Outcome.ACCEPTED, Outcome.REFUSED):
        mail.delete()
        if reply.outcome is Outcome.REFUSED:
            log.warning("service mail %s was refused: %s", mail.pk, reply.status)
    else:
        _postpone(mail, reply.text, unsure=reply.outcome is Outcome.UNKNOWN)
    return 1


def _claimed() -> ServiceMail | None:
    """The next mail, left to this worker for as long as a relay may take, and counted as sent until the relay answers."""
    longest = (
        settings.RELAY_SESSION_SECONDS
        + settings.RELAY_ENVELOPE_SECONDS
        + settings.RELAY_CONTENT_SECONDS
        + settings.RELAY_DOT_SECONDS
    )
    with transaction.atomic():
        due = ServiceMail.objects.select_for_update(skip_locked=True).filter(next_attempt_at__lte=timezone.now())
        mail = due.order_by("next_attempt_at").first()
        if mail is not None:
            mail.next_attempt_at = timezone.now() + timedelta(seconds=longest)
            mail.attempts += 1
            mail.unsure_tries += 1
            mail.save(update_fields=["next_attempt_at", "attempts", "unsure_tries"])
    return mail


def _postpone(mail: ServiceMail, reply: str, *, unsure: bool) -> None:
    now = timezone.now()
    if now - mail.created_at > timedelta(days=settings.OUTBOX_GIVE_UP_DAYS):
        _give_up(mail, f"is given up after {mail.attempts} attempts")
        return
    if unsure and mail.unsure_tries >= settings.OUTBOX_UNSURE_TRIES:
        _give_up(mail, "may have arrived")
        return
    steps = settings.OUTBOX_RETRY_MINUTES
    mail.next_attempt_at = now + timedelta(minutes=steps[min(mail.attempts, len(steps)) - 1])
    if not unsure:
        mail.unsure_tries -= 1
    mail.last_reply = reply[:1000]
    mail.save(update_fields=["next_attempt_at", "unsure_tries", "last_reply"])


def _give_up(mail: ServiceMail, why: str) -> None:
    log.error("service mail %s %s", mail.pk, why)
    mail.delete()


def _octets(message: EmailMessage) -> bytes:
    message.encoding = QUOTED_PRINTABLE
    # Django would name the machine it runs on: "localhost", or a container.
    message.extra_headers.setdefault("Message-ID", make_msgid(domain=settings.MAIL_DOMAIN))
    # The stubs do not know that Django's own message classes take the line end.
    written: bytes = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    signing = service_signing()
    return sign(written, signing) if signing else written
