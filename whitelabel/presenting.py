"""What the records page shows, as values: one row per record, and the state of the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext

from organizations.models import Event
from whitelabel import approvals, claims, label_test
from whitelabel.models import SenderDomain
from whitelabel.readiness import caches_until, is_agreed, is_ready
from whitelabel.record_export import display_value
from whitelabel.records import ExpectedRecord, unicode_name

State = SenderDomain.State

# Diagnosis state → one of the five symbols of the interface.
SYMBOLS = {"green": "right", "green_note": "right", "amber": "waiting", "red": "wrong", "grey": "unasked"}
# Of a record that was right before these say that it is gone, not that it has not come yet.
MISSING = ("missing_nx", "missing_type", "missing_value", "split_horizon", "wrong_dns_host")
STANDINGS = {
    "right": "right",
    "wrong": "wrong",
    "missing": "waiting",
    "delegated": "wrong",
    "lame": "wrong",
    "servfail": "unasked",
    "timeout": "unasked",
    "tcp_failed": "unasked",
    "error": "unasked",
    "not_tested": "unchecked",
}

EVENTS = {
    "sender_domain.started": gettext_noop("The records were made"),
    "sender_domain.state": gettext_noop("%(before)s → %(after)s"),
    "sender_domain.label": gettext_noop("The subdomain was changed from %(before)s to %(after)s"),
    "sender_domain.restarted": gettext_noop("New records were made, with a new token and new keys"),
    "dkim_key.rotation_started": gettext_noop("A new signing key was made under %(selector)s"),
    "dkim_key.rotation_cancelled": gettext_noop("The replacement of the signing key was cancelled"),
    "dkim_key.switched": gettext_noop("Mail is signed with %(after)s instead of %(before)s"),
    "dkim_key.revoked": gettext_noop("The old signing key %(selector)s was destroyed"),
    "domain_approval.asked": gettext_noop("%(organization)s asked to send as the domain too"),
    "domain_approval.approved": gettext_noop("%(organization)s may send as the domain too"),
    "domain_approval.denied": gettext_noop("%(organization)s may not send as the domain"),
    "sender_address.activation_requested": gettext_noop("Activation of %(address)s was asked for"),
    "sender_address.activated": gettext_noop("%(address)s was activated"),
    "sender_address.activation_failed": gettext_noop("Activation of %(address)s changed nothing"),
    "sender_address.deactivated": gettext_noop("%(address)s is no longer used"),
    "records_link.created": gettext_noop("A link for IT was made"),
    "records_link.opened": gettext_noop("The link for IT was opened"),
    "records_link.done": gettext_noop("IT says that the records are in place"),
    "records_link.revoked": gettext_noop("A link for IT was revoked"),
}


@dataclass(frozen=True)
class ServerCell:
    """One nameserver or resolver and how it stands towards the record."""

    name: str
    address: str
    symbol: str
    seconds: int


@dataclass(frozen=True)
class RecordRow:
    """One record with what the last check said about it."""

    key: str
    type: str
    name: str
    host: str
    value: str
    quoted: str
    purpose: str
    required: bool
    symbol: str
    word: str
    sentence: str
    found: str
    details: tuple[str, ...]
    servers: tuple[ServerCell, ...]
    since: datetime | None

    @property
    def split(self) -> bool:
        """Whether the value is longer than one TXT string and some panels want it in two."""
        return self.type == "TXT" and self.quoted.count('" "') > 0


@dataclass(frozen=True)
class RecordsPage:
    """All rows and the sum of them. `digest` changes exactly when something shown has changed.

    `returns_at` is when mail leaves as the own address again although every record is right already.
    """

    claim: SenderDomain
    rows: tuple[RecordRow, ...]
    remaining: int
    required: int
    ready: bool
    waiting: str
    returns_at: datetime | None
    label_note: str
    rotation: str
    digest: str

    @property
    def shows_records(self) -> bool:
        """See the function `shows_records`."""
        return shows_records(self.claim)

    @property
    def may_activate(self) -> bool:
        """Whether the button works: everything is right and nothing has to be waited for."""
        return self.ready and not self.waiting


def shows_records(claim: SenderDomain) -> bool:
    """Whether the claim lives and its subdomain is known to be free: only then may anybody be asked to publish records."""
    chosen = claim.label_frozen_at is not None or claim.label_finding.get("code") in label_test.USABLE
    return chosen and claim.state != State.LAPSED


def no_records_text() -> str:
    """Why there is nothing to download yet, in the active language."""
    return _("The records can be downloaded when the subdomain has been found to be free. The page shows it.")


def records_page(claim: SenderDomain) -> RecordsPage:
    """The page of one claim in the active language. Call inside the organization's scope."""
    verdicts = {verdict["key"]: verdict for verdict in claim.verdicts}
    expected = claims.records_of(claim)
    rows = tuple(_row(record, verdicts.get(record.key)) for record in expected)
    required = [row for row in rows if row.required]
    remaining = sum(row.symbol != "right" for row in required)
    ready = is_ready(claim.verdicts)
    waiting = _waiting(claim) if ready else ""
    returns_at = _returns_at(claim) if ready else None
    note, rotation = label_text(claim), rotation_text(claim)
    digest = _digest(claim, rows, f"{waiting}{note}{rotation}{returns_at}")
    return RecordsPage(claim, rows, remaining, len(required), ready, waiting, returns_at, note, rotation, digest)


def _returns_at(claim: SenderDomain) -> datetime | None:
    """When mail rests again on records that were wrong and are right now; None when all are trusted."""
    mending = [datetime.fromisoformat(v["since"]) for v in claim.verdicts if v.get("distrusted") and v["required"]]
    return max(mending) + timedelta(minutes=settings.SENDER_MENDED_MINUTES) if mending else None


def _waiting(claim: SenderDomain) -> str:
    return waiting_text(claim) or consent_text(approvals.consent_for(claim, timezone.now()))


def waiting_text(claim: SenderDomain) -> str:
    """What Activate still waits for although every record is right, in the active language; "" for nothing."""
    if not is_agreed(claim):
        return _("All records are right. A second look in some seconds confirms it; then you can activate.")
    now = timezone.now()
    until = caches_until(claim, now)
    if until is None:
        return ""
    minutes = -(-int((until - now).total_seconds()) // 60) or 1
    text = ngettext(
        "You can activate in %(minutes)s minute. Your nameservers are right, but others still remember the old answer.",
        "You can activate in %(minutes)s minutes. Your nameservers are right, but others still remember the old answer.",
        minutes,
    )
    return text % {"minutes": minutes}


def consent_text(consent: approvals.Consent) -> str:
    """Why another organization's consent is missing, in the active language; "" when it is not."""
    if consent.standing == approvals.Standing.DENIED:
        text = _("Another organization sends as this domain and has said no. Talk to them, or write to %(support)s.")
        return text % {"support": settings.SUPPORT_ADDRESS}
    if consent.standing == approvals.Standing.WAITING and consent.until:
        text = _(
            "Another organization already sends as this domain. Its admins have been asked. You can activate when they "
            "approve, or on %(until)s if nobody objects."
        )
        return text % {"until": date_format(timezone.localtime(consent.until), "DATETIME_FORMAT")}
    return ""


def label_text(claim: SenderDomain) -> str:
    """What the look at the subdomain brought, in the active language; "" for nothing, and once records stand there."""
    if claim.label_frozen_at is not None:
        return ""
    finding = claim.label_finding
    names = {
        "name": unicode_name(claim.subdomain),
        "found": finding.get("found", ""),
        "support": settings.SUPPORT_ADDRESS,
    }
    match finding.get("code", ""):
        case label_test.WILDCARD:
            return (
                _("A catch-all record (*) answers at %(name)s. That does no harm: the records below go before it.")
                % names
            )
        case label_test.DELEGATED:
            return _("%(name)s is delegated to %(found)s. The records must be added there.") % names
        case label_test.UNKNOWN:
            return (
                _("Your nameservers did not answer, so we could not see whether %(name)s is free. We try again.")
                % names
            )
        case label_test.TAKEN:
            return _("%(name)s and the names beside it are in use for something else. Write to %(support)s.") % names
    if refused := finding.get("refused"):
        label, found = refused[0]
        text = _("%(taken)s is in use for something else (%(found)s), so the records stand on %(name)s instead.")
        return text % (names | {"taken": f"{label}.{unicode_name(claim.domain)}", "found": found})
    return ""


def rotation_text(claim: SenderDomain) -> str:
    """How far the replacement of the signing key is, in the active language; "" when none is under way."""
    names = {"selector": claim.rotation_selector, "active": claim.active_selector, "old": claim.previous_selector}
    if claim.rotation_selector and claim.rotation_seen_at:
        ready = claim.rotation_seen_at + timedelta(hours=settings.ROTATION_WAIT_HOURS)
        text = _(
            "The new key %(selector)s is on all your nameservers. It is used from %(when)s, when no cache holds the old one."
        )
        return text % (names | {"when": date_format(timezone.localtime(ready), "DATETIME_FORMAT")})
    if claim.rotation_selector:
        text = _("Replace the value of %(selector)s by the new one below. Mail is signed with %(active)s meanwhile.")
        return text % names
    if claim.previous_selector:
        return (
            _("Mail is signed with the new key %(active)s. Leave %(old)s in place for a week, for mail on its way.")
            % names
        )
    return ""


def event_text(event: Event) -> str:
    """What happened, in the active language, for the page's history."""
    data = dict(event.data)
    if event.kind == "sender_domain.state":
        data = {key: State(event.data[key]).label for key in ("before", "after")}
    return _(EVENTS.get(event.kind, event.kind)) % data


def _row(record: ExpectedRecord, verdict: Mapping[str, Any] | None) -> RecordRow:
    gone = bool(verdict and verdict.get("was_right") and verdict["code"] in MISSING)
    symbol = "wrong" if gone else SYMBOLS[verdict["state"]] if verdict else "unchecked"
    return RecordRow(
        key=record.key,
        type=record.type,
        name=record.name,
        host=record.host,
        value=record.value,
        quoted=display_value(record, quoted=True),
        purpose=_(record.purpose),
        required=record.required,
        symbol=symbol,
        word=pgettext("record", "Gone") if gone else _word(verdict["state"] if verdict else ""),
        sentence=_sentence(record, verdict, gone=gone) if verdict else "",
        found=verdict["found"] if verdict and symbol == "wrong" else "",
        details=tuple(claims.message_of(d) for d in verdict["details"] if "params" in d) if verdict else (),
        servers=tuple(_cells(verdict)) if verdict else (),
        since=datetime.fromisoformat(verdict["since"]) if verdict and verdict.get("since") else None,
    )


def _sentence(record: ExpectedRecord, verdict: Mapping[str, Any], *, gone: bool) -> str:
    if gone:
        return _("The record at %(name)s was right before. Your nameservers do not have it any more.") % {
            "name": record.name
        }
    return claims.message_of(dict(verdict))


def _cells(verdict: Mapping[str, Any]) -> Sequence[ServerCell]:
    answers = [*verdict["servers"], *verdict["resolvers"]]
    return [ServerCell(a["name"], a["address"], STANDINGS[a["standing"]], a.get("seconds") or 0) for a in answers]


def _word(state: str) -> str:
    match state:
        case "green" | "green_note":
            return pgettext("record", "Right")
        case "amber":
            return pgettext("record", "Not found yet")
        case "red":
            return pgettext("record", "Wrong")
        case "grey":
            return pgettext("record", "Could not ask")
    return pgettext("record", "Not checked")


def _digest(claim: SenderDomain, rows: Sequence[RecordRow], waiting: str) -> str:
    shown = [[row.key, row.value, row.symbol, row.sentence, row.found, [c.symbol for c in row.servers]] for row in rows]
    senders = list(claim.addresses.order_by("pk").values_list("activated_at", "requested_at", "failure"))
    asked = [approval.pk for approval in approvals.open_approvals(claim)]
    text = json.dumps(
        [shown, claim.state, claim.label_finding, claim.record_version, waiting, senders, asked], default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
