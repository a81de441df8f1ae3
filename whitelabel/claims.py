"""The only module that changes a sender domain's claim: how it starts, what a check does to it, how it ends.

States (SenderDomain.State)

    pending ──all required records right, twice──▶ ready ──an address is activated──▶ active
       ▲ ◀──────a record is not right──────────┘                                │ a record definitely wrong, twice
       └─ stopped after 14 days without success; opening the page restarts      ▼
                                                  suspended ◀──72 hours── degraded ──right again──▶ active
    lapsed: the domain itself is gone; a new claim is needed

What was wrong while the domain was in use is trusted again only after it has been right for SENDER_MENDED_MINUTES: until then
the claim stays degraded or suspended and mail goes on leaving the safe way (`distrusted` of a verdict).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from organizations import wakeups
from organizations.models import User, record
from whitelabel import domain_rules, identity, keys, notices, rotation, schedule
from whitelabel.diagnosis.values import Finding, Verdict
from whitelabel.models import HOLDING, IN_USE, DkimKey, SenderAddress, SenderDomain
from whitelabel.readiness import RIGHT, is_agreed, is_ready, longest_wait
from whitelabel.records import ClaimFacts, ExpectedRecord, expected_records
from whitelabel.survey.zone import registrable_domain

State = SenderDomain.State

TOKEN_OCTETS = 16
LAPSED_CODES = frozenset({"zone_gone"})
# States that the admins are told of by mail; see `notices`.
TOLD_STATES = {State.READY: "ready", State.SUSPENDED: "suspended", State.STOPPED: "stopped", State.LAPSED: "lapsed"}
EXACT_DOMAIN_CODES = frozenset({"dmarc_strict", "dmarc_fragile", "dmarc_psd"})


class ClaimRefused(ValueError):
    """A domain cannot be claimed; the text says why and what to do, in the user's language."""


def start(domain: str, *, actor: User | None) -> SenderDomain:
    """The organization's claim for a domain (A-label), made with token and keys if there is none yet.

    Raises ClaimRefused. Call inside the organization's scope.
    """
    existing = SenderDomain.objects.filter(domain=domain).first()
    if existing is not None:
        return existing
    if refusal := domain_rules.refusal(domain):
        raise ClaimRefused(refusal)
    if SenderDomain.objects.exclude(state=State.LAPSED).count() >= settings.SENDER_DOMAINS_MOST:
        text = _(
            "You have %(count)s sender domains, which is as many as there can be. Write to %(support)s to have more."
        )
        raise ClaimRefused(text % {"count": settings.SENDER_DOMAINS_MOST, "support": settings.SUPPORT_ADDRESS})
    try:
        with transaction.atomic():
            claim = SenderDomain.objects.create(
                domain=domain,
                registrable=registrable_domain(domain),
                label=domain_rules.labels()[0],
                token=new_token(),
                created_by=actor,
                next_check_at=timezone.now(),
            )
            for selector in keys.SELECTORS:
                keys.create(claim, selector)
    except IntegrityError:  # two admins opened the page at once
        return SenderDomain.objects.get(domain=domain)
    record("sender_domain.started", claim, actor=actor, domain=domain)
    return claim


def new_token() -> str:
    """128 random bits as 26 base32 characters; never reissued."""
    return base64.b32encode(secrets.token_bytes(TOKEN_OCTETS)).decode().rstrip("=").lower()


def facts(claim: SenderDomain) -> ClaimFacts:
    """What the records of the claim depend on. Call inside the organization's scope."""
    in_use = DkimKey.objects.filter(sender_domain=claim, retired_at=None).order_by("selector")
    return ClaimFacts(
        domain=claim.domain,
        label=claim.label,
        token=claim.token,
        dkim=tuple(in_use.values_list("selector", "public_key")),
        mail_domain=settings.MAIL_DOMAIN,
    )


def records_of(claim: SenderDomain) -> tuple[ExpectedRecord, ...]:
    """The records IT staff should publish, in the order they are shown. The exact-domain keys come when DMARC needs them."""
    expected = expected_records(facts(claim), exact_domain=needs_exact_domain(claim))
    awaited = (f"dkim-{claim.rotation_selector}", f"exact-{claim.rotation_selector}")
    return tuple(replace(row, required=False) if row.key in awaited else row for row in expected)


def history(claim: SenderDomain) -> dict[str, str]:
    """Values that the records had earlier → the date of their end (ISO), for the diagnosis. Call inside the scope."""
    tokens = {f"{settings.MAIL_DOMAIN}-verify={token}": ended[:10] for token, ended in claim.former_tokens}
    retired = DkimKey.objects.filter(sender_domain=claim, retired_at__isnull=False).order_by("retired_at")
    return tokens | {
        f"v=DKIM1; k=rsa; p={key}": f"{timezone.localtime(ended):%Y-%m-%d}"
        for key, ended in retired.values_list("public_key", "retired_at")
    }


def needs_exact_domain(claim: SenderDomain) -> bool:
    """Whether the last check found that the domain's DMARC policy rejects a signature of the subdomain."""
    return any(_is_refused(v) or v["key"].startswith("exact-") for v in claim.verdicts)


def _is_refused(verdict: dict[str, Any]) -> bool:
    """Whether the domain's DMARC policy makes receivers refuse mail as it is signed now."""
    return verdict["code"] in EXACT_DOMAIN_CODES and verdict["state"] == "red"


def record_check(
    claim: SenderDomain,
    verdicts: Sequence[Verdict],
    *,
    nameservers: Sequence[str],
    mail_hosts: Sequence[str] | None = None,
    now: datetime,
) -> SenderDomain:
    """Store what a check found and move the claim's state. `claim` is locked and still the check's own.

    `mail_hosts` are the MX targets of the domain itself; None when nobody told.
    """
    before, bad_before = claim.state, claim.bad_since
    previous = {v["key"]: v for v in claim.verdicts}
    used = claim.state in HOLDING
    claim.verdicts = [_stored(v, previous.get(v.record.key), now, in_use=used) for v in verdicts]
    weekly = _note_unclear(claim, now)
    moved = _note_mail_hosts(claim, mail_hosts)
    nameservers_before, claim.nameservers = claim.nameservers, list(nameservers) or claim.nameservers
    claim.checked_at = now
    if any(verdict.record.required and verdict.state.right for verdict in verdicts):
        claim.label_frozen_at = claim.label_frozen_at or now
    claim.checks_done += 1
    _note_readiness(claim, now)
    _move(claim, verdicts, nameservers_before, now)
    rotation.step(claim, now)
    claim.lease_until = None
    claim.next_check_at = schedule.next_check(claim, now)
    if claim.next_check_at is None and claim.state == State.PENDING:
        claim.state = State.STOPPED  # nobody finished the records; opening the page starts again
    claim.save()
    if claim.state != before:
        codes = [v["code"] for v in claim.verdicts]
        record("sender_domain.state", claim, before=before, after=claim.state, codes=codes)
    for what in _news(claim, before, was_bad=bad_before is not None, previous=previous):
        notices.tell_admins(claim, what)
    if weekly:
        notices.tell_admins(claim, "unclear")
    if moved:
        notices.tell_admins(claim, "mail_hosts", **moved)
    announce(claim)
    return claim


def lapse(claim: SenderDomain, now: datetime) -> None:
    """End the claim at once: token and keys are never valid again, and nothing is sent as the domain. Saves no fields
    but those of keys and addresses; `claim` is locked and saved by the caller."""
    claim.state = State.LAPSED
    claim.former_tokens = [*claim.former_tokens, [claim.token, timezone.localtime(now).isoformat()]]
    claim.token = new_token()
    claim.ready_since = claim.bad_since = claim.unclear_since = None
    claim.rotation_selector = claim.previous_selector = ""
    claim.rotation_seen_at = claim.rotation_due_at = None
    keys.retire(claim, now=now)
    SenderAddress.objects.filter(sender_domain=claim).update(
        activated_at=None, activated_by=None, requested_at=None, failure=""
    )


def restart(claim: SenderDomain, *, actor: User) -> SenderDomain:
    """A lapsed domain is back: ask for new records, with a new token and new keys. Call inside the organization's scope.

    Raises ClaimRefused when the claim has not lapsed.
    """
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    if claim.state != State.LAPSED:
        raise ClaimRefused(_("The claim is in use; there is nothing to start again."))
    now = timezone.now()
    for selector in keys.SELECTORS:
        keys.create(claim, selector)
    claim.state, claim.active_selector = State.PENDING, keys.SELECTORS[0]
    claim.verdicts, claim.nameservers = [], []
    claim.label_frozen_at, claim.checks_done = None, 0
    claim.created_at = claim.next_check_at = now
    claim.renew_records(now)
    claim.save()
    record("sender_domain.restarted", claim, actor=actor)
    announce(claim)
    return claim


def change_label(claim: SenderDomain, label: str, *, actor: User | None) -> None:
    """Put the records under another subdomain, as long as none was seen. Raises ClaimRefused. Call inside the scope."""
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    if claim.label_frozen_at is not None:
        raise ClaimRefused(_("Records have been published already, so the subdomain stays."))
    if refusal := domain_rules.label_refusal(label, claim.domain):
        raise ClaimRefused(refusal)
    if label == claim.label:
        return
    record("sender_domain.label", claim, actor=actor, before=claim.label, after=label)
    claim.label, claim.label_finding = label, {}
    claim.verdicts, claim.next_check_at = [], timezone.now()
    claim.renew_records(timezone.now())
    claim.save()
    announce(claim)


def note_label(claim: SenderDomain, label: str, finding: dict[str, Any]) -> None:
    """Keep what the label test found; another label than before means other records. `claim` is locked."""
    if claim.label_frozen_at is not None:
        return
    if claim.label != label:
        record("sender_domain.label", claim, before=claim.label, after=label)
        claim.label = label
        claim.renew_records(timezone.now())
    claim.label_finding = finding
    claim.save(update_fields=["label", "label_finding", "record_version", "records_changed_at"])
    announce(claim)


def deactivate(address: SenderAddress, *, actor: User) -> None:
    """Go back to the service address. The claim stays as it is for the other inboxes of the domain."""
    # The claim first, as everybody does: the other way round a check and this could wait for each other.
    claim = SenderDomain.objects.select_for_update().get(pk=address.sender_domain_id)
    SenderAddress.objects.filter(pk=address.pk).update(
        activated_at=None, activated_by=None, requested_at=None, failure=""
    )
    record("sender_address.deactivated", address, actor=actor, address=address.address)
    still_used = SenderAddress.objects.filter(sender_domain=claim, activated_at__isnull=False).exists()
    if not still_used and claim.state in HOLDING:
        claim.state = State.READY if is_agreed(claim) else State.PENDING
        claim.save(update_fields=["state"])
    announce(claim)


def announce(claim: SenderDomain) -> None:
    """Tell open pages that the claim's page has changed."""
    wakeups.notify(wakeups.LIVE, kind="claim", organization=claim.organization_id, claim=claim.pk)


def message_of(verdict: dict[str, Any]) -> str:
    """The sentence of a stored verdict in the active language; plain text, safe to show once escaped as HTML."""
    return Finding(verdict["code"], verdict["params"]).message()


def _news(claim: SenderDomain, before: str, *, was_bad: bool, previous: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the admins should hear about this check, by the names of `notices`; each thing when it begins."""
    if claim.state != before and claim.state in TOLD_STATES:
        yield TOLD_STATES[State(claim.state)]
    if before in IN_USE and claim.state in IN_USE and (claim.bad_since is not None) != was_bad:
        yield "restored" if was_bad else "broken" if identity.trusted_key(claim) is None else "weakened"
    elif before == State.SUSPENDED and claim.state == State.ACTIVE:
        yield "restored"
    refused = any(_is_refused(verdict) for verdict in claim.verdicts)
    if refused and not any(_is_refused(verdict) for verdict in previous.values()) and claim.state in IN_USE:
        yield "dmarc"


def _move(claim: SenderDomain, verdicts: Sequence[Verdict], nameservers_before: Sequence[str], now: datetime) -> None:
    if claim.label_frozen_at and _is_lost(verdicts, nameservers_before, claim.nameservers):
        lapse(claim, now)
        return
    if claim.state in IN_USE:
        _guard(claim, verdicts, is_ready(claim.verdicts), now)
    elif claim.state in (State.PENDING, State.READY, State.STOPPED):
        claim.state = State.READY if is_agreed(claim) else State.PENDING
    elif claim.state == State.SUSPENDED and is_agreed(claim) and not _is_mending(claim):
        claim.state, claim.bad_since = State.ACTIVE, None


def _is_lost(verdicts: Sequence[Verdict], before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether the domain is gone, or in other hands: other nameservers throughout, and nothing of ours left on them."""
    if any(verdict.code in LAPSED_CODES and verdict.definite_bad for verdict in verdicts):
        return True
    replaced = bool(before and after) and not set(before) & set(after)
    return replaced and all(verdict.definite_bad for verdict in verdicts if verdict.record.required)


def _note_readiness(claim: SenderDomain, now: datetime) -> None:
    if is_ready(claim.verdicts):
        claim.ready_since = claim.ready_since or now
        claim.cache_seconds = max(claim.cache_seconds, longest_wait(claim.verdicts))
    else:
        claim.ready_since, claim.cache_seconds = None, 0


def _guard(claim: SenderDomain, verdicts: Sequence[Verdict], ready: bool, now: datetime) -> None:
    """After activation only what the customer's own servers clearly say counts, and only when they say it twice."""
    bad = any(v.record.required and v.definite_bad and not rotation.is_awaited(claim, v.record.key) for v in verdicts)
    if not bad:
        if not _is_mending(claim):
            claim.bad_since = None
            claim.state = State.ACTIVE if ready else claim.state
        return
    claim.bad_since = claim.bad_since or now
    lasted = now - claim.bad_since
    grace = settings.SENDER_REJECTED_HOURS if _is_rejected(claim, verdicts) else settings.SENDER_GRACE_HOURS
    if lasted >= timedelta(hours=grace):
        claim.state = State.SUSPENDED
    elif lasted >= timedelta(minutes=settings.SENDER_BAD_AGAIN_MINUTES):
        claim.state = State.DEGRADED


def _is_mending(claim: SenderDomain) -> bool:
    """Whether a record that mail needs was wrong and has not been right for long enough."""
    return any(v["required"] and v["distrusted"] and not rotation.is_awaited(claim, v["key"]) for v in claim.verdicts)


def _note_unclear(claim: SenderDomain, now: datetime) -> bool:
    """Records that are neither right nor clearly wrong change nothing. True once, when that has lasted SENDER_UNCLEAR_DAYS."""
    required = [verdict for verdict in claim.verdicts if verdict["required"]]
    unclear = any(v["state"] not in RIGHT for v in required) and not any(v["definite_bad"] for v in required)
    if claim.state not in IN_USE or not unclear:
        claim.unclear_since = None
        return False
    claim.unclear_since = claim.unclear_since or now
    due = claim.unclear_since + timedelta(days=settings.SENDER_UNCLEAR_DAYS)
    return claim.checked_at is not None and claim.checked_at < due <= now


def _note_mail_hosts(claim: SenderDomain, found: Sequence[str] | None) -> dict[str, str]:
    """The servers before and after, when mail to the domain goes to quite other ones: what forwards it to us may be left
    behind. Empty otherwise."""
    if found is None or claim.state not in HOLDING:
        return {}
    before, claim.mail_hosts = claim.mail_hosts, sorted(found)
    if not before or set(before) & set(found):
        return {}
    return {"before": ", ".join(before), "after": ", ".join(claim.mail_hosts) or "-"}


def _is_rejected(claim: SenderDomain, verdicts: Sequence[Verdict]) -> bool:
    """Whether neither the signature nor SPF can carry mail: receivers with a DMARC policy would refuse it now."""
    bad = {verdict.record.key for verdict in verdicts if verdict.definite_bad}
    return {"spf", f"dkim-{claim.active_selector}"} <= bad


def _stored(verdict: Verdict, previous: dict[str, Any] | None, now: datetime, *, in_use: bool) -> dict[str, Any]:
    """A verdict as the row keeps it; `since` is when its state was first seen, `was_right` whether that value ever was right.

    `distrusted` says that mail must not rest on the record: it is wrong, or was wrong while the domain was in use and has
    not been right for long enough. Of DMARC: the policy makes receivers refuse the mail.
    """
    stored = verdict.as_json()
    del stored["message"]  # rendered in the reader's language when shown
    for detail in stored["details"]:
        del detail["message"]
    same = previous is not None and previous["state"] == stored["state"]
    stored["since"] = previous["since"] if same and previous else now.isoformat()
    stored["was_right"] = verdict.state.right or bool(
        previous and previous.get("was_right") and previous["expected"] == stored["expected"]
    )
    refused = verdict.record.kind == "dmarc" and verdict.state.value == "red"
    mended_from = datetime.fromisoformat(stored["since"]) + timedelta(minutes=settings.SENDER_MENDED_MINUTES)
    mending = bool(in_use and previous and previous.get("distrusted")) and not (
        verdict.state.right and mended_from <= now
    )
    stored["distrusted"] = verdict.definite_bad or refused or mending
    return stored
