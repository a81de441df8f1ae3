"""The queues of deliveries: whose turn it is, however much of one organization waits, and what taking a turn costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from forwarding import queue
from forwarding.models import Delivery, RawMail
from forwarding.queue import Claim
from organizations import scope
from tests.support.builders import Town, town

pytestmark = pytest.mark.django_db(transaction=True)

BACKLOG = 2_100
FLOOD = 8_000
TRIED = {"attempts": 1}
UNPROVED = {"state": "filed", "attempts": 1, "verify_at": datetime(2026, 1, 1, tzinfo=UTC)}
COPIES = """
    INSERT INTO forwarding_delivery (mail_from, {0})
    SELECT 'a' || each || '@example.org', {0} FROM forwarding_delivery, generate_series(2, %s) AS each WHERE id = %s
"""


@pytest.fixture
def storstad(lillestad: Town) -> Town:
    """A second organization, whose mail comes later."""
    return town("Storstad", "info@storstad.se", "Info")


def waiting(of: Town, number: int, **fields: Any) -> None:
    """That many deliveries in the queue, each of another sender."""
    now = timezone.now() - timedelta(seconds=1)
    with scope.organization(of.organization):
        raw = RawMail.objects.create(sha256="0" * 64, size=20, content=b"Subject: Hej\r\n\r\nHej", received_at=now)
        first = Delivery.objects.create(
            raw=raw,
            inbox=of.inbox,
            recipient="jobb",
            peer_ip="192.0.2.1",
            mail_from="a1@example.org",
            received_at=now,
            next_attempt_at=now,
            **fields,
        )
        others = [column.column for column in Delivery._meta.concrete_fields if column.name not in ("id", "mail_from")]
        with connection.cursor() as cursor:
            cursor.execute(COPIES.format(", ".join(others)), [number, first.pk])


@pytest.mark.parametrize(
    ("take", "fields"), [(queue.claim, {}), (queue.claim_light, {}), (queue.claim_unproved, UNPROVED)]
)
def test_a_single_mail_is_taken_in_the_next_round_however_much_waits_before_it(
    lillestad: Town, storstad: Town, take: Callable[[int], list[Claim]], fields: dict[str, Any]
) -> None:
    waiting(lillestad, BACKLOG, **fields)
    waiting(storstad, 1, **fields)
    taken = take(50)
    assert len(taken) == 50
    assert storstad.organization.pk in {claim.organization_id for claim in taken}


def test_a_single_mail_that_was_tried_before_has_its_turn_too(lillestad: Town, storstad: Town) -> None:
    waiting(lillestad, 60, attempts=1)
    waiting(storstad, 1, attempts=1)
    taken = [claim.organization_id for _ in range(40) for claim in queue.claim_again()]
    assert storstad.organization.pk in taken


@pytest.mark.parametrize(
    ("flood", "other", "take"),
    [
        ({}, TRIED, partial(queue.claim, 50)),
        ({}, TRIED, partial(queue.claim_light, 50)),
        ({}, TRIED, queue.claim_again),
        (TRIED, TRIED, queue.claim_again),
        (UNPROVED, UNPROVED, partial(queue.claim_unproved, 50)),
        (UNPROVED, TRIED, partial(queue.claim_unproved, 50)),
    ],
)
def test_a_turn_costs_no_more_when_much_is_waiting(
    lillestad: Town,
    storstad: Town,
    flood: dict[str, Any],
    other: dict[str, Any],
    take: Callable[[], list[Claim]],
) -> None:
    waiting(lillestad, FLOOD, **flood)
    waiting(storstad, 2, **other)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE forwarding_delivery, forwarding_rawmail")
    assert rows_seen(plan_of(take)) < FLOOD / 2


@pytest.mark.parametrize(
    ("flood", "done", "take"),
    [
        ({}, {"state": "filed"}, partial(queue.claim, 50)),
        (TRIED, {"state": "filed"}, queue.claim_again),
        (UNPROVED, {"verify_at": None}, partial(queue.claim_unproved, 50)),
    ],
)
def test_nor_when_much_was_waiting_and_the_planner_has_not_heard_that_it_is_done(
    lillestad: Town, storstad: Town, flood: dict[str, Any], done: dict[str, Any], take: Callable[[], list[Claim]]
) -> None:
    waiting(lillestad, FLOOD, **flood)
    waiting(storstad, 2, **flood)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE forwarding_delivery, forwarding_rawmail")
    with scope.organization(lillestad.organization):
        Delivery.objects.update(**done)
    assert rows_seen(plan_of(take)) < FLOOD / 2


def plan_of(take: Callable[[], list[Claim]]) -> dict[str, Any]:
    """How PostgreSQL carries out a claim that takes something, with what it saw of the rows."""
    with CaptureQueriesContext(connection) as ran:
        assert take()
    [statement] = [query["sql"] for query in ran if "UPDATE" in query["sql"]]
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement)
        [found] = cursor.fetchone()[0]
    plan: dict[str, Any] = found["Plan"]
    return plan


def rows_seen(node: dict[str, Any]) -> int:
    """Rows that a plan's node and those below it take or leave."""
    taken = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(taken * node["Actual Loops"]) + sum(rows_seen(below) for below in node.get("Plans", ()))
