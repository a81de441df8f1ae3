"""Subjects of answers: a prefix where there is none, and the topic without any. Pure."""

from __future__ import annotations

import re

MAX_SUBJECT_CHARACTERS = 900

_REPLY = re.compile(
    r"\s*(?:re|sv|aw|antw|ré|rép|vs|odp|ynt|res|rif|答复|回复)(?:\[\d+\]|\(\d+\))?\s*[:：]", re.IGNORECASE
)
_FORWARD = re.compile(r"\s*(?:fwd?|vb|wg|tr|rv|i|enc|doorst|vl|pd|ilt|转发)\s*[:：]", re.IGNORECASE)


def reply_subject(subject: str) -> str:
    """The subject of an answer. One that has a reply prefix in any language is kept, so that it stays the same."""
    return (subject if _REPLY.match(subject) else f"Re: {subject}").strip()[:MAX_SUBJECT_CHARACTERS]


def forward_subject(subject: str) -> str:
    """The subject of a forwarded mail."""
    return (subject if _FORWARD.match(subject) else f"Fwd: {subject}").strip()[:MAX_SUBJECT_CHARACTERS]


def topic(subject: str) -> str:
    """The subject without reply and forward prefixes: what Outlook calls Thread-Topic."""
    rest = subject.strip()
    while match := _REPLY.match(rest) or _FORWARD.match(rest):
        rest = rest[match.end() :].strip()
    return rest
