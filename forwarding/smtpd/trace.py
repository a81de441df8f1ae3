"""Received headers counted, to find loops (RFC 5321 section 6.3). Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

# Both begin with a line feed, which the regular expression engine looks for many times faster than for a choice.
_HEADER_END = re.compile(rb"\n\r?\n")
_RECEIVED = re.compile(rb"\nreceived[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)
_BY = re.compile(rb"\sby\s+([A-Za-z0-9._-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Trace:
    """`received`: number of Received headers; `own`: how many of them one of our hosts wrote."""

    received: int
    own: int


def read_trace(head: bytes, own_hosts: Collection[str]) -> Trace:
    """Count in `head`, the first octets of a message; what lies behind the empty line does not count.

    `own_hosts`: our host names in lower case.
    """
    if head.startswith((b"\r\n", b"\n")):
        return Trace(0, 0)
    end = _HEADER_END.search(head)
    block = head[: end.start()] if end else head
    values = _RECEIVED.findall(b"\n" + block)
    return Trace(len(values), sum(_written_by(value, own_hosts) for value in values))


def _written_by(value: bytes, own_hosts: Collection[str]) -> bool:
    by = _BY.search(b" " + value)
    return by is not None and by[1].decode("ascii").lower().rstrip(".") in own_hosts
