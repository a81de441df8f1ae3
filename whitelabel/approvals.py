"""A second organization on a domain that another one already sends as (design 4.6).

Proof by DNS is not enough then: an admin of the first organization approves, or nobody objects within the notice. The row
belongs to the organization that is asked, because its admins read and decide; the asking one sees only the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import connection
from django.utils import timezone

from organizations import scope
from organizations.models import Organization, User, record
from whitelabel import notices
from whitelabel.models import HOLDING, DomainApproval, SenderDomain

Decision = DomainApproval.Decision

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('whitelabel.approvals'), hashtext(%s))"


class Standing(StrEnum):
    """Whether a claim may be activated as far as other organizations are concerned."""

    FREE = "free"
    WAITING = "waiting"
    DENIED = "denied"


@dataclass(frozen=True)
class Consent:
    """How the others stand; `until` is when the notice ends while they have not answered."""

    standing: Standing
    until: datetime | None = None


def lock_domain(domain: str) -> None:
    """Let one activation on the domain be decided at a time, over all organizations, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [domain])


def consent_for(claim: SenderDomain, now: datetime) -> Consent:
    """Whether those who send as the domain agree; asks them the first time. Call inside the claim's organization."""
    if claim.state in HOLDING:
        return Consent(Standing.FREE)
    waiting: list[datetime] = []
    for approval in _asked(claim, now):
        if approval.decision == Decision.DENIED:
            return Consent(Standing.DENIED)
        ends = notice_ends(approval)
        if approval.decision != Decision.APPROVED and ends > now:
            waiting.append(ends)
    return Consent(Standing.WAITING, max(waiting)) if waiting else Consent(Standing.FREE)


def notice_ends(approval: DomainApproval) -> datetime:
    """When silence becomes consent."""
    return approval.asked_at + timedelta(days=settings.SENDER_SHARED_NOTICE_DAYS)


def open_approvals(claim: SenderDomain) -> list[DomainApproval]:
    """What the claim's organization is asked and may still answer. Call inside its scope."""
    notice = timezone.now() - timedelta(days=settings.SENDER_SHARED_NOTICE_DAYS)
    return list(
        DomainApproval.objects.filter(sender_domain=claim, decision=Decision.NONE, asked_at__gt=notice).order_by("pk")
    )


def decide(claim: SenderDomain, pk: int, *, approve: bool, actor: User) -> bool:
    """An admin of the asked organization answers. False when there is nothing to answer any more."""
    if pk not in {approval.pk for approval in open_approvals(claim)}:
        return False
    decision = Decision.APPROVED if approve else Decision.DENIED
    rows = DomainApproval.objects.filter(pk=pk, decision=Decision.NONE)
    answered = bool(rows.update(decision=decision, decided_at=timezone.now(), decided_by=actor))
    if answered:
        asking = DomainApproval.objects.get(pk=pk).asking_name
        record(f"domain_approval.{decision}", claim, actor=actor, organization=asking)
    return answered


def tell_new() -> int:
    """Mail the admins of organizations that were asked since the last call; returns how many questions."""
    with scope.queue():
        new = list(DomainApproval.queue.filter(told_at=None).values_list("pk", "organization_id"))
    for pk, organization_id in new:
        with scope.organization(organization_id):
            approval = DomainApproval.objects.select_for_update().filter(pk=pk, told_at=None).first()
            if approval is None:  # another worker was first
                continue
            claim = SenderDomain.objects.get(pk=approval.sender_domain_id)
            record("domain_approval.asked", claim, organization=approval.asking_name)
            notices.tell_admins(claim, "shared", other=approval.asking_name, until=notice_ends(approval))
            DomainApproval.objects.filter(pk=pk).update(told_at=timezone.now())
    return len(new)


def _asked(claim: SenderDomain, now: datetime) -> Iterator[DomainApproval]:
    """The questions to everybody else who sends as the domain now, stored when they are new."""
    name = Organization.objects.values_list("name", flat=True).get(pk=claim.organization_id)
    with scope.queue():
        others = SenderDomain.queue.filter(domain=claim.domain, state__in=HOLDING).exclude(
            organization_id=claim.organization_id
        )
        for organization_id, other in others.values_list("organization_id", "pk"):
            approval, _made = DomainApproval.queue.get_or_create(
                organization_id=organization_id,
                sender_domain_id=other,
                asking_claim_id=claim.pk,
                defaults={
                    "asking_organization_id": claim.organization_id,
                    "asking_name": name,
                    "asked_at": now,
                },
            )
            yield approval
