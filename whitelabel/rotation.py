"""Replacing the DKIM key of a claim without a mail that cannot be verified (design 2e).

    steady ──start──▶ waiting for IT ──new key on all servers──▶ resting 48 h ──▶ switched ──7 days──▶ steady

The new key always comes under the selector that is not in use: mail goes on being signed with the old one, whose record is
not touched, until the new one has stood on every nameserver for ROTATION_WAIT_HOURS. The old one stays valid for
ROTATION_KEEP_DAYS, because mail may be on its way; then its private half is destroyed, which revokes it whatever IT leaves in
the DNS. All state is in the claim's row; `step` is called with every check.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from organizations.models import User, record
from whitelabel import keys, notices
from whitelabel.models import IN_USE, SenderAddress, SenderDomain
from whitelabel.readiness import RIGHT

State = SenderDomain.State


class RotationRefused(ValueError):
    """The key cannot be replaced now; the text says why, in the user's language."""


def start(claim: SenderDomain, *, actor: User | None) -> SenderDomain:
    """Make a new key under the unused selector and ask IT to publish it. Raises RotationRefused. Call inside the scope."""
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    if refusal := _refusal(claim):
        raise RotationRefused(refusal)
    now = timezone.now()
    _begin(claim, now, actor)
    claim.next_check_at = now
    claim.save()
    return claim


def cancel(claim: SenderDomain, *, actor: User) -> SenderDomain:
    """Give up a running replacement: the key in use stays, the new one is destroyed. Call inside the scope."""
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    if not claim.rotation_selector:
        return claim
    now = timezone.now()
    keys.retire(claim, now=now, selector=claim.rotation_selector)
    record("dkim_key.rotation_cancelled", claim, actor=actor, selector=claim.rotation_selector)
    claim.rotation_selector, claim.rotation_seen_at = "", None
    claim.rotation_due_at = now + timedelta(days=settings.ROTATION_POSTPONE_DAYS)
    claim.renew_records(now)
    claim.save()
    return claim


def step(claim: SenderDomain, now: datetime) -> None:
    """What time and the last check bring: begin when it is due, switch, revoke. `claim` is locked, saved by the caller."""
    if claim.rotation_selector:
        _watch_new_key(claim, now)
    elif claim.previous_selector:
        _revoke_old_key(claim, now)
    elif claim.state in IN_USE:
        claim.rotation_due_at = claim.rotation_due_at or now + timedelta(days=settings.ROTATION_DAYS)
        if claim.rotation_due_at <= now and not _refusal(claim):
            _begin(claim, now, None)


def is_awaited(claim: SenderDomain, record_key: str) -> bool:
    """Whether a record (its key, for example dkim-k2) belongs to a key that is not in use: it may be missing."""
    return record_key.rpartition("-")[2] != claim.active_selector and record_key.startswith(("dkim-", "exact-"))


def other_selector(selector: str) -> str:
    """The selector that is not in use."""
    first, second = keys.SELECTORS
    return second if selector == first else first


def _refusal(claim: SenderDomain) -> str:
    if claim.state not in IN_USE:
        return _("The key can be replaced when an address of the domain is in use.")
    if claim.rotation_selector:
        return _("A key is being replaced already.")
    if claim.previous_selector:
        return _("The key was replaced a few days ago. The old one has to stay until mail on its way has arrived.")
    if SenderAddress.objects.filter(sender_domain=claim, requested_at__isnull=False).exists():
        return _("An address is being activated. Try again in a moment.")
    return ""


def _begin(claim: SenderDomain, now: datetime, actor: User | None) -> None:
    selector = other_selector(claim.active_selector)
    keys.retire(claim, now=now, selector=selector)
    keys.create(claim, selector)
    claim.rotation_selector, claim.rotation_started_at, claim.rotation_seen_at = selector, now, None
    claim.renew_records(now)
    record("dkim_key.rotation_started", claim, actor=actor, selector=selector)
    notices.tell_admins(claim, "rotation", selector=selector)


def _watch_new_key(claim: SenderDomain, now: datetime) -> None:
    if not _is_right(claim, claim.rotation_selector):
        claim.rotation_seen_at = None
        return
    claim.rotation_seen_at = claim.rotation_seen_at or now
    if now - claim.rotation_seen_at < timedelta(hours=settings.ROTATION_WAIT_HOURS):
        return
    claim.previous_selector, claim.active_selector = claim.active_selector, claim.rotation_selector
    claim.rotation_selector, claim.rotation_seen_at = "", None
    claim.rotation_switched_at = now
    claim.rotation_due_at = now + timedelta(days=settings.ROTATION_DAYS)
    claim.renew_records(now)
    record("dkim_key.switched", claim, before=claim.previous_selector, after=claim.active_selector)


def _revoke_old_key(claim: SenderDomain, now: datetime) -> None:
    switched = claim.rotation_switched_at
    if switched is None or now - switched < timedelta(days=settings.ROTATION_KEEP_DAYS):
        return
    keys.retire(claim, now=now, selector=claim.previous_selector)
    record("dkim_key.revoked", claim, selector=claim.previous_selector)
    claim.previous_selector = ""
    claim.renew_records(now)


def _is_right(claim: SenderDomain, selector: str) -> bool:
    """Whether every nameserver gives the new key, under every name it stands at, and none was silent."""
    rows = [v for v in claim.verdicts if v["key"] in (f"dkim-{selector}", f"exact-{selector}")]
    servers = [answer["standing"] for row in rows for answer in row["servers"]]
    return bool(rows) and set(servers) - {"not_tested"} == {"right"} and all(row["state"] in RIGHT for row in rows)
