"""The filing queue: deliveries that are accepted but have no final state yet.

A worker claims rows under a lease and commits before it works, so a worker that dies loses its lease, not the mail.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from forwarding.models import Delivery
from organizations import scope

# One organization's flood must not hold up another's single mail: the oldest of each organization come first.
_CLAIM = """
    UPDATE forwarding_delivery SET lease_until = now() + %(lease)s * interval '1 second', attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM forwarding_delivery
        WHERE id = ANY(ARRAY(
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY organization_id ORDER BY id) AS turn
                FROM (
                    SELECT id, organization_id FROM forwarding_delivery
                    WHERE state = 'accepted' AND next_attempt_at <= now() AND (lease_until IS NULL OR lease_until < now())
                    ORDER BY next_attempt_at, id LIMIT %(window)s
                ) AS due
            ) AS ranked ORDER BY turn, id LIMIT %(limit)s
        ))
        FOR UPDATE SKIP LOCKED
    ) AND state = 'accepted' AND (lease_until IS NULL OR lease_until < now())
    RETURNING id, organization_id, attempts
"""
FAIRNESS_WINDOW = 2000  # due rows looked at when choosing whose turn it is


@dataclass(frozen=True)
class Claim:
    """A delivery this worker may file until the lease ends. `attempts` counts this one."""

    delivery_id: int
    organization_id: int
    attempts: int


def claim(limit: int) -> list[Claim]:
    """Take up to `limit` due deliveries of any organization, each organization in turn."""
    parameters = {"lease": settings.FILING_LEASE_SECONDS, "limit": limit, "window": FAIRNESS_WINDOW}
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return [Claim(*row) for row in sorted(cursor.fetchall())]


def postpone(claim: Claim, reason: str) -> None:
    """Filing failed: try again later (FILING_RETRY_MINUTES, ±20 %), and say why."""
    steps = settings.FILING_RETRY_MINUTES
    minutes = steps[min(claim.attempts, len(steps)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    with scope.queue():
        Delivery.queue.filter(pk=claim.delivery_id, state=Delivery.State.ACCEPTED).update(
            lease_until=None, next_attempt_at=timezone.now() + timedelta(minutes=minutes), reason=reason[:300]
        )


def retry_now(delivery: Delivery) -> None:
    """Put a parked mail back in the queue. Call inside the organization's scope."""
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PARKED).update(
        state=Delivery.State.ACCEPTED, attempts=0, lease_until=None, next_attempt_at=timezone.now(), filed_at=None
    )


def waiting() -> int:
    """How many accepted deliveries of all organizations have no final state yet."""
    with scope.queue():
        return Delivery.queue.filter(state=Delivery.State.ACCEPTED).count()


def release(claims: list[Claim]) -> None:
    """Give claims back untouched, as at a shutdown."""
    with scope.queue():
        Delivery.queue.filter(pk__in=[c.delivery_id for c in claims], state=Delivery.State.ACCEPTED).update(
            lease_until=None, attempts=F("attempts") - 1
        )
