"""What became of a mail at each recipient: the transitions of OutboundRecipient, and who is told.

    queued ──► sent                the relay took over
    queued ──► delayed ──► sent    refused for now, tried again
    queued, delayed ──► failed     refused for good by the relay, or given up
    queued, delayed ──► unsure     given up, and nobody can tell whether a try without an answer has left
    sent, unsure ──► delayed, bounced    a delivery report came back
    delayed, unsure ──► sent       a delivery report says that it arrived
    bounced, failed                final

A recipient with `accepted_at` is never sent to again, whatever a worker with an old lease believes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from organizations import scope
from whitelabel.models import OutboundRecipient
from whitelabel.signals import DeliveryChange, delivery_changed

log = logging.getLogger(__name__)

State = OutboundRecipient.State
FINAL_FAILURES = (State.BOUNCED, State.FAILED)
NOT_DELIVERED = (*FINAL_FAILURES, State.UNSURE)
"""What people must act on: as far as anybody knows, the mail has not arrived and is not sent again."""

ARRIVED = ("delivered", "relayed", "expanded")
REPORTED_STATES = {"failed": State.BOUNCED, "delayed": State.DELAYED, **dict.fromkeys(ARRIVED, State.SENT)}
MAX_REPLY_CHARACTERS = 1000
MAX_STATUS_CHARACTERS = 20

_RECORD = """
UPDATE whitelabel_outboundrecipient AS recipient
SET state = told.state, status = told.status, reply = told.reply, updated_at = statement_timestamp(),
    accepted_at = CASE WHEN told.state = 'sent' THEN statement_timestamp() END,
    unsure_tries = recipient.unsure_tries - told.counted::integer
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::boolean[]) AS told(id, state, status, reply, counted)
JOIN whitelabel_outboundrecipient AS before ON before.id = told.id
WHERE recipient.id = told.id AND recipient.accepted_at IS NULL AND recipient.state IN ('queued', 'delayed')
RETURNING recipient.mail_id, recipient.id, recipient.address, recipient.state, recipient.status, before.state
"""


@dataclass(frozen=True)
class Told:
    """What the relay said about one recipient: new state (sent, delayed, failed or unsure), enhanced status code, words.

    `unsure`: the try had no answer and may have left. `counted`: it had one, and was counted as unsure when it began.
    """

    recipient_id: int
    state: str
    status: str
    text: str
    unsure: bool = False
    counted: bool = False


def record(told: Sequence[Told]) -> None:
    """Store what the relay said about some recipients, and tell who listens. Call inside their organization's scope."""
    columns = (
        [each.recipient_id for each in told],
        [str(each.state) for each in told],
        [each.status[:MAX_STATUS_CHARACTERS] for each in told],
        [_words(each.text) for each in told],
        [each.counted for each in told],
    )
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, columns)
        # A further delay of what is delayed already is no news.
        rows = [row for row in cursor.fetchall() if row[3] != row[5]]
    _announce([_change(*row[:5]) for row in rows])


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
    delivered, relayed or expanded (RFC 3464, 2.3.3); any other changes no state. The caller has checked that the report
    came to a signed return path or embeds an id we signed. Opens the organization's scope itself.
    """
    with scope.organization(organization_id):
        recipient = _recipient(mail_id, recipient_id, address)
        if recipient is None or recipient.state in FINAL_FAILURES:
            return recipient
        state = REPORTED_STATES.get(action, recipient.state)
        changed = state != recipient.state
        recipient.state = state
        recipient.status, recipient.reply = status[:MAX_STATUS_CHARACTERS], _words(diagnostic)
        recipient.save(update_fields=["state", "status", "reply", "updated_at"])
        # A report proves that the relay took the mail over, even if its own reply was lost.
        OutboundRecipient.objects.filter(pk=recipient.pk, accepted_at=None).update(accepted_at=Now())
        if changed:
            _announce([_change(mail_id, recipient.pk, recipient.address, state, recipient.status)])
        return recipient


def _recipient(mail_id: int, recipient_id: int | None, address: str) -> OutboundRecipient | None:
    which = Q(pk=recipient_id) if recipient_id else Q(address__iexact=address)
    return OutboundRecipient.objects.select_for_update().filter(which, mail_id=mail_id).first()


def _words(text: str) -> str:
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:MAX_REPLY_CHARACTERS]


def _change(mail_id: int, recipient_id: int, address: str, state: str, status: str) -> DeliveryChange:
    return DeliveryChange(mail_id, recipient_id, address, state, status, hard=state in NOT_DELIVERED)


def _announce(changes: Sequence[DeliveryChange]) -> None:
    """Tell the apps above. Their trouble must not undo what is stored: the mail would leave twice."""
    if not changes:
        return
    try:
        with transaction.atomic():
            delivery_changed.send(OutboundRecipient, organization_id=scope.current_id(), changes=tuple(changes))
    except Exception:
        log.exception("a listener failed for the recipients %s", [change.recipient_id for change in changes])
