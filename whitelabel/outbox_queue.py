"""The outbox as a work queue: claiming mails under a lease, giving them back, planning the next try.

All times are the database's. A claim is committed before anything is sent, so a worker that dies loses its lease, not the
mail; a mail that is claimed again while still marked as being sent may have left already, which `Claim.unsure` says.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from organizations import scope
from whitelabel.models import IN_USE, OutboundMail, OutboundRecipient

State = OutboundMail.State
RETRY_JITTER = 0.2
HOUR_MINUTES = 60

# People before automatic mail, and among them one mail of each organization in turn. The recursive part walks from one
# organization with mail in the queue to the next by index, so that one organization's backlog costs the others nothing.
_CLAIM = """
WITH RECURSIVE waiting(organization_id) AS (
    (SELECT organization_id FROM whitelabel_outboundmail
     WHERE state IN ('queued', 'sending') ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.organization_id FROM whitelabel_outboundmail AS next
            WHERE next.state IN ('queued', 'sending') AND next.organization_id > waiting.organization_id
            ORDER BY next.organization_id LIMIT 1)
    FROM waiting WHERE waiting.organization_id IS NOT NULL
), due AS (
    SELECT first.id, first.automatic, first.next_attempt_at, row_number() OVER (
        PARTITION BY waiting.organization_id ORDER BY first.automatic, first.next_attempt_at, first.id
    ) AS turn
    FROM waiting CROSS JOIN LATERAL (
        SELECT id, automatic, next_attempt_at FROM whitelabel_outboundmail AS mail
        WHERE mail.organization_id = waiting.organization_id AND mail.state IN ('queued', 'sending')
            AND mail.next_attempt_at <= statement_timestamp()
        ORDER BY automatic, next_attempt_at, id LIMIT %(limit)s
    ) AS first
), chosen AS (
    SELECT id, row_number() OVER (ORDER BY automatic, turn, next_attempt_at, id) AS place FROM due
    ORDER BY place LIMIT %(limit)s
), locked AS (
    SELECT mail.id, mail.state, octet_length(mail.content) AS octets, chosen.place
    FROM whitelabel_outboundmail AS mail JOIN chosen ON chosen.id = mail.id
    WHERE mail.state IN ('queued', 'sending') AND mail.next_attempt_at <= statement_timestamp()
    FOR UPDATE OF mail SKIP LOCKED
), taken AS (
    SELECT id, state, place FROM (
        SELECT id, state, place, row_number() OVER turns AS number, sum(octets) OVER turns AS octets
        FROM locked WINDOW turns AS (ORDER BY place)
    ) AS counted WHERE number = 1 OR octets <= %(octets)s
)
UPDATE whitelabel_outboundmail AS mail
SET state = 'sending', attempts = mail.attempts + 1,
    lease_until = statement_timestamp() + %(lease)s * interval '1 second',
    next_attempt_at = statement_timestamp() + %(lease)s * interval '1 second'
FROM taken WHERE mail.id = taken.id
RETURNING mail.id, mail.organization_id, mail.attempts, taken.state = 'sending' AND mail.final, mail.return_path_domain,
    mail.header_message_id, mail.content, mail.not_before < statement_timestamp() - %(give_up)s * interval '1 day',
    mail.final AND (mail.identity <> 'own' OR EXISTS (
        SELECT 1 FROM whitelabel_senderaddress AS sender
        JOIN whitelabel_senderdomain AS domain ON domain.id = sender.sender_domain_id
        WHERE sender.id = mail.sender_address_id AND sender.activated_at IS NOT NULL AND domain.state = ANY(%(sending)s)
    )), taken.place
"""

# A worker whose lease ran out changes nothing any more: another one has raised `attempts`. A lateral join: the planner
# may answer EXISTS by reading all recipients there ever were.
_SETTLE = """
UPDATE whitelabel_outboundmail AS mail
SET state = CASE
        WHEN settled.minutes IS NOT NULL AND settled.unsure THEN 'sending'
        WHEN settled.minutes IS NOT NULL THEN 'queued'
        WHEN accepted.id IS NOT NULL THEN 'sent'
        ELSE 'failed'
    END,
    next_attempt_at = CASE WHEN settled.minutes IS NULL THEN mail.next_attempt_at
        ELSE statement_timestamp() + settled.minutes * interval '1 minute' END,
    finished_at = CASE WHEN settled.minutes IS NULL THEN statement_timestamp() END,
    lease_until = NULL, last_reply = settled.reply
FROM unnest(%s::bigint[], %s::integer[], %s::float[], %s::boolean[], %s::text[])
    AS settled(id, attempts, minutes, unsure, reply)
LEFT JOIN LATERAL (
    SELECT recipient.id FROM whitelabel_outboundrecipient AS recipient
    WHERE recipient.mail_id = settled.id AND recipient.accepted_at IS NOT NULL LIMIT 1
) AS accepted ON true
WHERE mail.id = settled.id AND mail.attempts = settled.attempts AND mail.state = 'sending'
"""


@dataclass(frozen=True)
class Pending:
    """A recipient the relay has not taken over, as far as is known after `unsure_tries` tries that had no answer."""

    recipient_id: int
    address: str
    unsure_tries: int


@dataclass(frozen=True)
class Claim:
    """A mail this worker may send until its lease ends. `attempts` counts this one; `last` when no further will follow.

    `unsure`: an earlier attempt ended between the mail's last octet and the record of it. `final`: these are the octets to
    send; not so of planned mail, nor when the organization may not use the own address any more (`whitelabel.departure`).
    """

    mail_id: int
    organization_id: int
    attempts: int
    unsure: bool
    return_path_domain: str
    header_message_id: str
    content: bytes
    last: bool
    final: bool
    pending: tuple[Pending, ...]


@dataclass(frozen=True)
class Settled:
    """How an attempt ended for the mail as a whole: `retry_minutes` until the next, None when there will be none.

    `unsure`: the relay may have taken over what it gave no answer to.
    """

    claim: Claim
    retry_minutes: float | None
    unsure: bool
    reply: str


def claim(limit: int) -> list[Claim]:
    """Take up to `limit` due mails of any organization, in the order they should be sent."""
    parameters: dict[str, Any] = {
        "limit": limit,
        "octets": settings.OUTBOX_BATCH_OCTETS,
        "lease": settings.OUTBOX_LEASE_SECONDS,
        "give_up": settings.OUTBOX_GIVE_UP_DAYS,
        "sending": list(IN_USE),
    }
    with scope.queue():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, parameters)
            rows = sorted(cursor.fetchall(), key=lambda row: row[-1])
        pending = _pending([row[0] for row in rows])
    return [_claimed(row, pending[row[0]]) for row in rows]


def _claimed(row: tuple[Any, ...], pending: Sequence[Pending]) -> Claim:
    mail_id, organization_id, attempts, unsure, return_path_domain, message_id, content, last, final, _place = row
    return Claim(
        mail_id=mail_id,
        organization_id=organization_id,
        attempts=attempts,
        unsure=unsure,
        return_path_domain=return_path_domain,
        header_message_id=message_id,
        content=bytes(content),
        last=last,
        final=final,
        pending=tuple(pending),
    )


def release(claims: Sequence[Claim], *, after_seconds: float = 0) -> None:
    """Give back mails that were not tried, as if they had never been taken."""
    with scope.queue():
        for untried in claims:
            held(untried).update(
                state=State.SENDING if untried.unsure else State.QUEUED,
                attempts=F("attempts") - 1,
                lease_until=None,
                next_attempt_at=Now() + timedelta(seconds=after_seconds),
            )


def renew(claim: Claim) -> bool:
    """Begin the lease anew. False when it ran out and another worker took the mail."""
    until = Now() + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    with scope.queue():
        return bool(held(claim).update(lease_until=until, next_attempt_at=until))


def count_try(recipient: Pending, by: int) -> None:
    """Note that a try begins (1) whose outcome nobody will know if this process dies, or that it did not begin (-1)."""
    with scope.queue():
        OutboundRecipient.queue.filter(pk=recipient.recipient_id).update(unsure_tries=F("unsure_tries") + by)


def settle(settled: Sequence[Settled]) -> None:
    """Store the mails' next states. Call inside their organization's scope, after the recipients' (fate.record)."""
    columns = (
        [each.claim.mail_id for each in settled],
        [each.claim.attempts for each in settled],
        [each.retry_minutes for each in settled],
        [each.unsure for each in settled],
        [each.reply[:1000] for each in settled],
    )
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, columns)


def tell_waiting(reason: str) -> None:
    """Let the mails that are due show why they wait."""
    with scope.queue():
        due = OutboundMail.queue.filter(state=State.QUEUED, next_attempt_at__lte=Now())
        due.exclude(last_reply=reason[:1000]).update(last_reply=reason[:1000])


def retry_minutes(attempts: int) -> float:
    """Minutes to wait after the attempt with this number (1, 2, …), ±20 %."""
    steps = settings.OUTBOX_RETRY_MINUTES
    minutes = steps[attempts - 1] if attempts <= len(steps) else HOUR_MINUTES
    return minutes * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)  # noqa: S311  (nothing to guess)


def waiting() -> int:
    """How many mails of all organizations are still to be sent."""
    with scope.queue():
        return OutboundMail.queue.filter(state__in=(State.QUEUED, State.SENDING)).count()


def held(claim: Claim) -> QuerySet[OutboundMail]:
    """The row while this claim holds it: a worker whose lease ran out changes nothing any more."""
    return OutboundMail.queue.filter(pk=claim.mail_id, state=State.SENDING, attempts=claim.attempts)


def _pending(mail_ids: Sequence[int]) -> dict[int, list[Pending]]:
    unfinished = OutboundRecipient.queue.filter(
        mail_id__in=mail_ids,
        accepted_at=None,
        state__in=(OutboundRecipient.State.QUEUED, OutboundRecipient.State.DELAYED),
    )
    recipients = defaultdict(list)
    columns = ("mail_id", "id", "address", "unsure_tries")
    for mail_id, *values in unfinished.order_by("id").values_list(*columns):
        recipients[mail_id].append(Pending(*values))
    return recipients
