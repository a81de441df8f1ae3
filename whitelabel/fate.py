"""What became of a mail at each recipient: the transitions of OutboundRecipient, and who is told.

    queued ──► sent                the relay took over
    queued ──► delayed ──► sent    refused for now, tried again
    queued, delayed ──► failed     refused for good by the relay, or given up
    sent ──► delayed, bounced      a delivery report came back
    bounced, failed                final

Call everything here inside the organization's scope.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from organizations import scope, wakeups
from whitelabel.models import OutboundRecipient
from whitelabel.relay import Reply
from whitelabel.signals import delivery_changed

log = logging.getLogger(__name__)

State = OutboundRecipient.State
UNFINISHED = (State.QUEUED, State.DELAYED)
REPORTED_STATES = {"failed": State.BOUNCED, "delayed": State.DELAYED}
MAX_REPLY_CHARACTERS = 1000
MAX_STATUS_CHARACTERS = 20


def accepted(recipient_id: int, reply: Reply) -> None:
    """The relay took the mail over. Never sent again from here, whatever a worker with an old lease believes."""
    rows = OutboundRecipient.objects.filter(pk=recipient_id, accepted_at=None)
    if rows.update(state=State.SENT, accepted_at=Now(), **_said(reply.status, reply.text)):
        _announce(recipient_id)


def delayed(recipient_id: int, reply: Reply) -> None:
    """Not taken over this time. Tells pages and listeners only when it is news."""
    rows = OutboundRecipient.objects.filter(pk=recipient_id, accepted_at=None, state__in=UNFINISHED)
    is_news = rows.filter(state=State.QUEUED).exists()
    if rows.update(state=State.DELAYED, **_said(reply.status, reply.text)) and is_news:
        _announce(recipient_id)


def failed(recipient_id: int, reply: Reply) -> None:
    """Never taken over and never tried again."""
    rows = OutboundRecipient.objects.filter(pk=recipient_id, accepted_at=None, state__in=UNFINISHED)
    if rows.update(state=State.FAILED, **_said(reply.status, reply.text)):
        _announce(recipient_id)


def record_bounce(
    organization_id: int,
    *,
    mail_id: int,
    recipient_id: int | None = None,
    address: str = "",
    action: str,
    status: str = "",
    diagnostic: str = "",
) -> OutboundRecipient | None:
    """Store what a delivery report (RFC 3464) says about one recipient of a mail of ours; returns it, None if unknown.

    The recipient is named by `recipient_id` (from the return path) or by `address`. `action` is failed, delayed,
    delivered, relayed or expanded; the last three change no state. The caller has checked that the report came to a
    signed return path or embeds an id we signed. Opens the organization's scope itself.
    """
    with scope.organization(organization_id):
        recipient = _recipient(mail_id, recipient_id, address)
        if recipient is None or recipient.state in (State.BOUNCED, State.FAILED):
            return recipient
        state = REPORTED_STATES.get(action, recipient.state)
        reported = OutboundRecipient.objects.filter(pk=recipient.pk)
        # A report proves that the relay took the mail over, even if its own reply was lost.
        reported.filter(accepted_at=None).update(accepted_at=Now())
        reported.update(state=state, **_said(status, diagnostic))
        if state != recipient.state:
            _announce(recipient.pk)
        recipient.refresh_from_db()
        return recipient


def _recipient(mail_id: int, recipient_id: int | None, address: str) -> OutboundRecipient | None:
    which = Q(pk=recipient_id) if recipient_id else Q(address__iexact=address)
    return OutboundRecipient.objects.select_for_update().filter(which, mail_id=mail_id).first()


def _said(status: str, text: str) -> dict[str, object]:
    words = "".join(character if character.isprintable() else " " for character in text)
    return {
        "status": status[:MAX_STATUS_CHARACTERS],
        "reply": " ".join(words.split())[:MAX_REPLY_CHARACTERS],
        "updated_at": Now(),
    }


def _announce(recipient_id: int) -> None:
    """Tell open pages and the apps above. Their trouble must not undo what is stored: the mail would leave twice."""
    recipient = OutboundRecipient.objects.get(pk=recipient_id)
    wakeups.notify(wakeups.LIVE, kind="delivery", organization=recipient.organization_id, mail=recipient.mail_id)
    try:
        with transaction.atomic():
            delivery_changed.send(
                OutboundRecipient,
                organization_id=recipient.organization_id,
                mail_id=recipient.mail_id,
                recipient_id=recipient.pk,
                address=recipient.address,
                state=recipient.state,
                status=recipient.status,
                hard=recipient.state in (State.BOUNCED, State.FAILED),
            )
    except Exception:
        log.exception("a listener failed for recipient %s of mail %s", recipient.pk, recipient.mail_id)
