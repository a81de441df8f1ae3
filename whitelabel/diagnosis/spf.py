"""Judging an SPF record as a receiver evaluates it (RFC 7208): syntax, look-ups, void look-ups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from whitelabel import effects
from whitelabel.survey.values import Outcome, Question, Reply

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4
MAX_VOID_LOOKUPS = 2

TERM = re.compile(
    r"[+\-~?]?(?:all|(?:include|exists):\S+|ptr(?::\S+)?|(?:a|mx)(?::[^\s/]+)?(?:/\d{1,3})?(?://\d{1,3})?"
    r"|ip4:\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?|ip6:[0-9a-f:.]+(?:/\d{1,3})?)$"
    r"|[a-z][a-z0-9_.\-]*=\S*$"
)
LOOKUP = re.compile(r"[+\-~?]?(?:include:|exists:|a(?:[:/]|$)|mx(?:[:/]|$)|ptr(?::|$))|redirect=")


def invalid_reason(text: str, ours: str, resolved: Mapping[Question, Reply]) -> dict[str, str]:
    """Why receivers give up on this record (permerror) or should: the values for `spf_invalid`; empty when they do not."""
    for term in effects.spf_terms(text):
        if not TERM.match(term):
            return {"reason": "syntax", "term": term}
        if term in ("all", "+all"):
            return {"reason": "plus_all"}
    lookups, voids = _count(text, ours, resolved, set())
    if lookups > MAX_LOOKUPS:
        return {"reason": "lookups", "n": str(lookups), "most": str(MAX_LOOKUPS)}
    if voids > MAX_VOID_LOOKUPS:
        return {"reason": "voids", "n": str(voids), "most": str(MAX_VOID_LOOKUPS)}
    return _broken_include(text, ours, resolved)


def _count(text: str, ours: str, resolved: Mapping[Question, Reply], visited: set[str]) -> tuple[int, int]:
    """Look-ups and void look-ups of a record and of what it includes, as far as resolvers told us."""
    lookups = sum(1 for term in effects.spf_terms(text) if LOOKUP.match(term))
    voids = 0
    for domain in effects.foreign_includes([text], ours):
        reply = resolved.get(Question(domain, "TXT"))
        if reply is None or domain in visited:
            continue
        visited.add(domain)
        voids += reply.outcome in (Outcome.NXDOMAIN, Outcome.NODATA)
        for included in effects.spf_records(reply.answers):
            more, more_voids = _count(included, ours, resolved, visited)
            lookups, voids = lookups + more, voids + more_voids
    return lookups, voids


def _broken_include(text: str, ours: str, resolved: Mapping[Question, Reply]) -> dict[str, str]:
    """An include without an SPF record is a permanent error (RFC 7208 section 5.2)."""
    for domain in effects.foreign_includes([text], ours):
        reply = resolved.get(Question(domain, "TXT"))
        if reply is not None and reply.outcome.definite and not effects.spf_records(reply.answers):
            return {"reason": "include", "host": domain}
    return {}


def included_names(text: str) -> Iterator[str]:
    """Host names in the record, to recognise a vendor."""
    for term in effects.spf_terms(text):
        _, separator, name = term.replace("=", ":").partition(":")
        if separator and not name[:1].isdigit():
            yield name
