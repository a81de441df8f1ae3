"""Whether the subdomain that the records shall stand under is free (design 2f), before anybody is asked to publish them.

Asked at the authoritative servers only: a resolver would remember "does not exist" from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whitelabel.diagnosis.faults import value_text
from whitelabel.diagnosis.values import shown
from whitelabel.survey.questions import sibling
from whitelabel.survey.surveying import process_memory
from whitelabel.survey.transport import Ask, Transport, in_zone
from whitelabel.survey.values import Outcome, Question, Record, Reply, Server
from whitelabel.survey.zone import ZoneFinder

TYPES = ("A", "AAAA", "CNAME", "MX", "TXT", "NS", "SOA", "DS")
BELOW = "_domainkey"
SERVERS_ASKED = 3
FREE, WILDCARD, DELEGATED, TAKEN, UNKNOWN = "free", "wildcard", "delegated", "taken", "unknown"
USABLE = (FREE, WILDCARD, DELEGATED)


@dataclass(frozen=True)
class LabelFinding:
    """What stands at `<label>.<domain>`: `code` is one of the constants above, `found` what is in the way."""

    label: str
    code: str
    found: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    """(label, what was found there) of labels that were tried before and are taken."""

    def as_json(self) -> dict[str, Any]:
        """As the claim keeps it."""
        return {"code": self.code, "found": self.found, "refused": [list(pair) for pair in self.refused]}


async def choose_label(
    labels: Sequence[str], domain: str, token: str, mail_domain: str, transport: Transport
) -> LabelFinding:
    """The first label that is usable. With none usable, or nobody answering, the first one with what was found.

    Records of this claim itself (its `token` is published) are no obstacle.
    """
    refused: list[tuple[str, str]] = []
    for label in labels:
        finding = await _look(label, domain, token, mail_domain, transport)
        if finding.code != TAKEN:
            return LabelFinding(label, finding.code, finding.found, tuple(refused))
        refused.append((label, finding.found))
    return LabelFinding(labels[0], TAKEN, refused[0][1], tuple(refused))


async def _look(label: str, domain: str, token: str, mail_domain: str, transport: Transport) -> LabelFinding:
    name = f"{label}.{domain}"
    deadline = asyncio.get_running_loop().time() + transport.settings.wall_seconds / 2
    cut = (await ZoneFinder(transport, process_memory(transport.settings), deadline).find(domain)).cut
    owner = Question(f"_owner.{name}", "TXT")
    questions = [Question(at, kind) for at in (name, f"{BELOW}.{name}", sibling(name)) for kind in TYPES]
    told: dict[Question, Reply] = {}
    for server in cut.servers[:SERVERS_ASKED]:
        told |= await _ask(server, [q for q in (owner, *questions) if q not in told], transport, deadline, cut.zone)
    if len(told) < len(questions) + 1:
        return LabelFinding(label, UNKNOWN)
    if any(
        record.octets.decode("ascii", "replace") == f"{mail_domain}-verify={token}" for record in told[owner].answers
    ):
        return LabelFinding(label, FREE)
    return _judge(label, name, told)


async def _ask(
    server: Server, questions: Sequence[Question], transport: Transport, deadline: float, zone: str
) -> Mapping[Question, Reply]:
    """The definite answers of one server; a delegation counts as one."""
    replies = await transport.ask([Ask(server, question) for question in questions], deadline=deadline)
    told = zip(questions, (in_zone(reply, zone) for reply in replies), strict=True)
    return {q: reply for q, reply in told if reply.outcome.definite or reply.outcome is Outcome.REFERRAL}


def _judge(label: str, name: str, told: Mapping[Question, Reply]) -> LabelFinding:
    own = {kind: told[Question(name, kind)] for kind in TYPES}
    if any(reply.outcome is Outcome.REFERRAL and reply.cut == name for reply in own.values()) or own["NS"].of_type(
        "NS"
    ):
        servers = next((reply.nameservers for reply in own.values() if reply.nameservers), ())
        return LabelFinding(label, DELEGATED, ", ".join(servers))
    beside = sibling(name)
    wild = {kind: _data(told[Question(beside, kind)], beside) for kind in TYPES}
    here = {kind: _data(reply, name) for kind, reply in own.items()}
    below = [
        r for kind in TYPES for r in told[Question(f"{BELOW}.{name}", kind)].answers if r.name == f"{BELOW}.{name}"
    ]
    if any(here.values()) and here == wild:
        return LabelFinding(
            label, WILDCARD, _words(r for reply in own.values() for r in reply.answers if r.name == name)
        )
    if any(here.values()) or (below and not any(wild.values())):
        there = [r for reply in own.values() for r in reply.answers if r.name == name]
        return LabelFinding(label, TAKEN, _words([*there, *below]))
    return LabelFinding(label, FREE)


def _data(reply: Reply, name: str) -> frozenset[tuple[Any, ...]]:
    return frozenset((r.type, r.strings, r.target, r.preference) for r in reply.answers if r.name == name)


def _words(records: Iterable[Record]) -> str:
    return shown(", ".join(dict.fromkeys(f"{record.type} {value_text(record)}" for record in records)))
