"""Which inbox an SMTP recipient leads to: one indexed query, never a guess."""

from __future__ import annotations

from forwarding.smtpd import replies
from forwarding.smtpd.replies import Reply
from inboxes.addressing import RecipientKind

_REFUSALS = {
    RecipientKind.RESERVED: replies.UNKNOWN_RECIPIENT,
    RecipientKind.UNKNOWN: replies.UNKNOWN_RECIPIENT,
    RecipientKind.FOREIGN: replies.RELAY_DENIED,
    RecipientKind.MALFORMED: replies.MALFORMED_ADDRESS,
}


def refusal_of(kind: RecipientKind) -> Reply:
    """The reply to a recipient that cannot be one of ours, whatever the database holds."""
    return _REFUSALS[kind]
