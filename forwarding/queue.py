"""The filing queue: deliveries that are accepted but have no final state yet.

A worker claims rows under a lease and commits before it works, so a worker that dies loses its lease, not the mail.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from forwarding.models import Delivery
from organizations import scope

# One organization's flood must not hold up another's single mail: the oldest of each organization come first.
_CLAIM = """
    UPDATE forwarding_delivery AS delivery
    SET lease_until = now() + %(lease)s * interval '1 second', attempts = attempts + 1
    FROM forwarding_rawmail AS raw
    WHERE raw.id = delivery.raw_id AND raw.organization_id = delivery.organization_id AND delivery.id IN (
        SELECT id FROM forwarding_delivery
        WHERE id = ANY(ARRAY(
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY organization_id ORDER BY id) AS turn
                FROM ({due}) AS due
            ) AS ranked ORDER BY turn, id LIMIT %(limit)s
        ))
        FOR UPDATE SKIP LOCKED
    ) AND state = 'accepted' AND (lease_until IS NULL OR lease_until < now())
    RETURNING delivery.id, delivery.organization_id, delivery.attempts, raw.size
"""
_DUE = """
    SELECT id, organization_id FROM forwarding_delivery
    WHERE state = 'accepted' AND next_attempt_at <= now() AND (lease_until IS NULL OR lease_until < now())
        AND (attempts > 0) = %(again)s
    ORDER BY next_attempt_at, id LIMIT %(window)s
"""
# A sender's mail keeps its order: it would begin a conversation of its own if it came before what it continues.
_DUE_AND_LIGHT = """
    SELECT id, organization_id FROM (
        SELECT waiting.*, max(raw.size) OVER (
            PARTITION BY waiting.organization_id, waiting.mail_from ORDER BY waiting.id
        ) AS heaviest
        FROM (
            SELECT id, organization_id, raw_id, mail_from, lease_until, attempts FROM forwarding_delivery
            WHERE state = 'accepted' AND next_attempt_at <= now()
            ORDER BY next_attempt_at, id LIMIT %(window)s
        ) AS waiting
        JOIN forwarding_rawmail AS raw ON raw.id = waiting.raw_id AND raw.organization_id = waiting.organization_id
    ) AS weighed
    WHERE heaviest <= %(light)s AND attempts = 0 AND (lease_until IS NULL OR lease_until < now())
"""
FAIRNESS_WINDOW = 2000  # due rows looked at when choosing whose turn it is


@dataclass(frozen=True, order=True)
class Claim:
    """A delivery this worker may file until the lease ends. `attempts` counts this one; `size` is in octets."""

    organization_id: int
    delivery_id: int
    attempts: int
    size: int


def claim(limit: int) -> list[Claim]:
    """Take up to `limit` due deliveries that nobody has tried, each organization in turn."""
    return _claim(_DUE, limit)


def claim_light(limit: int) -> list[Claim]:
    """The same, but only mail of at most FILING_LIGHT_OCTETS, and none before an older mail of its sender."""
    return _claim(_DUE_AND_LIGHT, limit)


def claim_again() -> list[Claim]:
    """Take one due delivery that was tried before.

    One at a time: it may be the one that ended its worker, and must not take others with it. Nor must they be taken
    for the guilty one.
    """
    return _claim(_DUE, 1, again=True)


def batches(claims: Sequence[Claim], octets: int) -> Iterator[list[Claim]]:
    """Claims that can be filed together: of one organization, and no more than `octets` unless it is a single one.

    Organizations with few claims come first, and equals by chance: what a round has no time for is given back, and must
    not be the same organization's single mail each time.
    """
    groups = [list(group) for _, group in groupby(sorted(claims), key=lambda claim: claim.organization_id)]
    random.shuffle(groups)
    for group in sorted(groups, key=len):
        batch: list[Claim] = []
        for each in group:
            if batch and sum(other.size for other in batch) + each.size > octets:
                yield batch
                batch = []
            batch.append(each)
        yield batch


def postpone(claim: Claim, reason: str) -> None:
    """Filing failed: try again later (FILING_RETRY_MINUTES, ±20 %), and say why."""
    steps = settings.FILING_RETRY_MINUTES
    minutes = steps[min(claim.attempts, len(steps)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    _change([claim], lease_until=None, next_attempt_at=timezone.now() + timedelta(minutes=minutes), reason=reason[:300])


def park(claim: Claim, reason: str) -> None:
    """Filing has failed for good: people are to look at it, and may have it tried again."""
    _change([claim], state=Delivery.State.PARKED, reason=reason[:300], filed_at=timezone.now(), lease_until=None)


def release(claims: Sequence[Claim]) -> None:
    """Give claims back untouched."""
    _change(claims, lease_until=None, attempts=F("attempts") - 1)


def set_aside(claim: Claim) -> None:
    """Leave a delivery that takes long to those who take what was tried before."""
    _change([claim], lease_until=None)


def retry_now(delivery: Delivery) -> None:
    """Put a parked mail back in the queue. Call inside the organization's scope."""
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PARKED).update(
        state=Delivery.State.ACCEPTED, attempts=0, lease_until=None, next_attempt_at=timezone.now(), filed_at=None
    )


def waiting() -> int:
    """How many accepted deliveries of all organizations have no final state yet."""
    with scope.queue():
        return Delivery.queue.filter(state=Delivery.State.ACCEPTED).count()


def _claim(due: str, limit: int, *, again: bool = False) -> list[Claim]:
    parameters = {
        "lease": settings.FILING_LEASE_SECONDS,
        "limit": limit,
        "window": FAIRNESS_WINDOW,
        "again": again,
        "light": settings.FILING_LIGHT_OCTETS,
    }
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(due=due), parameters)
        return sorted(
            Claim(organization_id, pk, attempts, size) for pk, organization_id, attempts, size in cursor.fetchall()
        )


def _change(claims: Sequence[Claim], **values: Any) -> None:
    with scope.queue():
        pks = [each.delivery_id for each in claims]
        Delivery.queue.filter(pk__in=pks, state=Delivery.State.ACCEPTED).update(**values)
