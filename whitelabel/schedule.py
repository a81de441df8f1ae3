"""When a sender domain is checked next, and which ones are due now."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from organizations import scope
from organizations.models import Event, User, record
from whitelabel.models import HOLDING, SenderDomain
from whitelabel.readiness import is_ready, longest_wait, second_round_at

State = SenderDomain.State

# (until so long after the page was opened, seconds between checks)
WATCHED = ((timedelta(minutes=2), 5), (timedelta(minutes=15), 15), (timedelta.max, 60))
# Nobody looks: minutes between the first checks, then by age of the claim.
UNWATCHED_MINUTES = (1, 2, 5, 10, 15, 30, 60)
HOURLY_UNTIL = timedelta(hours=24)
SLOW = timedelta(hours=6)
WHILE_SOMETHING_IS_OFF = timedelta(minutes=10)

CHECK_ASKED = "sender_domain.check_asked"
_ONE_TAKER = "SELECT pg_advisory_xact_lock(hashtext('whitelabel.schedule.take_due'))"
# One check of a registered domain at a time, and the next one only after a pause: parents, children and the claims of
# several organizations share its nameservers. Takers are few and quick; the lock lets them count one after the other.
_CLAIM_DUE = """
    WITH domains AS NOT MATERIALIZED (
        SELECT id, next_check_at, lease_until, check_started_at, COALESCE(NULLIF(registrable, ''), domain) AS registered
        FROM whitelabel_senderdomain
    ), first_of_each AS (
        SELECT DISTINCT ON (registered) id, next_check_at FROM domains AS due
        WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until < now())
            AND NOT EXISTS (
                SELECT 1 FROM domains AS other WHERE other.registered = due.registered
                AND other.check_started_at > now() - %(pause)s * interval '1 second'
            )
        ORDER BY registered, next_check_at
    )
    UPDATE whitelabel_senderdomain
    SET lease_until = now() + %(lease)s * interval '1 second', check_seq = check_seq + 1, check_started_at = now()
    WHERE id IN (
        SELECT id FROM whitelabel_senderdomain WHERE id IN (SELECT id FROM first_of_each)
        ORDER BY next_check_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING id, organization_id, check_seq
"""


class CheckRefused(ValueError):
    """A check was asked for too soon or too often; the text says so in the user's language."""


@dataclass(frozen=True)
class DueCheck:
    """A domain this worker may check until the lease ends. A later check has a higher `seq` and wins."""

    claim_id: int
    organization_id: int
    seq: int


def take_due(limit: int) -> list[DueCheck]:
    """Take up to `limit` due domains of any organization."""
    amounts = {
        "lease": settings.SENDER_CHECK_LEASE_SECONDS,
        "pause": settings.SENDER_DOMAIN_CHECK_SECONDS,
        "limit": limit,
    }
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute(_ONE_TAKER)
        cursor.execute(_CLAIM_DUE, amounts)
        return [DueCheck(*row) for row in cursor.fetchall()]


def next_check(claim: SenderDomain, now: datetime) -> datetime | None:
    """The time of the next check; None when the domain is not checked any more. Pure but for the jitter."""
    if confirming := second_round_at(claim):
        return confirming
    wait = _wait(claim, now)
    if wait is None:
        return None
    wait = max(wait, _wait_for_caches(claim, now))
    return now + wait * (1 + random.uniform(-1, 1) * settings.SENDER_CHECK_JITTER)  # noqa: S311 - spreads load, hides nothing


def _wait(claim: SenderDomain, now: datetime) -> timedelta | None:
    if claim.state == State.LAPSED:
        return None
    if claim.watched_until and claim.watched_until > now and claim.watched_since:
        open_for = now - claim.watched_since
        return timedelta(seconds=next(seconds for until, seconds in WATCHED if open_for < until))
    if claim.state in HOLDING:
        return WHILE_SOMETHING_IS_OFF if claim.bad_since else SLOW
    return _unwatched_wait(claim, now)


def _wait_for_caches(claim: SenderDomain, now: datetime) -> timedelta:
    """Nothing changes before a resolver has forgotten; an open page is kept alive meanwhile."""
    if not is_ready(claim.verdicts):
        return timedelta(0)
    waiting = timedelta(seconds=longest_wait(claim.verdicts))
    watched = claim.watched_until is not None and claim.watched_until > now
    return min(waiting, timedelta(seconds=WATCHED[-1][1])) if watched else waiting


def _unwatched_wait(claim: SenderDomain, now: datetime) -> timedelta | None:
    if claim.checks_done < len(UNWATCHED_MINUTES):
        return timedelta(minutes=UNWATCHED_MINUTES[claim.checks_done])
    age = now - max(filter(None, (claim.created_at, claim.watched_since)))
    if age > timedelta(days=settings.SENDER_STOP_AFTER_DAYS):
        return None
    return timedelta(hours=1) if age < HOURLY_UNTIL else SLOW


def watch(claim: SenderDomain) -> None:
    """The page is open: check soon, and often for a while. Call inside the organization's scope."""
    now = timezone.now()
    fresh = claim.watched_until is None or claim.watched_until < now
    SenderDomain.objects.filter(pk=claim.pk).exclude(state=State.LAPSED).update(
        watched_until=now + timedelta(seconds=settings.SENDER_WATCH_SECONDS),
        watched_since=now if fresh else F("watched_since"),
    )
    if fresh:
        check_soon(claim)


def check_soon(claim: SenderDomain) -> bool:
    """Ask for a check now. False when the last one was just a moment ago, or one is under way."""
    now = timezone.now()
    earliest = now - timedelta(seconds=settings.SENDER_MANUAL_CHECK_SECONDS)
    rows = SenderDomain.objects.filter(pk=claim.pk).exclude(state=State.LAPSED).exclude(checked_at__gt=earliest)
    restart = rows.filter(state=State.STOPPED).update(state=State.PENDING, checks_done=0, next_check_at=now)
    return bool(restart or rows.filter(lease_until__isnull=True).update(next_check_at=now))


def ask_for_check(claim: SenderDomain, *, actor: User | None) -> None:
    """Somebody pressed "check now". Raises CheckRefused with a reason for people. Call inside the organization's scope."""
    hour = timezone.now() - timedelta(hours=1)
    asked = Event.objects.filter(kind=CHECK_ASKED, at__gt=hour).count()
    if asked >= settings.SENDER_MANUAL_CHECKS_AN_HOUR:
        text = _(
            "You have asked for %(count)s checks in the last hour. The records are checked by themselves meanwhile."
        )
        raise CheckRefused(text % {"count": asked})
    if not check_soon(claim):
        raise CheckRefused(_("A check was made just now. The page shows its result."))
    record(CHECK_ASKED, claim, actor=actor)
