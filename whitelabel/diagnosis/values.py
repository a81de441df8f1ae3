"""What a diagnosis says: findings, answers per server, verdicts. Plain values, no language."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext

from whitelabel.diagnosis.catalogue import ENTRIES, ORDER, REASONS, State
from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Server

FOUND_CHARACTERS = 200
VALUES_STORED = 4
"""Of one server's answer; a check keeps at most some 64 KiB."""


class Standing(StrEnum):
    """How one server stands towards one record."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSING = "missing"
    DELEGATED = "delegated"
    LAME = "lame"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"
    TCP_FAILED = "tcp_failed"
    ERROR = "error"
    NOT_TESTED = "not_tested"

    @property
    def definite(self) -> bool:
        """Whether the server told what the zone holds."""
        return self in (Standing.RIGHT, Standing.WRONG, Standing.MISSING)


@dataclass(frozen=True)
class Finding:
    """One code of the catalogue with the values for its sentence; `found` is what was seen, "" when nothing."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    found: str = ""
    ttl: int = 0

    @property
    def rank(self) -> int:
        """Position in the catalogue: lower is shown first."""
        return ORDER[self.code]

    def message(self) -> str:
        """The sentence in the active language, values made safe to show as plain text (not HTML-escaped)."""
        entry = ENTRIES[self.code]
        sentence = entry.alone if entry.alone and self.params.get("n") == "0" else entry.sentence
        values = {name: shown(text) for name, text in self.params.items()}
        if reason := REASONS.get(self.params.get("reason", "")):
            values["reason"] = gettext(reason).format_map(values)
        return gettext(sentence).format_map(values)


@dataclass(frozen=True)
class ServerAnswer:
    """One cell of the nameserver matrix. `seconds` is the remaining cache time of a resolver's answer."""

    server: Server
    standing: Standing
    values: tuple[str, ...] = ()
    serial: int | None = None
    ttl: int | None = None
    reason: str = ""
    seconds: int = 0

    def as_json(self) -> dict[str, Any]:
        """For storage and `--json`."""
        return {
            "name": self.server.name,
            "address": self.server.address,
            "standing": self.standing.value,
            "values": [shown(value) for value in self.values[:VALUES_STORED]],
            "serial": self.serial,
            "ttl": self.ttl,
            "reason": self.reason,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Verdict:
    """The judgement of one record: the most important finding, the others as details, and every server's answer.

    `wait_seconds` is how long resolvers still remember something older; `definite_bad` is true when every answering
    authoritative server says missing or wrong (only that may count against an active domain).
    """

    record: ExpectedRecord
    state: State
    finding: Finding
    details: tuple[Finding, ...] = ()
    servers: tuple[ServerAnswer, ...] = ()
    resolvers: tuple[ServerAnswer, ...] = ()
    wait_seconds: int = 0
    definite_bad: bool = False

    @property
    def code(self) -> str:
        """The catalogue code that is shown."""
        return self.finding.code

    @property
    def found(self) -> str:
        """What was seen, at most 200 characters, control characters made visible; "" when nothing was."""
        return shown(self.finding.found)

    def message(self) -> str:
        """The sentence for people in the active language."""
        return self.finding.message()

    def as_json(self) -> dict[str, Any]:
        """Name, type, expected, state, code, found, message (active language), details and the server matrix."""
        return {
            "key": self.record.key,
            "name": self.record.name,
            "host": self.record.host,
            "type": self.record.type,
            "expected": self.record.value,
            "required": self.record.required,
            "state": self.state.value,
            "code": self.code,
            "params": {name: shown(text) for name, text in self.finding.params.items()},
            "found": self.found,
            "message": self.message(),
            "details": [
                {
                    "code": detail.code,
                    "params": {name: shown(text) for name, text in detail.params.items()},
                    "found": shown(detail.found),
                    "message": detail.message(),
                }
                for detail in self.details
            ],
            "servers": [answer.as_json() for answer in self.servers],
            "resolvers": [answer.as_json() for answer in self.resolvers],
            "wait_seconds": self.wait_seconds,
            "definite_bad": self.definite_bad,
        }


@dataclass(frozen=True)
class Context:
    """What a diagnosis knows beside the survey.

    `history` maps earlier values we asked for to the date of their replacement (ISO); `done` means IT says the
    records are in place; `dns_host` is the vendor the admin says to use ("" unknown); `retry_at` is when we ask again.
    """

    history: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    dns_host: str = ""
    retry_at: str = ""


def shown(text: str) -> str:
    """Attacker-controlled text made safe to show: control, format and bidi characters visible, cut at 200."""
    visible = "".join(ch if unicodedata.category(ch)[0] != "C" else f"\\u{ord(ch):04x}" for ch in text)
    return visible if len(visible) <= FOUND_CHARACTERS else visible[: FOUND_CHARACTERS - 1] + "…"
