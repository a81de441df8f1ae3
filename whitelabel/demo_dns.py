"""The DNS of local mode: zones of the demo domains and of the service itself, answered on loopback.

The state is a small JSON file that `manage.py demo_dns publish|break|unpublish` rewrites and the running server reads
again whenever it changed, so a change shows at once, as if IT staff had saved it at a fast DNS host.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dnslib import AAAA, CNAME, MX, NS, QTYPE, RCODE, RR, SOA, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer

from whitelabel.records import ExpectedRecord, split_strings

LOOPBACK = "127.0.0.1"
TTL_SECONDS = 60
UDP_OCTETS = 1232
NAMESERVERS = ("ns1", "ns2")


@dataclass(frozen=True)
class DemoRecord:
    """One record of a demo zone: full name without final dot, type, value as one types it."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class DemoZone:
    """A demo domain: what stands in it before anybody published our records, and those records."""

    domain: str
    serial: int = 1
    published: tuple[DemoRecord, ...] = ()

    @property
    def records(self) -> tuple[DemoRecord, ...]:
        """Everything in the zone but SOA and NS."""
        return (*_before(self.domain), *self.published)

    def with_records(self, published: Iterable[DemoRecord]) -> DemoZone:
        """The zone after an edit: new records, next serial."""
        return replace(self, serial=self.serial + 1, published=tuple(published))


def _before(domain: str) -> tuple[DemoRecord, ...]:
    """A customer's zone as it was: own mail server, own SPF, a relaxed DMARC policy."""
    hosts = tuple(DemoRecord(f"{host}.{domain}", "A", LOOPBACK) for host in (*NAMESERVERS, "mail", "www"))
    return (
        *hosts,
        DemoRecord(domain, "A", LOOPBACK),
        DemoRecord(domain, "MX", f"10 mail.{domain}."),
        DemoRecord(domain, "TXT", "v=spf1 mx -all"),
        DemoRecord(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=quarantine"),
    )


def service_zone(mail_domain: str, signing: Mapping[str, str] | None = None) -> DemoZone:
    """The service's own zone: SPF for the include, MX hosts, DMARC, and its DKIM keys (`signing`: selector → p=)."""
    spf = f"v=spf1 ip4:{LOOPBACK} ip6:::1 ~all"
    keys = (
        DemoRecord(f"{selector}._domainkey.{mail_domain}", "TXT", f"v=DKIM1; k=rsa; p={key}")
        for selector, key in (signing or {}).items()
    )
    return DemoZone(
        mail_domain,
        published=(
            DemoRecord(f"_spf.{mail_domain}", "TXT", spf),
            DemoRecord(f"mx1.{mail_domain}", "A", LOOPBACK),
            DemoRecord(f"mx2.{mail_domain}", "A", LOOPBACK),
            *keys,
        ),
    )


@dataclass
class DemoState:
    """The zones on file. `load` after every change by somebody else, `save` writes in one step."""

    path: Path
    zones: dict[str, DemoZone] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, domains: Iterable[str] = ()) -> DemoState:
        """Read the file; `domains` are there from the start."""
        zones = {domain: DemoZone(domain) for domain in domains}
        if path.exists():
            for row in json.loads(path.read_text(encoding="utf-8")):
                published = tuple(DemoRecord(**record) for record in row["published"])
                zones[row["domain"]] = DemoZone(row["domain"], row["serial"], published)
        return cls(path, zones)

    def zone(self, domain: str) -> DemoZone:
        """The zone of a domain, new when it is not on file."""
        return self.zones.get(domain, DemoZone(domain))

    def put(self, zone: DemoZone) -> None:
        """Keep the zone and write the file, so that a reader sees the old or the new one, never half of it."""
        self.zones[zone.domain] = zone
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_suffix(f".{os.getpid()}.tmp")
        half.write_text(json.dumps([asdict(zone) for zone in self.zones.values()], indent=1), encoding="utf-8")
        half.replace(self.path)


def published(records: Iterable[ExpectedRecord]) -> tuple[DemoRecord, ...]:
    """The records as careful IT staff enter them; the DMARC advice is left out, the demo zones have a policy."""
    return tuple(DemoRecord(record.name, record.type, record.value) for record in records if record.kind != "dmarc")


def broken(records: Iterable[ExpectedRecord], how: Iterable[str]) -> tuple[DemoRecord, ...]:
    """The records with the faults named in `how` (keys of `FAULTS`)."""
    wanted = [FAULTS[name] for name in how]
    result: list[DemoRecord] = []
    for expected in records:
        if expected.kind == "dmarc":
            continue
        record: DemoRecord | None = DemoRecord(expected.name, expected.type, expected.value)
        for fault in wanted:
            record = fault(expected, record) if record else None
        if record:
            result.append(record)
    return tuple(result)


Fault = Callable[[ExpectedRecord, DemoRecord], DemoRecord | None]


def _spf_not_us(expected: ExpectedRecord, record: DemoRecord) -> DemoRecord:
    return replace(record, value="v=spf1 mx -all") if expected.kind == "spf" else record


def _truncated_255(expected: ExpectedRecord, record: DemoRecord) -> DemoRecord:
    first_key = expected.kind == "dkim" and record.name.startswith("k1.")
    return replace(record, value=record.value[:255]) if first_key else record


def _doubled_name(expected: ExpectedRecord, record: DemoRecord) -> DemoRecord:
    return replace(record, name=f"{record.name}.{expected.domain}") if expected.kind == "mx" else record


def _owner_missing(expected: ExpectedRecord, record: DemoRecord) -> DemoRecord | None:
    return None if expected.kind == "owner" else record


FAULTS: Mapping[str, Fault] = {
    "spf_not_us": _spf_not_us,
    "truncated_255": _truncated_255,
    "doubled_name": _doubled_name,
    "owner_missing": _owner_missing,
}


class DemoResolver(BaseResolver):
    """Answers for the zones on file and the service's zone; everything else is refused."""

    def __init__(self, path: Path, domains: Iterable[str], own: DemoZone, negative_ttl_seconds: int) -> None:
        self.path = path
        self.domains = tuple(domains)
        self.own = own
        self.negative_ttl = negative_ttl_seconds
        self._stamp: tuple[int, int] | None = None
        self._zones: dict[str, DemoZone] = {}
        self._refresh()

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        """One reply, aliases inside our zones followed."""
        self._refresh()
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        kind = QTYPE[request.q.qtype]
        zone = self._zone_of(name)
        if zone is None:
            reply.header.rcode = RCODE.REFUSED
            reply.header.aa = 0
            return reply
        self._answer(reply, zone, name, kind)
        return reply

    def _refresh(self) -> None:
        """Read the file again when it is another one than last time."""
        found = self.path.stat() if self.path.exists() else None
        stamp = (found.st_mtime_ns, found.st_ino) if found else None
        if stamp != self._stamp or not self._zones:
            zones = DemoState.load(self.path, self.domains).zones
            self._zones = {**zones, self.own.domain: self.own}
            self._stamp = stamp

    def _zone_of(self, name: str) -> DemoZone | None:
        holding = [z for domain, z in self._zones.items() if name == domain or name.endswith(f".{domain}")]
        return max(holding, key=lambda zone: len(zone.domain), default=None)

    def _answer(self, reply: DNSRecord, zone: DemoZone, name: str, kind: str) -> None:
        records = [record for record in (*zone.records, *_fixed(zone)) if record.name == name]
        for record in records:
            if record.type in (kind, "CNAME") or kind == "ANY":
                reply.add_answer(_resource(record))
        if not reply.rr and name == zone.domain and kind == "SOA":
            reply.add_answer(self._soa(zone))
        if reply.rr:
            return
        exists = any(record.name == name or record.name.endswith(f".{name}") for record in zone.records)
        reply.header.rcode = RCODE.NOERROR if exists or name == zone.domain else RCODE.NXDOMAIN
        reply.add_auth(self._soa(zone))

    def _soa(self, zone: DemoZone) -> RR:
        times = (zone.serial, 60, 60, 3600, self.negative_ttl)
        data = SOA(f"ns1.{zone.domain}", f"hostmaster.{zone.domain}", times)
        return RR(zone.domain, QTYPE.SOA, rdata=data, ttl=self.negative_ttl)


def _fixed(zone: DemoZone) -> tuple[DemoRecord, ...]:
    return tuple(DemoRecord(zone.domain, "NS", f"{host}.{zone.domain}.") for host in NAMESERVERS)


def _resource(record: DemoRecord) -> RR:
    make: Mapping[str, Callable[[str], Any]] = {
        "TXT": lambda value: TXT([part.encode() for part in split_strings(value)]),
        "MX": lambda value: MX(value.split()[1], int(value.split()[0])),
        "CNAME": CNAME,
        "NS": NS,
        "A": A,
        "AAAA": AAAA,
    }
    return RR(record.name, getattr(QTYPE, record.type), rdata=make[record.type](record.value), ttl=TTL_SECONDS)


class _Handler(DNSHandler):
    """UDP answers above the EDNS size we use are truncated, so that TCP is tried."""

    udplen = UDP_OCTETS


def start(resolver: DemoResolver, port: int) -> tuple[DNSServer, DNSServer]:
    """Serve UDP and TCP on loopback in background threads. Raises OSError when the port is taken."""
    quiet = _Silent()
    udp = DNSServer(resolver, LOOPBACK, port, handler=_Handler, logger=quiet)
    tcp = DNSServer(resolver, LOOPBACK, port, tcp=True, handler=_Handler, logger=quiet)
    udp.start_thread()
    tcp.start_thread()
    return udp, tcp


class _Silent:
    """dnslib logs every packet; a demo should be quiet."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None
