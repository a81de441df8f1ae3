"""What the first server that received a mail of ours says about it: its Authentication-Results (RFC 8601). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

METHODS = ("spf", "dkim", "dmarc")
MOST_OCTETS = 4_096

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*(spf|dkim|dmarc)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)


@dataclass(frozen=True)
class ReceiverResults:
    """Who judged (authserv-id, "" unknown) and what came of each of METHODS; a method that was not judged is left out."""

    server: str = ""
    results: Mapping[str, str] = field(default_factory=dict)


def read(fields: Sequence[str]) -> ReceiverResults:
    """The first judgement of the mail, given its Authentication-Results from top to bottom.

    Servers write theirs on top, so the first receiver's is the lowest: those after it judged a forwarded mail. Of several
    signatures a good one counts. Nothing readable gives no results.
    """
    for text in reversed(fields):
        judged = _read(text[:MOST_OCTETS])
        if judged.results:
            return judged
    return ReceiverResults()


def _read(text: str) -> ReceiverResults:
    plain = text
    while plain != (shorter := _COMMENT.sub(" ", plain)):  # comments nest
        plain = shorter
    server, *parts = plain.split(";")
    if _RESULT.match(server):  # Microsoft 365 does not name itself
        server, parts = "", [server, *parts]
    found: dict[str, str] = {}
    for part in parts:
        if match := _RESULT.match(part):
            method, result = match[1].lower(), match[2].lower()
            if found.get(method) != "pass":
                found[method] = result
    return ReceiverResults(" ".join(server.split()[:1])[:253], found)
