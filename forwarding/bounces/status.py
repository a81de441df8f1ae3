"""Enhanced status codes (RFC 3463) and what they say about a delivery, read from fields and from free text."""

import re
from typing import Literal

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
"""RFC 3464 section 2.3.3."""

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")
_REPLY = re.compile(r"(?<![\d.:-])([45])[0-5]\d(?=[ -])")
_ACTIONS: dict[str, Action] = {
    "failed": "failed",
    "failure": "failed",
    "fail": "failed",
    "error": "failed",
    "expired": "failed",
    "undeliverable": "failed",
    "delayed": "delayed",
    "delay": "delayed",
    "deferred": "delayed",
    "temporary": "delayed",
    "delivered": "delivered",
    "deliverable": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
}
_STATUS_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "5.1.1",
        (
            "user unknown", "unknown user", "no such user", "does not exist", "doesn't exist",
            "no mailbox here by that name",
            "unknown recipient", "recipient not found", "user not found", "no such mailbox", "not listed in",
            "invalid recipient",
            "unknown or illegal alias", "mailbox unavailable", "unrouteable address", "unknown address",
            "account not found",
            "recipient unknown", "no such person", "unknown local", "unbekannter empf", "okänd mottagare",
            "okänd användare",
            "finns inte", "utilisateur inconnu", "usuario desconocido", "utente sconosciuto", "ukendt modtager",
            "ukjent mottaker",
        ),
    ),
    (
        "5.2.2",
        (
            "mailbox full", "mailbox is full", "over quota", "quota exceeded", "exceeded storage", "exceeds quota",
            "quota",
            "not enough space", "mailbox has exceeded", "insufficient disk", "inkorgen är full", "postfach voll",
        ),
    ),
    (
        "5.2.1",
        (
            "mailbox disabled", "account disabled", "mailbox is inactive", "account is inactive",
            "account has been disabled", "user suspended",
        ),
    ),
    (
        "5.1.2",
        (
            "host unknown", "host not found", "domain not found", "name or service not known", "unknown host",
            "no such domain", "unrouteable mail domain", "domain does not exist", "nxdomain",
        ),
    ),
    ("5.3.4", ("message too large", "message size exceeds", "size limit", "too big", "exceeds maximum")),
    ("5.4.6", ("too many hops", "mail loop", "loops back to myself", "routing loop")),
    (
        "5.7.1",
        (
            "spam", "blacklist", "blocklist", "blocked", "access denied", "not authorized", "relaying denied",
            "relay denied", "relay access denied", "policy", "content filter", "virus", "rejected",
        ),
    ),
)  # fmt: skip
_DELAY_PHRASES = (
    "will be retried", "still being retried", "will continue to try", "will keep trying",
    "has not yet been delivered", "delivery has been delayed",
    "not been delivered yet", "no action is required", "do not need to resend", "don't need to resend",
    "will retry for", "delivery attempts will continue",
    "delay in delivery", "delayed mail", "warning: message", "delivery status notification (delay)",
    "not necessary to resend", "försenad", "försenat", "verzögert", "retardé", "forsinket", "vertraagd",
)  # fmt: skip


def status_in(text: str) -> str:
    """The most telling enhanced status code written in `text` (5.x.x before 4.x.x, specific before x.0.0), or ""."""
    codes = _ENHANCED.findall(text)
    ranked = sorted(codes, key=lambda code: (code[0] != "5", code[0] == "2", code.endswith(".0.0")))
    return ranked[0] if ranked else ""


def status_of_phrases(text: str) -> str:
    """A status code for the wording of `text` (RFC 3463 section 3), or "" when no phrase is known."""
    lowered = text.casefold()
    return next((code for code, phrases in _STATUS_PHRASES if any(phrase in lowered for phrase in phrases)), "")


def action_of(field: str, status: str) -> Action:
    """The action of an Action field; without a usable one it follows from the status, and is "failed" without both."""
    words = field.strip().casefold().replace("(", " ").split()
    if words and (action := _ACTIONS.get(words[0].strip(".,;"))):
        return action
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")  # type: ignore[return-value]  # values are actions


def announces_delay(text: str) -> bool:
    """Whether a report in words says that delivery is still being tried."""
    lowered = text.casefold()
    return any(phrase in lowered for phrase in _DELAY_PHRASES)


def best_status(field: str, diagnostic: str) -> str:
    """The status to keep: the field's code, made precise by the diagnostic where the field only says x.0.0."""
    declared = status_in(field)
    if declared and not declared.endswith(".0.0"):
        return declared
    explained = status_in(diagnostic)
    if explained and (not declared or explained[0] == declared[0]):
        return explained
    if declared:
        return declared
    reply = _REPLY.search(diagnostic)
    return _in_class(status_of_phrases(diagnostic), reply[1]) if reply else status_of_phrases(diagnostic)


def _in_class(status: str, reply_class: str) -> str:
    """The status with the class of the SMTP reply: `452 over quota` is 4.2.2."""
    return f"{reply_class}{status[1:]}" if status else f"{reply_class}.0.0"
