"""From a survey to one verdict per record (design 3 and 4.1): pure, the same answers always give the same verdict.

A server that failed, refused or stayed silent never makes a record "missing": only servers that answered count, and a
server that answered other questions of the same check but not this one keeps the row open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from whitelabel.diagnosis import nameservers
from whitelabel.diagnosis.catalogue import ENTRIES, State
from whitelabel.diagnosis.dmarc_row import dmarc_finding
from whitelabel.diagnosis.faults import Case, Judgement, judge
from whitelabel.diagnosis.misplaced import catches_all, misplaced
from whitelabel.diagnosis.resolvers import resolver_answers, resolver_findings
from whitelabel.diagnosis.values import Context, Finding, ServerAnswer, Standing, Verdict
from whitelabel.records import ExpectedRecord
from whitelabel.survey.limits import remember
from whitelabel.survey.questions import sibling
from whitelabel.survey.values import Delegation, Outcome, Question, Reply, Server, Survey, ZoneCut

LONG_TTL_SECONDS = 3600
REMEMBERED_DOMAINS = 2_000  # some 25 kB each
GENERIC = frozenset({"missing_nx", "missing_type", "missing_value"})


def diagnose(
    survey: Survey, expected: Sequence[ExpectedRecord], *, context: Context | None = None
) -> tuple[Verdict, ...]:
    """One verdict per expected record, in order."""
    context = context or Context()
    verdicts = tuple(_Diagnosis(case, survey).verdict() for case in _cases(survey, expected, context))
    return tuple(
        dmarc_finding(verdict, verdicts, survey) if verdict.record.kind == "dmarc" else verdict for verdict in verdicts
    )


class Judge:
    """`diagnose` with a memory of domains on which all was right: when the next check sees the same, so it is again.

    Comparing costs next to nothing, because `survey.transport` gives equal replies as the same object. What is not right is
    judged anew every time: those sentences also depend on the context.
    """

    def __init__(self, most: int = REMEMBERED_DOMAINS) -> None:
        self._most = most
        self._right: dict[tuple[ExpectedRecord, ...], tuple[Survey, tuple[Verdict, ...]]] = {}

    def diagnose(
        self, survey: Survey, expected: tuple[ExpectedRecord, ...], *, context: Context | None = None
    ) -> tuple[Verdict, ...]:
        """See the function `diagnose`."""
        seen, verdicts = self._right.pop(expected, (None, ()))
        if seen != survey:
            verdicts = diagnose(survey, expected, context=context)
        if all(verdict.code == "ok" for verdict in verdicts):
            remember(self._right, expected, (survey, verdicts), self._most)
        return verdicts


def _cases(survey: Survey, expected: Sequence[ExpectedRecord], context: Context) -> Iterator[Case]:
    for record in expected:
        same = [r.target for r in expected if r.type == "MX" and r.name == record.name and r.value != record.value]
        yield Case(record, survey, context, frozenset(same))


@dataclass(frozen=True)
class _Voice:
    """One server's standing towards the record and what it said."""

    server: Server
    standing: Standing
    reply: Reply
    judgement: Judgement


class _Diagnosis:
    def __init__(self, case: Case, survey: Survey) -> None:
        self.case = case
        self.survey = survey
        self.record = case.record
        self.subzone = survey.subzone_of(case.record.name)
        self.voices = tuple(self._voices())
        self.answers = self._answers()
        self.waits = resolver_answers(case)
        self.definite = [voice for voice in self.voices if voice.standing.definite]
        self.right = [voice for voice in self.definite if voice.standing is Standing.RIGHT]

    def verdict(self) -> Verdict:
        """Collect every finding, show the most important one."""
        nobody = not self.voices and not self.subzone
        if nobody or self.survey.delegation is not Delegation.FOUND:
            return self._result([nameservers.no_servers(self.survey, self.case.context)])
        findings = list(self._findings())
        return self._result(findings)

    # --- per server ------------------------------------------------------------------------------------------

    def _voices(self) -> Iterator[_Voice]:
        texts = self.survey.asked(self.record.name, "TXT")
        for server, reply in self.survey.replies.get(self.case.question, {}).items():
            if self.subzone and server not in self.subzone.servers:
                continue
            judgement = (
                judge(self.case, reply, texts.get(server)) if reply.outcome.definite else Judgement(missing=True)
            )
            yield _Voice(server, _standing(reply, judgement), reply, judgement)

    def _answers(self) -> tuple[ServerAnswer, ...]:
        return tuple(
            ServerAnswer(
                server=voice.server,
                standing=voice.standing,
                values=voice.judgement.values,
                serial=self.survey.serials.get(voice.server),
                ttl=voice.judgement.ttl or None,
                reason=voice.reply.reason or voice.reply.rcode,
            )
            for voice in self.voices
        )

    # --- findings --------------------------------------------------------------------------------------------

    def _findings(self) -> Iterator[Finding]:
        troubles = list(nameservers.troubles(self.survey, self.subzone, self.answers, self.case.context))
        yield from troubles
        if not self.definite:
            if self.subzone:
                yield from self._delegated(self.subzone)
            elif not troubles:
                yield Finding("servfail")
            return
        yield from self._alias_beside_data()
        if len(self.right) == len(self.definite):
            yield from self._when_right()
        elif self.right:
            yield nameservers.disagreement(self.survey, self.answers, self.record)
        elif self._silent_voice():
            yield nameservers.unanswered(self.survey, self.answers, self.case.context)
        else:
            yield from self._when_wrong()

    def _when_right(self) -> Iterator[Finding]:
        yield Finding("ok", {"n": str(nameservers.names(self.answers))}, self.right[0].judgement.found)
        for voice in self.right[:1]:
            yield from voice.judgement.notes
        if self._from_catch_all():
            yield Finding("wildcard", {}, self.right[0].judgement.found)
        yield from resolver_findings(self.case, self.waits)

    def _when_wrong(self) -> Iterator[Finding]:
        """No server shows the record: wrong values first, then where it may have gone, else plainly missing."""
        wrong = [voice for voice in self.definite if voice.standing is Standing.WRONG]
        if wrong and self._from_catch_all():
            yield Finding("wildcard", {}, wrong[0].judgement.found)
            return
        if nameservers.conflicting(self.survey, self.answers):
            yield nameservers.disagreement(self.survey, self.answers, self.record)
        faults = list(_newest(wrong, self.survey).judgement.faults) if wrong else []
        plain = all(fault.code in GENERIC for fault in faults)
        elsewhere = list(misplaced(self.case)) if plain else []
        if cut := self.subzone or self._inner_zone():
            elsewhere += self._delegated(cut)
        yield from faults
        yield from elsewhere
        if faults and (ttl := max(fault.ttl for fault in faults)) > LONG_TTL_SECONDS:
            yield Finding("ttl_long", {"h": str(-(-ttl // 3600)), "ttl": str(ttl)}, faults[0].found)
        if not faults and not elsewhere:
            yield self._missing()

    def _missing(self) -> Finding:
        name = {"name": self.record.name}
        if self._other_types() and not catches_all(self.survey, self.record.name):
            return Finding("missing_type", name | {"type": self.record.type}, " | ".join(self._other_types()))
        return Finding("missing_nx", name)

    def _other_types(self) -> list[str]:
        kinds = ("A", "AAAA", "CNAME", "MX", "TXT", "SPF")
        asked = ((kind, self.survey.answers(self.record.name, kind)) for kind in kinds if kind != self.record.type)
        return [kind for kind, records in asked if any(r.name == self.record.name and r.type == kind for r in records)]

    def _delegated(self, subzone: ZoneCut) -> Iterator[Finding]:
        yield Finding("wrong_zone", {"name": subzone.zone, "ns": ", ".join(subzone.nameservers)})

    def _inner_zone(self) -> ZoneCut | None:
        """A zone below ours on the same servers: they answer from it, and records above the cut are not seen."""
        told = (voice.reply.soa.name for voice in self.definite if voice.reply.soa)
        inner = next((name for name in told if name.endswith(f".{self.survey.zone}")), None)
        servers = tuple(dict.fromkeys(voice.server.name for voice in self.definite))
        return ZoneCut(inner, parent_ns=servers) if inner else None

    def _from_catch_all(self) -> bool:
        """Whether the random sibling of the name answers the same (RFC 4592)."""
        beside = Question(sibling(self.record.name), self.record.type)
        shown = {_data(reply, beside.name) for reply in self.survey.asked(beside.name, beside.type).values()}
        own = {_data(voice.reply, self.record.name) for voice in self.definite}
        return bool(shown & own - {frozenset()})

    def _alias_beside_data(self) -> Iterator[Finding]:
        """CNAME and other data at one name from one server: forbidden (RFC 1034 section 3.6.2)."""
        kinds: dict[Server, set[str]] = {}
        for table in (self.survey.replies, self.survey.probes):
            for question, asked in table.items():
                if question.name == self.record.name:
                    for server, reply in asked.items():
                        kinds.setdefault(server, set()).update(r.type for r in reply.answers if r.name == question.name)
        if any("CNAME" in found and len(found - {"RRSIG"}) > 1 for found in kinds.values()):
            yield Finding("cname_and_data", {"name": self.record.name}, self.definite[0].judgement.found)

    def _silent_voice(self) -> bool:
        """A server that serves the zone but did not answer this question: nothing may be called missing yet."""
        alive = {s for asked in self.survey.replies.values() for s, reply in asked.items() if reply.outcome.definite}
        silent = [voice for voice in self.voices if not voice.standing.definite and voice.server in alive]
        answering = {voice.server.name for voice in self.definite}
        listed = {voice.server.name for voice in self.voices if voice.standing is not Standing.NOT_TESTED}
        passing = [voice for voice in silent if voice.standing in (Standing.TIMEOUT, Standing.SERVFAIL, Standing.ERROR)]
        return bool(passing or self.survey.cut.unresolved) or 2 * len(answering) < len(listed)

    # --- the verdict -----------------------------------------------------------------------------------------

    def _result(self, findings: list[Finding]) -> Verdict:
        first, *rest = _ranked(findings, right=bool(self.right))
        return Verdict(
            record=self.record,
            state=self._state(first),
            finding=first,
            details=tuple(rest),
            servers=self.answers,
            resolvers=self.waits,
            wait_seconds=max((answer.seconds for answer in self.waits), default=0),
            definite_bad=self._is_definitely_bad(),
        )

    def _is_definitely_bad(self) -> bool:
        if self.survey.delegation is Delegation.GONE:
            return True
        return bool(self.definite) and not self.right and not self._silent_voice()

    def _state(self, first: Finding) -> State:
        entry = ENTRIES[first.code]
        all_right = bool(self.right) and len(self.right) == len(self.definite)
        if first.code == "ok" and not nameservers.quorum(self.answers):
            return State.AMBER
        if not entry.note:
            return entry.state
        if all_right:
            return State.GREEN_NOTE if nameservers.quorum(self.answers) else State.AMBER
        return entry.state if entry.state is not State.GREEN_NOTE else State.RED


def _standing(reply: Reply, judgement: Judgement) -> Standing:
    if not reply.outcome.definite:
        return OUTCOMES[reply.outcome]
    if judgement.missing:
        return Standing.MISSING
    return Standing.RIGHT if judgement.right else Standing.WRONG


OUTCOMES: Mapping[Outcome, Standing] = {
    Outcome.REFERRAL: Standing.DELEGATED,
    Outcome.LAME: Standing.LAME,
    Outcome.SERVFAIL: Standing.SERVFAIL,
    Outcome.TIMEOUT: Standing.TIMEOUT,
    Outcome.TCP_FAILED: Standing.TCP_FAILED,
    Outcome.ERROR: Standing.ERROR,
    Outcome.NOT_TESTED: Standing.NOT_TESTED,
}


def _data(reply: Reply, name: str) -> frozenset[tuple[object, ...]]:
    """The data at `name`, without the name and TTL, for comparing two names."""
    return frozenset((r.type, r.strings, r.target, r.preference) for r in reply.answers if r.name == name)


def _newest(voices: Sequence[_Voice], survey: Survey) -> _Voice:
    """The voice of the server with the highest SOA serial."""
    return max(voices, key=lambda voice: survey.serials.get(voice.server, -1))


def _ranked(findings: list[Finding], *, right: bool) -> list[Finding]:
    """Most important first; `ok` yields to all else, and trouble with a server to what the others say is wrong."""
    unique = {finding.code: finding for finding in reversed(findings)}.values()

    def rank(finding: Finding) -> tuple[bool, bool, int]:
        return finding.code == "ok", not right and finding.code in nameservers.TROUBLES, finding.rank

    return sorted(unique, key=rank)
