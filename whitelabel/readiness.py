"""Whether a claim's records are right, and since long enough that every receiver sees them.

Three questions, each stricter than the one before: are all required records right (the boxes), did two rounds a few
seconds apart say so (an anycast server may answer from a copy that lags), and have the caches in between forgotten what
was there before (design 4.1 step 8, 4.5 step 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from whitelabel.models import SenderDomain

RIGHT = ("green", "green_note")
RESOLVERS_NEEDED = (2, 3)
"""So many of so many recursive resolvers must see a record."""


def is_ready(verdicts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every required record was right at the last check."""
    required = [verdict for verdict in verdicts if verdict["required"]]
    return bool(required) and all(verdict["state"] in RIGHT for verdict in required)


def second_round_at(claim: SenderDomain) -> datetime | None:
    """When the check may begin that confirms the first right one; None when nothing waits for it."""
    if claim.ready_since is None or (claim.checked_at and claim.checked_at >= _confirmed_from(claim.ready_since)):
        return None
    return _confirmed_from(claim.ready_since)


def is_agreed(claim: SenderDomain) -> bool:
    """Whether two rounds, SENDER_AGREEING_SECONDS apart, found everything right and none in between did not."""
    return claim.ready_since is not None and second_round_at(claim) is None


def caches_until(claim: SenderDomain, now: datetime) -> datetime | None:
    """When the last resolver has forgotten what it remembers from before; None when enough of them see every record."""
    if claim.ready_since is None or all(_seen_by_resolvers(verdict) for verdict in claim.verdicts):
        return None
    until = claim.ready_since + timedelta(seconds=claim.cache_seconds)
    return until if until > now else None


def longest_wait(verdicts: Sequence[Mapping[str, Any]]) -> int:
    """For how many seconds a resolver still remembers an old answer about a required record."""
    return max((int(v.get("wait_seconds") or 0) for v in verdicts if v["required"]), default=0)


def _confirmed_from(first: datetime) -> datetime:
    return first + timedelta(seconds=settings.SENDER_AGREEING_SECONDS)


def _seen_by_resolvers(verdict: Mapping[str, Any]) -> bool:
    if not verdict["required"]:
        return True
    resolvers = verdict.get("resolvers") or ()
    right = sum(answer["standing"] == "right" for answer in resolvers)
    needed, asked = RESOLVERS_NEEDED
    return bool(right * asked >= needed * len(resolvers))
