"""Reconciliation: proves that every mail which was answered 250 is accounted for, and raises an alarm where one is not.

Kinds of gap, each a number of mails:

    octets_without_delivery   accepted octets that no delivery speaks for
    unknown_state             deliveries in no state of the ledger: the sums do not agree
    filed_without_message     filed, or called a duplicate, but the message is not there
    one_message_for_several   filed, but sharing its message with another mail
    waiting_too_long          accepted longer than LEDGER_WAIT_SECONDS ago and not filed yet

The alarm is an ERROR line with numbers and no addresses, and an event that the ledger page shows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from forwarding.models import Delivery, RawMail, Refusal
from inboxes.models import ServiceAddress
from organizations import scope
from organizations.models import Event, record

log = logging.getLogger(__name__)

State = Delivery.State
BALANCED, GAP = "ledger.balanced", "ledger.gap"
EVENT_DAYS = 3  # an older result says nothing about today


@dataclass(frozen=True)
class Balance:
    """The accounts of one organization: deliveries by state, and the gaps by kind (those above zero)."""

    organization_id: int
    accepted: int
    states: dict[str, int]
    gaps: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether accepted mail = filed + duplicates + own copies + reports + parked + waiting, each with what it claims."""
        return not self.gaps


def organizations() -> list[int]:
    """The ids of all organizations that mail can come to, in order. Keys are never deleted, so they name all."""
    with scope.queue():
        return sorted(set(ServiceAddress.queue.values_list("organization_id", flat=True).distinct()))


def reconcile_all() -> list[Balance]:
    """Check every organization, log and record the results, and forget old refusals."""
    return [reconcile(organization_id) for organization_id in organizations()]


def reconcile(organization_id: int) -> Balance:
    """Check one organization, log and record the result, and forget its old refusals."""
    with scope.organization(organization_id):
        balance = balance_of()
        if balance.is_whole:
            record(BALANCED, accepted=balance.accepted)
        else:
            _alarm(organization_id, balance.gaps)
        oldest = timezone.now() - timedelta(days=settings.LEDGER_REFUSAL_DAYS)
        Refusal.objects.filter(last_at__lt=oldest).delete()
        return balance


def watch_waiting() -> dict[int, int]:
    """Raise the alarm for organizations whose mail waits too long, at most once in LEDGER_REPEAT_ALARM_MINUTES each.

    Returns how many mails wait too long in each organization.
    """
    with scope.queue():
        overdue = Delivery.queue.filter(_is_overdue()).order_by()
        rows: Any = overdue.values("organization_id").annotate(number=Count("pk"))
        late = {row["organization_id"]: row["number"] for row in rows}
    for organization_id, number in late.items():
        with scope.organization(organization_id):
            since = timezone.now() - timedelta(minutes=settings.LEDGER_REPEAT_ALARM_MINUTES)
            if not Event.objects.filter(kind=GAP, at__gte=since).exists():
                _alarm(organization_id, {"waiting_too_long": number})
    return late


def balance_of() -> Balance:
    """The accounts of the open organization."""
    rows: Any = Delivery.objects.order_by().values("state").annotate(number=Count("pk"))
    found = {row["state"]: row["number"] for row in rows}
    states = {str(state): found.get(state, 0) for state in State}
    accepted = sum(found.values())
    gaps = {
        "octets_without_delivery": RawMail.objects.filter(
            ~Exists(Delivery.objects.filter(raw_id=OuterRef("pk")))
        ).count(),
        "unknown_state": accepted - sum(states.values()),
        "filed_without_message": Delivery.objects.filter(
            state__in=(State.FILED, State.DUPLICATE), message=None
        ).count(),
        "one_message_for_several": _sharing(),
        "waiting_too_long": Delivery.objects.filter(_is_overdue()).count(),
    }
    return Balance(scope.current_id(), accepted, states, {kind: number for kind, number in gaps.items() if number})


def latest_check() -> Event | None:
    """The latest result for the open organization, if it is not too old to mean anything."""
    since = timezone.now() - timedelta(days=EVENT_DAYS)
    return Event.objects.filter(kind__in=(BALANCED, GAP), at__gte=since).order_by("-at", "-pk").first()


def _sharing() -> int:
    """Filed mails that are more than their messages: each is filed as a message of its own."""
    filed = Delivery.objects.filter(state=State.FILED, message__isnull=False)
    numbers: Any = filed.aggregate(mails=Count("pk"), messages=Count("message_id", distinct=True))
    return int(numbers["mails"] - numbers["messages"])


def _is_overdue() -> Q:
    """Waiting too long since it came; a mail that people had tried again, since then."""
    limit = timezone.now() - timedelta(seconds=settings.LEDGER_WAIT_SECONDS)
    return Q(state=State.ACCEPTED, received_at__lt=limit) & ~Q(attempts=0, next_attempt_at__gte=limit)


def _alarm(organization_id: int, gaps: dict[str, int]) -> None:
    log.error("ledger of organization %d has gaps: %s", organization_id, _listed(gaps))
    data: dict[str, Any] = dict(gaps)
    record(GAP, **data)


def _listed(gaps: dict[str, int]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in sorted(gaps.items()))
