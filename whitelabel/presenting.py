"""What the records page shows, as values: one row per record, and the state of the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext

from organizations.models import Event
from whitelabel import claims
from whitelabel.models import SenderDomain
from whitelabel.readiness import caches_until, is_agreed, is_ready
from whitelabel.record_export import display_value
from whitelabel.records import ExpectedRecord

State = SenderDomain.State

# Diagnosis state → one of the five symbols of the interface.
SYMBOLS = {"green": "right", "green_note": "right", "amber": "waiting", "red": "wrong", "grey": "unasked"}
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
    """All rows and the sum of them. `digest` changes exactly when something shown has changed."""

    claim: SenderDomain
    rows: tuple[RecordRow, ...]
    remaining: int
    required: int
    ready: bool
    waiting: str
    digest: str

    @property
    def may_activate(self) -> bool:
        """Whether the button works: everything is right and nothing has to be waited for."""
        return self.ready and not self.waiting


def records_page(claim: SenderDomain) -> RecordsPage:
    """The page of one claim in the active language. Call inside the organization's scope."""
    verdicts = {verdict["key"]: verdict for verdict in claim.verdicts}
    expected = claims.records_of(claim)
    rows = tuple(_row(record, verdicts.get(record.key)) for record in expected)
    required = [row for row in rows if row.required]
    remaining = sum(row.symbol != "right" for row in required)
    ready = is_ready(claim.verdicts)
    waiting = waiting_text(claim) if ready else ""
    return RecordsPage(claim, rows, remaining, len(required), ready, waiting, _digest(claim, rows, waiting))


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


def event_text(event: Event) -> str:
    """What happened, in the active language, for the page's history."""
    data = dict(event.data)
    if event.kind == "sender_domain.state":
        data = {key: State(event.data[key]).label for key in ("before", "after")}
    return _(EVENTS.get(event.kind, event.kind)) % data


def _row(record: ExpectedRecord, verdict: Mapping[str, Any] | None) -> RecordRow:
    symbol = SYMBOLS[verdict["state"]] if verdict else "unchecked"
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
        word=_word(verdict["state"] if verdict else ""),
        sentence=claims.message_of(dict(verdict)) if verdict else "",
        found=verdict["found"] if verdict and symbol == "wrong" else "",
        details=tuple(claims.message_of(d) for d in verdict["details"] if "params" in d) if verdict else (),
        servers=tuple(_cells(verdict)) if verdict else (),
        since=datetime.fromisoformat(verdict["since"]) if verdict and verdict.get("since") else None,
    )


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
    text = json.dumps([shown, claim.state, claim.record_version, waiting, senders], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
