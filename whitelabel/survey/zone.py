"""Finding who serves a domain: the zone cut, the parent's and the zone's own nameservers, their addresses.

The names of new records are never asked at a resolver here: that would make it remember "does not exist".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from whitelabel.organizational_domains import suffixes
from whitelabel.survey import wire
from whitelabel.survey.addresses import refusal
from whitelabel.survey.limits import REMEMBERED_SERVERS, REMEMBERED_ZONES, Memory, remember
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.transport import Ask, Asker, in_zone
from whitelabel.survey.values import Delegation, Outcome, Question, Record, Reply, Server, ZoneCut

PARENT_SERVERS = 3
PARENT_SECONDS = 3.0
PARENT_GRACE_SECONDS = 0.2
PARENT_LATE_SECONDS = 1.5
PARENT_UNKNOWN = Reply(Outcome.ERROR, reason="parent unknown")
LEADING_RESOLVERS = 2


def registrable_domain(domain: str) -> str:
    """The domain one registers, by the public suffix list; the domain itself when it is a suffix."""
    return suffixes(only_icann=True).privatesuffix(domain) or domain


@dataclass(frozen=True)
class Found:
    """How the search ended and the zone, if any."""

    delegation: Delegation
    cut: ZoneCut


class ZoneFinder:
    """Looks zones up through one transport until `deadline` (loop clock)."""

    def __init__(self, transport: Asker, memory: Memory, deadline: float) -> None:
        self.transport = transport
        self.memory = memory
        self.settings: SurveySettings = transport.settings
        self.deadline = deadline
        self._late: dict[str, tuple[float, asyncio.Task[Reply]]] = {}

    async def find(self, domain: str) -> Found:
        """The deepest zone that holds `domain`, remembered as long as its NS records allow."""
        now = asyncio.get_running_loop().time()
        kept = self.memory.cuts.get(domain)
        if kept and kept[0] > now:
            return Found(Delegation.FOUND, kept[1])
        found = await self._registered(registrable_domain(domain))
        if found.delegation is not Delegation.FOUND:
            return found
        cut = await self._descend(found.cut, domain)
        if cut.servers and not cut.unresolved:
            expires = now + min(cut.ttl, self.settings.cut_seconds)
            remember(self.memory.cuts, domain, (expires, cut), REMEMBERED_ZONES)
        return Found(Delegation.FOUND, cut)

    async def resolve(self, questions: Sequence[Question]) -> list[Reply]:
        """The resolvers' replies: from the first that answers definitely, the others only when none of them does."""
        return list(await asyncio.gather(*(self._resolve(question) for question in questions)))

    async def _resolve(self, question: Question) -> Reply:
        reply = Reply(Outcome.ERROR, reason="no resolver")
        for resolvers in (self.settings.resolvers[:LEADING_RESOLVERS], self.settings.resolvers[LEADING_RESOLVERS:]):
            asks = [Ask(resolver, question, wire.FLAGS_RECURSIVE) for resolver in resolvers]
            replies = await self.transport.ask(asks, deadline=self.deadline, accept=lambda r: r.outcome.definite)
            for reply in sorted(replies, key=lambda r: (not r.outcome.definite, r.outcome is not Outcome.SERVFAIL)):
                if reply.outcome.definite:
                    return reply
                break
        return reply

    async def _registered(self, zone: str) -> Found:
        own, referral = await self._both_views(zone)
        child_ns = tuple(sorted({record.target for record in own.of_type("NS")}))
        if not child_ns and not referral.nameservers:
            return Found(await self._why_none(zone, own, referral), ZoneCut(zone))
        ttl = min((record.ttl for record in own.of_type("NS")), default=0)
        cut = ZoneCut(zone, parent_ns=tuple(sorted(referral.nameservers)), child_ns=child_ns, ttl=ttl)
        return Found(Delegation.FOUND, await self.with_servers(cut, referral.glue + own.glue))

    async def _both_views(self, zone: str) -> tuple[Reply, Reply]:
        """What the zone says of itself and what its parent says. A slow parent is not waited for: see `late_parent`."""
        asking = asyncio.create_task(self._parent_view(zone))
        own = await self._resolve(Question(zone, "NS"))
        await asyncio.wait({asking}, timeout=PARENT_GRACE_SECONDS if own.of_type("NS") else PARENT_SECONDS)
        if asking.done():
            return own, asking.result()
        self._late[zone] = (asyncio.get_running_loop().time() + PARENT_LATE_SECONDS, asking)
        return own, PARENT_UNKNOWN

    async def late_parent(self, domain: str, cut: ZoneCut) -> ZoneCut | None:
        """The parent's view when it came after `find` had to go on: nameservers that only the parent lists.

        None when there is nothing new. The remembered cut is completed either way.
        """
        if cut.zone not in self._late:
            return None
        until, asking = self._late.pop(cut.zone)
        await asyncio.wait({asking}, timeout=max(0.0, until - asyncio.get_running_loop().time()))
        if not asking.done():
            asking.cancel()
            return None
        listed = tuple(sorted(asking.result().nameservers))
        only_parent = tuple(name for name in listed if name not in cut.child_ns)
        extra = await self.with_servers(ZoneCut(cut.zone, parent_ns=only_parent), asking.result().glue)
        full = merged(replace(cut, parent_ns=listed), extra, self.settings.max_addresses)
        if domain in self.memory.cuts:
            remember(self.memory.cuts, domain, (self.memory.cuts[domain][0], full), REMEMBERED_ZONES)
        return full

    def close(self) -> None:
        """Stop what is still being asked."""
        for _, asking in self._late.values():
            asking.cancel()

    async def _why_none(self, zone: str, own: Reply, referral: Reply) -> Delegation:
        if referral.outcome is Outcome.NXDOMAIN or own.outcome is Outcome.NODATA:
            return Delegation.GONE
        if own.outcome is Outcome.NXDOMAIN:
            asks = [Ask(resolver, Question(zone, "NS"), wire.FLAGS_RECURSIVE) for resolver in self.settings.resolvers]
            everyone = await self.transport.ask(asks, deadline=self.deadline)
            agreed = all(r.outcome is Outcome.NXDOMAIN for r in everyone if r.outcome.definite)
            return Delegation.GONE if agreed else Delegation.SERVFAIL
        return Delegation.UNREACHABLE if own.outcome is Outcome.TIMEOUT else Delegation.SERVFAIL

    async def _parent_view(self, zone: str) -> Reply:
        """The referral of the parent's servers (RFC 1034 section 4.2.1); an error reply when they cannot be asked."""
        parent = zone.partition(".")[2]
        if not parent:
            return PARENT_UNKNOWN
        parent_cut = await self._parent_cut(parent)
        asks = [Ask(server, Question(zone, "NS")) for server in parent_cut.servers[:PARENT_SERVERS]]
        until = min(self.deadline, asyncio.get_running_loop().time() + PARENT_SECONDS)
        replies = await self.transport.ask(asks, deadline=until, accept=lambda r: _names_zone(r, zone))
        wanted = [reply for reply in replies if _names_zone(reply, zone)]
        return wanted[0] if wanted else PARENT_UNKNOWN

    async def _parent_cut(self, parent: str) -> ZoneCut:
        """Some servers of a registry, remembered: it is the same one for most domains."""
        now = asyncio.get_running_loop().time()
        kept = self.memory.parents.get(parent)
        if kept and kept[0] > now:
            return kept[1]
        (listed,) = await self.resolve([Question(parent, "NS")])
        own = [record for record in listed.of_type("NS") if record.name == parent]
        names = tuple(record.target for record in own)
        cut = await self.with_servers(ZoneCut(parent, parent_ns=names[:PARENT_SERVERS]), listed.glue)
        if cut.servers and not cut.unresolved:
            expires = now + min(self.settings.cut_seconds, *(record.ttl for record in own))
            remember(self.memory.parents, parent, (expires, cut), REMEMBERED_ZONES)
        return cut

    async def _descend(self, cut: ZoneCut, domain: str) -> ZoneCut:
        """Follow referrals from `cut` down to the zone that holds `domain`."""
        for _ in range(self.settings.max_referrals):
            if cut.zone == domain or not cut.servers:
                break
            asks = [Ask(server, Question(domain, "NS")) for server in cut.servers[:PARENT_SERVERS]]
            replies = await self.transport.ask(
                asks, deadline=self.deadline, accept=lambda r: r.outcome.definite or bool(r.cut)
            )
            deeper = next(filter(None, (self._deeper(in_zone(reply, cut.zone), domain) for reply in replies)), None)
            if deeper is None:
                break
            cut = await self.with_servers(*deeper)
        return cut

    def _deeper(self, reply: Reply, domain: str) -> tuple[ZoneCut, tuple[Record, ...]] | None:
        """The zone a reply leads to: a referral, or NS records from a server that serves parent and child."""
        if reply.outcome is Outcome.REFERRAL and _covers(reply.cut, domain):
            return ZoneCut(reply.cut, parent_ns=reply.nameservers, ttl=int(self.settings.cut_seconds)), reply.glue
        names = tuple(record.target for record in reply.of_type("NS") if record.name == domain)
        if reply.outcome is Outcome.ANSWER and names:
            return ZoneCut(domain, child_ns=names, ttl=reply.of_type("NS")[0].ttl), reply.glue
        return None

    async def with_servers(self, cut: ZoneCut, glue: Iterable[Record]) -> ZoneCut:
        """`cut` with the addresses of its nameservers: glue inside the zone, otherwise the resolvers' answer.

        Addresses that must not be asked are left out here, once; queries go to the filtered address itself.
        """
        names = cut.nameservers[: self.settings.max_nameservers]
        addresses: dict[str, list[str]] = {name: [] for name in names}
        for record in glue:
            if record.type in ("A", "AAAA") and record.name in addresses and _covers(cut.zone, record.name):
                addresses[record.name].append(record.target)
        now = asyncio.get_running_loop().time()
        for name in names:
            until, kept = self.memory.addresses.get(name, (now, ()))
            if until > now and not addresses[name]:
                addresses[name] += kept
        unknown = [name for name in names if not addresses[name]]
        failed: set[str] = set()
        for name, (found, ttl, complete) in zip(unknown, await self._addresses(unknown), strict=True):
            addresses[name] += found
            if not complete:
                failed.add(name)
            elif found:
                expires = now + min(self.settings.cut_seconds, ttl)
                remember(self.memory.addresses, name, (expires, found), REMEMBERED_SERVERS)
        unresolved = tuple(name for name in unknown if name in failed and not addresses[name])
        return replace(self._filtered(cut, addresses), unresolved=unresolved)

    async def _addresses(self, names: Sequence[str]) -> list[tuple[tuple[str, ...], int, bool]]:
        """Per name its addresses of both families, how long they hold (seconds), and whether both questions were answered."""
        wanted = [Question(name, kind) for name in names for kind in ("A", "AAAA")]
        replies = await self.resolve(wanted)
        told: list[tuple[tuple[str, ...], int, bool]] = []
        for both in zip(replies[::2], replies[1::2], strict=True):
            records = [
                record for reply, kind in zip(both, ("A", "AAAA"), strict=True) for record in reply.of_type(kind)
            ]
            ttl = min((record.ttl for record in records), default=0)
            complete = all(reply.outcome.definite for reply in both)
            told.append((tuple(record.target for record in records), ttl, complete))
        return told

    def _filtered(self, cut: ZoneCut, addresses: dict[str, list[str]]) -> ZoneCut:
        allowed: dict[str, list[str]] = {}
        refused: list[tuple[str, str]] = []
        for name, found in addresses.items():
            for address in dict.fromkeys(found):
                if self._refuses(address):
                    refused.append((name, address))
                else:
                    allowed.setdefault(name, []).append(address)
        port, most = self.settings.authoritative_port, self.settings.max_addresses
        # One address of every nameserver before the second address of any.
        ranked = sorted(
            (place, name, address) for name, found in allowed.items() for place, address in enumerate(found)
        )
        servers = tuple(Server(name, address, port) for _, name, address in ranked[:most])
        lost = tuple(name for name, found in addresses.items() if not found)
        return replace(cut, servers=servers, unaddressed=lost, refused_addresses=tuple(refused))

    def _refuses(self, address: str) -> str:
        return refusal(address, allow_private=self.settings.allow_private, own_networks=self.settings.own_networks)


def merged(cut: ZoneCut, extra: ZoneCut, most: int) -> ZoneCut:
    """`cut` with the servers of `extra` as well, at most `most` addresses."""
    return replace(
        cut,
        servers=tuple(dict.fromkeys((*cut.servers, *extra.servers)))[:most],
        unaddressed=(*cut.unaddressed, *extra.unaddressed),
        unresolved=(*cut.unresolved, *extra.unresolved),
        refused_addresses=(*cut.refused_addresses, *extra.refused_addresses),
    )


def _names_zone(reply: Reply, zone: str) -> bool:
    """Whether a parent's reply settles the question: a referral to `zone`, or "there is no such name"."""
    return (reply.outcome is Outcome.REFERRAL and reply.cut == zone) or reply.outcome is Outcome.NXDOMAIN


def _covers(zone: str, name: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
