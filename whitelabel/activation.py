"""Activate: from now on, new mail of an inbox leaves as its own address.

Pressing the button only asks. A fresh check of all records at the authoritative servers decides, together with a really
signed message that must verify with the key those servers gave, SPF for the addresses our mail leaves from, and what DMARC
will make of it under the old and the new rules. So no web request waits for DNS, two presses or
two admins are one activation, and a failure changes nothing but says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dkim
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from organizations.models import User, record
from whitelabel import approvals, claims, dmarc, effects, identity, signing
from whitelabel.diagnosis.dmarc_row import published
from whitelabel.mime import Letter, build
from whitelabel.mime_headers import Mailbox
from whitelabel.models import IN_USE, SenderAddress, SenderDomain
from whitelabel.presenting import consent_text, waiting_text
from whitelabel.readiness import caches_until, is_agreed, is_ready
from whitelabel.survey.values import Outcome, Question, Survey

State = SenderDomain.State
SPF_SKIPPED = "skipped: RELAY_EGRESS_IPS is empty"
MAY_ACTIVATE = (State.READY, *IN_USE)

FAILURES = {
    "not_right": gettext_noop(
        "Nothing was changed: when we checked again, a record was no longer right. See the rows in red below."
    ),
    "not_verified": gettext_noop(
        "Nothing was changed: a signed test message could not be verified with the key in your DNS."
    ),
    "spf": gettext_noop(
        "Nothing was changed: mail from our servers would not pass SPF with the records in your DNS. We have to look at "
        "this ourselves: write to %(support)s."
    ),
    "dmarc": gettext_noop(
        "Nothing was changed: with your DMARC policy receivers would reject the mail. The records below tell what is needed."
    ),
    "cached": gettext_noop(
        "Nothing was changed: your nameservers are right, but others still remember the old answer. Try again in a while."
    ),
    "rotation": gettext_noop("Nothing was changed: a signing key is being replaced. Activate when that is done."),
    "consent": gettext_noop(
        "Nothing was changed: another organization began to send as this domain at the same time. Its admins have been asked."
    ),
    "elsewhere": gettext_noop(
        "Nothing was changed: the address is already sent from by another organization. Write to %(support)s."
    ),
}


class ActivationRefused(ValueError):
    """The request cannot even be made; the text says why, in the user's language."""


class NeedsConsent(ActivationRefused):
    """Another organization sends as the domain. It has been asked: the transaction must be kept."""


def request(claim: SenderDomain, address: str, *, actor: User, record_version: int) -> SenderAddress:
    """Ask for activation of an inbox's address. Idempotent. Raises ActivationRefused with a reason for people.

    `record_version` is the one the page showed: records may have been replaced since. Call inside the organization's scope.
    """
    approvals.lock_domain(claim.domain)
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    sender, _made = SenderAddress.objects.select_for_update().get_or_create(
        address=address, defaults={"sender_domain": claim}
    )
    if sender.activated_at is not None or sender.requested_at is not None:
        return sender
    if claim.record_version != record_version:
        raise ActivationRefused(_("The records were replaced meanwhile. Look at the list again."))
    if claim.rotation_selector:
        raise ActivationRefused(
            _("A signing key is being replaced. Activate when that is done, or cancel the replacement.")
        )
    if not is_ready(claim.verdicts):
        raise ActivationRefused(_("All required records must be right first."))
    if waiting := waiting_text(claim):
        raise ActivationRefused(waiting)
    if claim.state not in MAY_ACTIVATE:
        raise ActivationRefused(_("All required records must be right first."))
    if objection := consent_text(approvals.consent_for(claim, timezone.now())):
        raise NeedsConsent(objection)
    sender.requested_at = timezone.now()
    sender.requested_by = actor
    sender.requested_seq = claim.check_seq
    sender.failure = ""
    sender.save()
    claim.next_check_at = timezone.now()
    claim.save(update_fields=["next_check_at"])
    record("sender_address.activation_requested", sender, actor=actor, address=address)
    claims.announce(claim)
    return sender


def finish_requested(claim: SenderDomain, survey: Survey, egress: Mapping[str, str]) -> None:
    """Decide every request that is older than this check. Call with the domain (approvals.lock_domain) and the claim
    locked, right after the check is stored.

    `egress` is the SPF result of every address our mail leaves from (`whitelabel.spf_probe`).
    """
    waiting = SenderAddress.objects.select_for_update().filter(sender_domain=claim, requested_at__isnull=False)
    for sender in waiting:
        if sender.requested_seq >= claim.check_seq:
            SenderDomain.objects.filter(pk=claim.pk).update(next_check_at=timezone.now())
            continue
        _decide(claim, sender, survey, egress)


def failure_text(sender: SenderAddress) -> str:
    """Why the last activation changed nothing, in the active language; "" when it did not fail."""
    text = FAILURES.get(sender.failure, "")
    return _(text) % {"support": settings.SUPPORT_ADDRESS} if text else ""


def _decide(claim: SenderDomain, sender: SenderAddress, survey: Survey, egress: Mapping[str, str]) -> None:
    evidence = _evidence(claim, sender, survey, egress) if is_ready(claim.verdicts) else {}
    if failure := _objection(claim, evidence):
        return _fail(sender, failure, evidence)
    try:
        with transaction.atomic():
            _activate(sender, evidence, timezone.now())
    except IntegrityError:
        return _fail(sender, "elsewhere", evidence)
    if claim.state == State.READY:
        SenderDomain.objects.filter(pk=claim.pk).update(state=State.ACTIVE)
    return None


def _objection(claim: SenderDomain, evidence: Mapping[str, Any]) -> str:
    """Why the address must not be activated, as a key of FAILURES; "" for no reason."""
    if claim.rotation_selector:
        return "rotation"
    if not evidence or not is_agreed(claim):
        return "not_right"
    if evidence["dkim"] != "pass":
        return "not_verified"
    if evidence["spf"] != SPF_SKIPPED and set(evidence["spf"].values()) != {"pass"}:
        return "spf"
    if evidence["dmarc"]["refused"]:
        return "dmarc"
    if caches_until(claim, timezone.now()):
        return "cached"
    return "" if approvals.consent_for(claim, timezone.now()).standing == approvals.Standing.FREE else "consent"


def _evidence(claim: SenderDomain, sender: SenderAddress, survey: Survey, egress: Mapping[str, str]) -> dict[str, Any]:
    """What the decision rests on, kept with the address."""
    return {
        "dkim": probe(claim, sender.address, survey),
        "spf": dict(egress) if settings.RELAY_EGRESS_IPS else SPF_SKIPPED,
        "dmarc": forecast(claim, sender.address, survey),
        "verdicts": claim.verdicts,
        "nameservers": claim.nameservers,
        "serials": {f"{server.name} {server.address}": serial for server, serial in survey.serials.items()},
        "check_seq": claim.check_seq,
        "record_version": claim.record_version,
    }


def forecast(claim: SenderDomain, address: str, survey: Survey) -> dict[str, Any]:
    """What DMARC will make of the mail under RFC 7489 and RFC 9989, direct and forwarded.

    `refused` is true where a policy other than none would act on a failure: with p=none receivers only report it.
    """
    from_domain, signer = address.rpartition("@")[2], _signing_key(claim).domain
    records = published(survey, dmarc.consulted_names(from_domain, claim.subdomain))
    outlook = dmarc.forecast(
        records, from_domain=from_domain, signing_domain=signer, return_path_domain=claim.subdomain
    )
    views = {"rfc7489": outlook.old, "rfc9989": outlook.new}
    return {
        **{name: {"direct": view.direct, "forwarded": view.forwarded} for name, view in views.items()},
        "refused": any(_refuses(view) for view in views.values()),
    }


def _refuses(view: dmarc.Outlook) -> bool:
    fails = dmarc.Result.FAIL in (view.direct, view.forwarded)
    return fails and view.policy is not None and view.policy.policy != "none"


def _signing_key(claim: SenderDomain) -> signing.SigningKey:
    """The key that mail will be signed with once the address is active."""
    key = identity.signing_key(claim)
    if key is None:
        raise LookupError(f"claim {claim.pk} has no key under {claim.active_selector}")
    return key


def probe(claim: SenderDomain, address: str, survey: Survey) -> str:
    """Sign a message as the inbox would and verify it with the key found in the survey: "pass" or what went wrong."""
    letter = Letter(
        sender=Mailbox("", address),
        to=(Mailbox("", f"probe@{settings.MAIL_DOMAIN}"),),
        subject="Probe",
        text="Probe",
        date=timezone.now(),
        message_id=f"<{claims.new_token()}@{claim.subdomain}>",
    )
    signed = signing.sign(build(letter), _signing_key(claim))
    try:
        return "pass" if dkim.verify(signed, dnsfunc=lambda name, timeout=0: published_text(survey, name)) else "fail"
    except (dkim.DKIMException, ValueError) as error:
        return type(error).__name__


def published_text(survey: Survey, name: bytes | str) -> bytes | None:
    """The TXT value that an authoritative server gave for a name during the survey."""
    text = name.decode() if isinstance(name, bytes) else name
    question = Question(text.rstrip(".").lower(), "TXT")
    for reply in survey.replies.get(question, {}).values():
        if reply.outcome == Outcome.ANSWER:
            keys_found = [r.octets for r in effects.seen(reply, question, survey.resolved).records if r.type == "TXT"]
            return keys_found[0] if keys_found else None
    return None


def _activate(sender: SenderAddress, evidence: dict[str, Any], now: datetime) -> None:
    sender.activated_at = now
    sender.activated_by = sender.requested_by
    sender.requested_at = None
    sender.failure = ""
    sender.evidence = evidence
    sender.save()
    record("sender_address.activated", sender, actor=sender.activated_by, address=sender.address)


def _fail(sender: SenderAddress, failure: str, evidence: Mapping[str, Any]) -> None:
    sender.requested_at = None
    sender.failure = failure
    sender.save(update_fields=["requested_at", "failure"])
    seen = {name: evidence[name] for name in ("dkim", "spf", "dmarc") if name in evidence}
    actor, address = sender.requested_by, sender.address
    record("sender_address.activation_failed", sender, actor=actor, address=address, failure=failure, **seen)
