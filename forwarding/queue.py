"""The filing queue: deliveries that are accepted but have no final state yet. A second queue on the same rows: those that
are filed, and whose author is to be proved (forwarding.verifying).

A worker claims rows under a lease and commits before it works, so a worker that dies loses its lease, not the mail.
"""

from __future__ import annotations

import random
from collections import defaultdict
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

# One organization's flood must not hold up another's single mail: each has a first, before any has a second. The
# organizations with waiting mail are found by skipping through the index from one to the next, so that a claim costs the
# same however much of one of them waits. They are asked for in that index's full order: for the order of organizations
# alone PostgreSQL also takes an index of all rows, and walks past everything that is done.
_CLAIM = """
    WITH RECURSIVE waiting AS (
        (SELECT organization_id AS id FROM forwarding_delivery WHERE {waiting} ORDER BY organization_id, {at}, id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT organization_id FROM forwarding_delivery
            WHERE {waiting} AND organization_id > waiting.id ORDER BY organization_id, {at}, id LIMIT 1
        ) FROM waiting WHERE waiting.id IS NOT NULL
    )
    UPDATE forwarding_delivery AS delivery SET {taken}
    FROM forwarding_rawmail AS raw
    WHERE raw.id = delivery.raw_id AND raw.organization_id = delivery.organization_id AND delivery.id IN (
        SELECT id FROM forwarding_delivery
        WHERE id = ANY(ARRAY(
            SELECT due.id FROM waiting CROSS JOIN LATERAL (
                SELECT id, row_number() OVER (ORDER BY at, id) AS turn FROM ({due}) AS next
            ) AS due ORDER BY turn, random() LIMIT %(limit)s
        ))
        FOR UPDATE SKIP LOCKED
    ) AND {waiting} AND {free}
    RETURNING delivery.organization_id, delivery.id, {told}
"""
_DUE = """
    SELECT id, {at} AS at FROM forwarding_delivery
    WHERE organization_id = waiting.id AND {wanted} AND {free} ORDER BY {at}, id LIMIT %(limit)s
"""
# A sender's mail keeps its order: it would begin a conversation of its own if it came before what it continues.
_DUE_AND_LIGHT = """
    SELECT id, next_attempt_at AS at FROM (
        SELECT oldest.*, max(raw.size) OVER (PARTITION BY oldest.mail_from ORDER BY oldest.id) AS heaviest
        FROM (
            SELECT id, organization_id, raw_id, mail_from, next_attempt_at, attempts FROM forwarding_delivery
            WHERE organization_id = waiting.id AND state = 'accepted' AND next_attempt_at <= now()
            ORDER BY next_attempt_at, id LIMIT %(window)s
        ) AS oldest
        JOIN forwarding_rawmail AS raw ON raw.id = oldest.raw_id AND raw.organization_id = oldest.organization_id
    ) AS weighed
    WHERE heaviest <= %(light)s AND attempts = 0
"""
# As in the conditions of the indexes delivery_due, delivery_tried and delivery_unproved.
_ANY, _TRIED, _UNPROVED = "state = 'accepted'", "state = 'accepted' AND attempts > 0", "verify_at IS NOT NULL"
_NEW = "state = 'accepted' AND attempts = 0"
_FILING = {
    "at": "next_attempt_at",
    "free": "next_attempt_at <= now() AND (lease_until IS NULL OR lease_until < now())",
    "taken": "lease_until = now() + %(filing)s * interval '1 second', attempts = attempts + 1",
    "told": "delivery.attempts, raw.size, delivery.failures",
}
_PROVING = {
    "at": "verify_at",
    "free": "verify_at <= now()",
    "taken": "verify_at = now() + %(proving)s * interval '1 second', verify_attempts = verify_attempts + 1",
    "told": "delivery.verify_attempts, raw.size",
}
_NEXT_NEW = _CLAIM.format(waiting=_ANY, due=_DUE.format(wanted=_NEW, **_FILING), **_FILING)
_NEXT_LIGHT = _CLAIM.format(waiting=_ANY, due=_DUE_AND_LIGHT, **_FILING)
_NEXT_TRIED = _CLAIM.format(waiting=_TRIED, due=_DUE.format(wanted=_TRIED, **_FILING), **_FILING)
_NEXT_UNPROVED = _CLAIM.format(waiting=_UNPROVED, due=_DUE.format(wanted=_UNPROVED, **_PROVING), **_PROVING)
LIGHT_WINDOW = 200  # due rows of an organization among which small ones are looked for


@dataclass(frozen=True, order=True)
class Claim:
    """A delivery this worker may file, or prove, until the lease ends. `attempts` counts this one; `size` is in octets.

    `failures`: how many attempts at filing ended in an error. The others ended with their worker, or took too long.
    """

    organization_id: int
    delivery_id: int
    attempts: int
    size: int
    failures: int = 0


def claim(limit: int) -> list[Claim]:
    """Take up to `limit` due deliveries that nobody has tried, each organization in turn."""
    return _claim(_NEXT_NEW, limit)


def claim_light(limit: int) -> list[Claim]:
    """The same, but only mail of at most FILING_LIGHT_OCTETS, and none before an older mail of its sender."""
    return _claim(_NEXT_LIGHT, limit)


def claim_again() -> list[Claim]:
    """Take one due delivery that was tried before.

    One at a time: it may be the one that ended its worker, and must not take others with it. Nor must they be taken
    for the guilty one.
    """
    return _claim(_NEXT_TRIED, 1)


def claim_unproved(limit: int) -> list[Claim]:
    """Take up to `limit` filed deliveries whose author is to be proved now, each organization in turn."""
    return _claim(_NEXT_UNPROVED, limit)


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
    minutes = steps[min(claim.failures, len(steps) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    due = timezone.now() + timedelta(minutes=minutes)
    _change([claim], lease_until=None, next_attempt_at=due, failures=F("failures") + 1, reason=reason[:300])


def park(claim: Claim, reason: str) -> None:
    """Filing has failed for good: people are to look at it, and may have it tried again."""
    _change([claim], state=Delivery.State.PARKED, reason=reason[:300], filed_at=timezone.now(), lease_until=None)


def release(claims: Sequence[Claim]) -> None:
    """Give claims back untouched."""
    _change(claims, lease_until=None, attempts=F("attempts") - 1)


def set_aside(claim: Claim) -> None:
    """Leave a delivery that takes long to those who take what was tried before."""
    _change([claim], lease_until=None)


def put_back(delivery: Delivery, **values: Any) -> None:
    """Put a mail that has a final state back in the queue, as if it had just come. Call inside the organization's scope."""
    Delivery.objects.filter(pk=delivery.pk, state=delivery.state).update(
        state=Delivery.State.ACCEPTED,
        attempts=0,
        failures=0,
        lease_until=None,
        next_attempt_at=timezone.now(),
        filed_at=None,
        verify_at=None,
        **values,
    )


def is_mail_waiting() -> bool:
    """Whether there is mail that nobody has tried to file."""
    with scope.queue():
        return Delivery.queue.filter(state=Delivery.State.ACCEPTED, attempts=0).exists()


def waiting() -> int:
    """How many accepted deliveries of all organizations have no final state yet."""
    with scope.queue():
        return Delivery.queue.filter(state=Delivery.State.ACCEPTED).count()


def _claim(statement: str, limit: int) -> list[Claim]:
    parameters = {
        "filing": settings.FILING_LEASE_SECONDS,
        "proving": settings.VERIFY_LEASE_SECONDS,
        "limit": limit,
        "window": LIGHT_WINDOW,
        "light": settings.FILING_LIGHT_OCTETS,
    }
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return sorted(Claim(*row) for row in cursor.fetchall())


def _change(claims: Sequence[Claim], **values: Any) -> None:
    """Change what is still claimed by these; a worker whose lease ran out changes nothing: another has raised `attempts`."""
    held: dict[int, list[int]] = defaultdict(list)
    for each in claims:
        held[each.attempts].append(each.delivery_id)
    with scope.queue():
        for attempts, pks in held.items():
            Delivery.queue.filter(pk__in=pks, attempts=attempts, state=Delivery.State.ACCEPTED).update(**values)
