"""Activate: from now on, new mail of an inbox leaves as its own address.

Pressing the button only asks. A fresh check of all records at the authoritative servers decides, together with a
really signed message that must verify with the key those servers gave. So no web request waits for DNS, two presses or
two admins are one activation, and a failure changes nothing but says why.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dkim
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from organizations.models import User, record
from whitelabel import claims, effects, signing
from whitelabel.mime import Letter, build
from whitelabel.mime_headers import Mailbox
from whitelabel.models import DkimKey, SenderAddress, SenderDomain
from whitelabel.presenting import waiting_text
from whitelabel.readiness import is_ready
from whitelabel.survey.values import Outcome, Question, Survey

State = SenderDomain.State
MAY_ACTIVATE = (State.READY, State.ACTIVE, State.DEGRADED)

FAILURES = {
    "not_right": gettext_noop(
        "Nothing was changed: when we checked again, a record was no longer right. See the rows in red below."
    ),
    "not_verified": gettext_noop(
        "Nothing was changed: a signed test message could not be verified with the key in your DNS."
    ),
    "elsewhere": gettext_noop(
        "Nothing was changed: the address is already sent from by another organization. Write to %(support)s."
    ),
}


class ActivationRefused(ValueError):
    """The request cannot even be made; the text says why, in the user's language."""


def request(claim: SenderDomain, address: str, *, actor: User, record_version: int) -> SenderAddress:
    """Ask for activation of an inbox's address. Idempotent. Raises ActivationRefused with a reason for people.

    `record_version` is the one the page showed: records may have been replaced since. Call inside the organization's scope.
    """
    claim = SenderDomain.objects.select_for_update().get(pk=claim.pk)
    sender, _made = SenderAddress.objects.select_for_update().get_or_create(
        address=address, defaults={"sender_domain": claim}
    )
    if sender.activated_at is not None or sender.requested_at is not None:
        return sender
    if claim.record_version != record_version:
        raise ActivationRefused(_("The records were replaced meanwhile. Look at the list again."))
    if not is_ready(claim.verdicts):
        raise ActivationRefused(_("All required records must be right first."))
    if waiting := waiting_text(claim):
        raise ActivationRefused(waiting)
    if claim.state not in MAY_ACTIVATE:
        raise ActivationRefused(_("All required records must be right first."))
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


def finish_requested(claim: SenderDomain, survey: Survey) -> None:
    """Decide every request that is older than this check. Call with the claim locked, right after the check is stored."""
    waiting = SenderAddress.objects.select_for_update().filter(sender_domain=claim, requested_at__isnull=False)
    for sender in waiting:
        if sender.requested_seq >= claim.check_seq:
            SenderDomain.objects.filter(pk=claim.pk).update(next_check_at=timezone.now())
            continue
        _decide(claim, sender, survey)


def failure_text(sender: SenderAddress) -> str:
    """Why the last activation changed nothing, in the active language; "" when it did not fail."""
    text = FAILURES.get(sender.failure, "")
    return _(text) % {"support": settings.SUPPORT_ADDRESS} if text else ""


def _decide(claim: SenderDomain, sender: SenderAddress, survey: Survey) -> None:
    if not is_ready(claim.verdicts):
        return _fail(sender, "not_right")
    evidence = {
        "probe": probe(claim, sender.address, survey),
        "verdicts": claim.verdicts,
        "nameservers": claim.nameservers,
    }
    if evidence["probe"] != "pass":
        return _fail(sender, "not_verified")
    try:
        with transaction.atomic():
            _activate(sender, evidence, timezone.now())
    except IntegrityError:
        return _fail(sender, "elsewhere")
    if claim.state == State.READY:
        SenderDomain.objects.filter(pk=claim.pk).update(state=State.ACTIVE)
    return None


def probe(claim: SenderDomain, address: str, survey: Survey) -> str:
    """Sign a message as the inbox would and verify it with the key found in the survey: "pass" or what went wrong."""
    key = DkimKey.objects.get(sender_domain=claim, selector=claim.active_selector, retired_at=None)
    letter = Letter(
        sender=Mailbox("", address),
        to=(Mailbox("", f"probe@{settings.MAIL_DOMAIN}"),),
        subject="Probe",
        text="Probe",
        date=timezone.now(),
        message_id=f"<{claims.new_token()}@{claim.subdomain}>",
    )
    signed = signing.sign(build(letter), signing.SigningKey(claim.subdomain, key.selector, key.private_key))
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


def _fail(sender: SenderAddress, failure: str) -> None:
    sender.requested_at = None
    sender.failure = failure
    sender.save(update_fields=["requested_at", "failure"])
    record(
        "sender_address.activation_failed", sender, actor=sender.requested_by, address=sender.address, failure=failure
    )
