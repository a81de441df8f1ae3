"""Machine-readable reports: message/delivery-status (RFC 3464, 6533), feedback (RFC 5965), dispositions (RFC 8098).

Written for what is sent, not for what the RFC says: blank lines missing or in the wrong place, groups without a
separator, comments, unknown address types, base64 around the whole.
"""

import re
from dataclasses import dataclass

from forwarding.bounces.addresses import addresses_in, clean_address
from forwarding.bounces.status import action_of, best_status

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status", "text/delivery-status"})
DISPOSITION_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
FEEDBACK_TYPE = "message/feedback-report"

MAX_FIELDS = 5_000
"""Fields read of one report."""

MAX_LINES = 20_000
MAX_VALUE_CHARACTERS = 4_000

MAX_RECIPIENTS = 1_000
"""Recipients taken from one report."""

_FIELD = re.compile(r"[ \t>]{0,8}([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)")
_RECIPIENT_FIELDS = frozenset(
    {"final-recipient", "original-recipient", "x-actual-recipient", "action", "status", "diagnostic-code", "remote-mta",
     "last-attempt-date", "will-retry-until", "final-log-id"}
)  # fmt: skip
_OPENERS = ("final-recipient", "original-recipient", "x-actual-recipient", "action")
_HEXADECIMAL_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What a report says about one recipient; `original` is the address written to, when the report names it."""

    recipient: str
    original: str
    action: str
    status: str
    diagnostic: str


def fields_of(text: str) -> list[tuple[str, str]]:
    """All `Name: value` lines with their continuations, in order; a blank line is an entry of two empty strings."""
    fields: list[tuple[str, str]] = []
    for line in text.splitlines()[:MAX_LINES]:
        if len(fields) >= MAX_FIELDS:
            break
        match = _FIELD.match(line)
        if match and (not line[:1].isspace() or not fields or match[1].lower() in _RECIPIENT_FIELDS):
            fields.append((match[1].lower(), match[2].strip()))
        elif not line.strip():
            fields.append(("", ""))
        elif fields and fields[-1][0]:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}"[:MAX_VALUE_CHARACTERS])
    return fields


def recipient_statuses(text: str) -> tuple[RecipientStatus, ...]:
    """The recipients of a delivery status. A field that repeats begins the next recipient, blank line or not."""
    groups: list[dict[str, str]] = []
    current: dict[str, str] = {}
    blank = False
    for name, value in fields_of(text):
        if name in _RECIPIENT_FIELDS:
            complete = "action" in current or "status" in current
            if (name in current and name in _OPENERS) or (blank and complete and name in _OPENERS[:3]):
                groups.append(current)
                current = {}
            current.setdefault(name, value)
        blank = not name
    groups.append(current)
    statuses = (_status(group) for group in groups[:MAX_RECIPIENTS])
    return tuple(status for status in statuses if status is not None)


def _status(group: dict[str, str]) -> RecipientStatus | None:
    original = typed_address(group.get("original-recipient", ""))
    final = typed_address(group.get("final-recipient", ""))
    actual = typed_address(group.get("x-actual-recipient", ""))
    recipient = original if original and _is_host_internal(final) else final or actual or original
    if not recipient:
        return None
    diagnostic = _diagnostic(group.get("diagnostic-code", ""))
    status = best_status(group.get("status", ""), diagnostic)
    return RecipientStatus(
        recipient, original or actual, action_of(group.get("action", ""), status), status, diagnostic
    )


def _is_host_internal(address: str) -> bool:
    """Whether a final recipient only means something inside the reporting host (`name@gateway-daemon`)."""
    return "." not in address.rpartition("@")[2]


def typed_address(value: str) -> str:
    """The address of `rfc822; name@host`, with RFC 6533's `utf-8` escapes resolved; empty for X.400 and the like."""
    kind, semicolon, rest = value.partition(";")
    text = rest if semicolon else kind
    if kind.strip().lower() == "utf-8":
        text = _HEXADECIMAL_ESCAPE.sub(lambda match: _character(match[1]), text)
    found = addresses_in(text)
    return found[0] if found else clean_address(text)


def _character(hexadecimal: str) -> str:
    point = int(hexadecimal, 16)
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF and point else "\ufffd"


def _diagnostic(value: str) -> str:
    kind, semicolon, rest = value.partition(";")
    return " ".join((rest if semicolon and " " not in kind.strip() else value).split())
