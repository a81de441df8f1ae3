"""One check of a domain (design 4.1): zone cut, all authoritative servers, probes on a miss, resolvers when all agree."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from whitelabel import effects
from whitelabel.records import ExpectedRecord
from whitelabel.survey import questions as ask_about
from whitelabel.survey import wire
from whitelabel.survey.limits import REMEMBERED_REPLIES, CircuitBreaker, Memory, ProbeMemory, TokenBuckets, remember
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.transport import Ask, Asker, Transport, in_zone
from whitelabel.survey.values import Delegation, Outcome, Question, Replies, Reply, Server, Survey, ZoneCut
from whitelabel.survey.zone import ZoneFinder, merged, registrable_domain

MAX_SPF_INCLUDES = 20
MAX_SUBZONES = 2
ABOVE_GRACE_SECONDS = 0.3


def new_memory(settings: SurveySettings) -> Memory:
    """An empty memory for these limits."""
    return Memory(
        buckets=TokenBuckets(settings.queries_per_second, settings.query_burst),
        breaker=CircuitBreaker(settings.breaker_timeouts, settings.breaker_seconds),
    )


@lru_cache(maxsize=4)
def process_memory(settings: SurveySettings) -> Memory:
    """The memory all surveys of this process share, so that limits hold across organizations."""
    return new_memory(settings)


async def survey(
    expected: Sequence[ExpectedRecord],
    domain: str,
    *,
    settings: SurveySettings,
    memory: Memory | None = None,
    transport: Asker | None = None,
) -> Survey:
    """Ask the DNS about the expected records of `domain` (A-label). Never raises for what servers do.

    A long-lived caller passes its own open `transport`; otherwise one is opened for this survey.
    """
    if memory is None:
        memory = process_memory(settings)
    if transport is not None:
        return await _Surveyor(transport, memory, expected, domain).run()
    async with Transport(settings, memory) as opened:
        return await _Surveyor(opened, memory, expected, domain).run()


def survey_now(expected: Sequence[ExpectedRecord], domain: str, *, settings: SurveySettings) -> Survey:
    """`survey` for synchronous callers (commands, Celery tasks)."""
    return asyncio.run(survey(expected, domain, settings=settings))


class _Surveyor:
    def __init__(self, transport: Asker, memory: Memory, expected: Sequence[ExpectedRecord], domain: str) -> None:
        self.transport = transport
        self.settings = transport.settings
        self.memory = memory
        self.expected = tuple(expected)
        self.domain = domain
        self.deadline = asyncio.get_running_loop().time() + self.settings.wall_seconds
        self.finder = ZoneFinder(transport, memory, self.deadline)
        self.budget = self.settings.max_queries
        self.replies: dict[Question, dict[Server, Reply]] = {}
        self.probes: dict[Question, dict[Server, Reply]] = {}
        self.resolved: dict[Question, Reply] = {}
        self.subzones: list[ZoneCut] = []

    async def run(self) -> Survey:
        started = time.monotonic()
        found = await self.finder.find(self.domain)
        self.cut = found.cut
        recursive: Replies = {}
        unchecked: Replies = {}
        if found.delegation is Delegation.FOUND:
            above = asyncio.create_task(self._ask_above())
            await self._ask_authoritative()
            await self._follow_aliases()
            self.lacking = {record for record in self.expected if self._lacks(record)}
            await self._probe()
            recursive, unchecked = await self._ask_resolvers()
            await self._join(above)
        self.finder.close()
        return Survey(
            domain=self.domain,
            delegation=found.delegation,
            cut=self.cut,
            replies=self.replies,
            probes=self.probes,
            resolved=self.resolved,
            recursive=recursive,
            unchecked=unchecked,
            serials=self._serials(),
            subzones=tuple(self.subzones),
            queries=self.settings.max_queries - self.budget,
            seconds=time.monotonic() - started,
        )

    # --- authoritative servers -------------------------------------------------------------------------------

    async def _ask_authoritative(self) -> None:
        wanted = ask_about.main_questions(self.expected, self.cut.zone)
        fresh = () if self.cut.child_ns else (Question(self.cut.zone, "NS"),)
        await self._ask_servers((*wanted, *fresh), self.cut)
        await self._ask_unlisted(wanted)
        if full := await self.finder.late_parent(self.domain, self.cut):
            late = tuple(server for server in full.servers if server not in self.cut.servers)
            self.cut = full
            await self._ask_servers(wanted, replace(full, servers=late))
        for _ in range(MAX_SUBZONES):
            if not await self._ask_subzone(wanted):
                break
        if not any(reply.outcome.definite for asked in self.replies.values() for reply in asked.values()):
            self.memory.cuts.pop(self.domain, None)

    async def _ask_servers(self, wanted: Iterable[Question], cut: ZoneCut) -> None:
        asks = [Ask(server, question) for question in wanted for server in cut.servers]
        for ask, reply in zip(asks, await self._ask(asks), strict=False):
            self.replies.setdefault(ask.question, {})[ask.server] = in_zone(reply, cut.zone)

    async def _ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Ask within the budget of this check; questions beyond it are not asked."""
        asks = asks[: self.budget]
        self.budget -= len(asks)
        return await self.transport.ask(asks, deadline=self.deadline)

    async def _ask_unlisted(self, wanted: Iterable[Question]) -> None:
        """The zone's own NS set may name servers that the parent does not list: they are asked as well."""
        if self.cut.child_ns:
            return
        replies = self.replies.get(Question(self.cut.zone, "NS"), {})
        names = {record.target for reply in replies.values() for record in reply.of_type("NS")}
        unlisted = tuple(sorted(names - set(self.cut.nameservers)))
        self.cut = replace(self.cut, child_ns=tuple(sorted(names)))
        if unlisted:
            glue = [record for reply in replies.values() for record in reply.glue]
            extra = await self.finder.with_servers(ZoneCut(self.cut.zone, child_ns=unlisted), glue)
            self.cut = merged(self.cut, extra, self.settings.max_addresses)
            await self._ask_servers(wanted, extra)

    async def _ask_subzone(self, wanted: Iterable[Question]) -> bool:
        """Follow a delegation below the zone (`mgeu NS …`): the records under it count where it leads."""
        known = {cut.zone for cut in self.subzones}
        referrals = (reply for asked in self.replies.values() for reply in asked.values())
        referral = next((r for r in referrals if r.outcome is Outcome.REFERRAL and r.cut not in known), None)
        if referral is None:
            return False
        bare = ZoneCut(referral.cut, parent_ns=tuple(sorted(referral.nameservers)))
        cut = await self.finder.with_servers(bare, referral.glue)
        self.subzones.append(cut)
        below = [q for q in wanted if q.name == cut.zone or q.name.endswith(f".{cut.zone}")]
        await self._ask_servers(below, cut)
        return True

    def _serials(self) -> Mapping[Server, int]:
        asked = self.replies.get(Question(self.cut.zone, "SOA"), {})
        return {server: reply.soa.serial for server, reply in asked.items() if reply.soa and reply.outcome.definite}

    # --- aliases and includes --------------------------------------------------------------------------------

    async def _follow_aliases(self) -> None:
        """Resolve where aliases lead and what foreign SPF includes hold, as far as a verdict needs it."""
        for _ in range(self.settings.max_alias_steps):
            open_ends = self._open_ends()
            if not open_ends:
                break
            for question, reply in zip(open_ends, await self.finder.resolve(open_ends), strict=True):
                self.resolved[question] = reply
        copies = [Question(r.target, "TXT") for r in self.expected if r.type == "CNAME" and self._has_text(r)]
        copies = [question for question in dict.fromkeys(copies) if question not in self.resolved]
        self.resolved.update(zip(copies, await self.finder.resolve(copies), strict=True))
        await self._follow_includes()
        await self._follow_exchanges()

    def _has_text(self, record: ExpectedRecord) -> bool:
        """Whether TXT stands at the name of an alias row: perhaps a copy of what our target holds."""
        asked = self.replies.get(Question(record.name, "TXT"), {})
        return any(r.name == record.name for reply in asked.values() for r in reply.of_type("TXT"))

    def _open_ends(self) -> list[Question]:
        ends: dict[Question, None] = {}
        for question, asked in self.replies.items():
            for reply in asked.values():
                if reply.outcome is Outcome.ANSWER and reply.of_type("CNAME"):
                    seen = effects.seen(reply, question, self.resolved)
                    if seen.unresolved and seen.unresolved not in self.resolved:
                        ends[seen.unresolved] = None
        return list(ends)

    async def _follow_includes(self) -> None:
        for record in self.expected:
            if record.kind != "spf":
                continue
            waiting = effects.foreign_includes(self._texts(record), effects.our_spf_domain(record))
            for _ in range(MAX_SPF_INCLUDES):
                wanted = [Question(name, "TXT") for name in waiting if Question(name, "TXT") not in self.resolved]
                if not wanted or len(self.resolved) > MAX_SPF_INCLUDES:
                    break
                replies = await self.finder.resolve(wanted[:MAX_SPF_INCLUDES])
                self.resolved.update(zip(wanted, replies, strict=False))
                texts = [text for reply in replies for text in effects.spf_records(reply.answers)]
                waiting = effects.foreign_includes(texts, effects.our_spf_domain(record))

    def _texts(self, record: ExpectedRecord) -> list[str]:
        asked = self.replies.get(Question(record.name, "TXT"), {})
        return [text for reply in asked.values() for text in effects.spf_records(reply.answers)]

    async def _follow_exchanges(self) -> None:
        """MX targets that are not ours may be aliases, which RFC 2181 section 10.3 forbids."""
        ours = {record.target for record in self.expected if record.type == "MX"}
        asked = [reply for q, replies in self.replies.items() if q.type == "MX" for reply in replies.values()]
        targets = {record.target for reply in asked for record in reply.of_type("MX")} - ours - {"."}
        inside = [Question(name, "CNAME") for name in sorted(targets) if name.endswith(f".{self.cut.zone}")]
        await self._ask_once(dict.fromkeys(inside[:4], self.settings.probe_seconds))
        outside = [Question(name, "A") for name in sorted(targets) if not name.endswith(f".{self.cut.zone}")][:4]
        self.resolved.update(zip(outside, await self.finder.resolve(outside), strict=True))

    # --- DMARC above the zone --------------------------------------------------------------------------------

    def _ancestors(self) -> tuple[Question, ...]:
        wanted = any(record.kind == "dmarc" for record in self.expected)
        return ask_about.dmarc_ancestors(self.domain) if wanted else ()

    async def _ask_above(self) -> dict[Question, Reply]:
        """DMARC records of zones above: only resolvers know them."""
        above = [q for q in self._ancestors() if not q.name.endswith(f".{self.cut.zone}")]
        return dict(zip(above, await self.finder.resolve(above), strict=True))

    async def _join(self, above: asyncio.Task[dict[Question, Reply]]) -> None:
        """Take the answers from above. A registered domain does without those of its registry when they are late."""
        late = None if registrable_domain(self.domain) != self.domain else ABOVE_GRACE_SECONDS
        done, _ = await asyncio.wait({above}, timeout=late)
        if done:
            self.resolved.update(above.result())
        else:
            above.cancel()

    # --- probes ----------------------------------------------------------------------------------------------

    async def _probe(self) -> None:
        lacking = [record for record in self.expected if record.required and record in self.lacking]
        seconds = self.settings.probe_seconds
        beside = ask_about.extra_questions(self.expected, self.domain)
        wanted = dict.fromkeys(beside, seconds if lacking else self.settings.probe_when_right_seconds)
        wanted |= dict.fromkeys((q for q in self._ancestors() if q.name.endswith(f".{self.cut.zone}")), seconds)
        for record in lacking:
            places = ask_about.probe_questions(record, self.cut.zone, self.settings.max_probes_per_record)
            wanted |= dict.fromkeys(places, seconds)
        await self._ask_once({question: age for question, age in wanted.items() if question not in self.replies})

    def _lacks(self, record: ExpectedRecord) -> bool:
        """Whether a server that answered does not show the record."""
        asked = self.replies.get(Question(record.name, record.type), {})
        definite = [reply for reply in asked.values() if reply.outcome.definite or reply.outcome is Outcome.REFERRAL]
        return not all(effects.shows_effect(record, reply, self.resolved) for reply in definite)

    async def _ask_once(self, wanted: Mapping[Question, float]) -> None:
        """Ask each question at one healthy address, in turn. What an unchanged zone (by its serials) answered is reused
        until it is as many seconds old as `wanted` says."""
        serials = self._serials()
        now = asyncio.get_running_loop().time()
        healthy = self._healthy()
        due: list[Ask] = []
        for position, (question, most) in enumerate(wanted.items()):
            kept = self.memory.probes.get((self.cut.zone, question))
            if kept and kept.serials == serials and now - kept.at < most:
                self.probes[question] = dict(kept.replies[question])
            elif healthy:
                due.append(Ask(healthy[position % len(healthy)], question))
        for ask, reply in zip(due, await self._ask(due), strict=False):
            self.probes[ask.question] = {ask.server: in_zone(reply, self.cut.zone)}
            if reply.outcome.definite:
                kept = ProbeMemory(now, serials, {ask.question: self.probes[ask.question]})
                remember(self.memory.probes, (self.cut.zone, ask.question), kept, REMEMBERED_REPLIES)

    def _healthy(self) -> list[Server]:
        """Servers of the zone that answered everything so far; if there are none, those that answered something."""
        spoke = [(s, reply.outcome.definite) for asked in self.replies.values() for s, reply in asked.items()]
        answered = {server for server, definite in spoke if definite}
        faultless = answered - {server for server, definite in spoke if not definite}
        return [server for server in self.cut.servers if server in (faultless or answered)]

    # --- resolvers -------------------------------------------------------------------------------------------

    async def _ask_resolvers(self) -> tuple[Replies, Replies]:
        """Only records that every answering authoritative server shows are asked at resolvers (design 4.1, step 7)."""
        agreed = [Question(r.name, r.type) for r in self.expected if self._agreed(r)]
        recursive = await self._recursive(agreed, wire.FLAGS_RECURSIVE)
        failed = [q for q, asked in recursive.items() if any(r.outcome is Outcome.SERVFAIL for r in asked.values())]
        return recursive, await self._recursive(failed, wire.FLAGS_UNCHECKED)

    def _agreed(self, record: ExpectedRecord) -> bool:
        asked = self.replies.get(Question(record.name, record.type), {})
        return any(reply.outcome.definite for reply in asked.values()) and record not in self.lacking

    async def _recursive(self, wanted: Sequence[Question], flags: int) -> Replies:
        asks = [
            Ask(resolver, question, flags) for question in dict.fromkeys(wanted) for resolver in self.settings.resolvers
        ]
        table: dict[Question, dict[Server, Reply]] = {}
        for ask, reply in zip(asks, await self.transport.ask(asks, deadline=self.deadline), strict=True):
            table.setdefault(ask.question, {})[ask.server] = reply
        return table
