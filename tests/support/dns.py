"""Real DNS servers on loopback for tests: authoritative servers, a resolver, and the faults honest servers refuse.

All servers of one `World` share a port and have own addresses in 127.0.0.0/8; one thread serves them all.

    with World() as world:
        zone = Zone("kund.test", "mgeu TXT \\"v=spf1 -all\\"")
        world.serve("ns1.kund.test", zone)
        settings = world.settings()
"""

from __future__ import annotations

import itertools
import random
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.support import zones
from tests.support.zones import Zone, publish
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.values import Server as SurveyServer

Fault = Callable[["Exchange"], "dns.message.Message | bytes | list[bytes] | None"]
__all__ = ["Exchange", "NameServer", "World", "Zone", "free_port", "publish"]


@dataclass
class Exchange:
    """One query as a fault sees it; `normal` is what an honest server would say."""

    query: dns.message.Message
    over_tcp: bool
    source: Any
    count: int
    normal: dns.message.Message

    @property
    def name(self) -> str:
        """Query name, lower case without final dot."""
        return self.query.question[0].name.to_text(omit_final_dot=True).lower()

    @property
    def type(self) -> str:
        """Query type as text."""
        return dns.rdatatype.to_text(self.query.question[0].rdtype)

    def with_rcode(self, rcode: dns.rcode.Rcode, *options: dns.edns.Option) -> dns.message.Message:
        """An empty reply with this code."""
        reply = dns.message.make_response(self.query)
        reply.set_rcode(rcode)
        if options:
            reply.use_edns(0, options=list(options))
        return reply


class NameServer:
    """One server address with its own copies of zones. `fault` may change or suppress any reply."""

    def __init__(self, name: str, address: str, port: int, *zones: Zone, recursive: bool = False) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.zones = {zone.origin: zone for zone in zones}
        self.recursive = recursive
        self.fault: Fault | None = None
        self.tcp = True
        self.beside_alias = False
        self.queries: list[tuple[str, str]] = []
        self._tables: dict[str, tuple[Zone, dict[tuple[str, str], list[tuple[int, Any]]]]] = {}

    def load(self, zone: Zone) -> None:
        """Replace a zone, as a reload would. A mistake in its text raises here."""
        self._tables[zone.origin] = (zone, zone.records())
        self.zones[zone.origin] = zone

    def respond(self, data: bytes, over_tcp: bool, source: Any) -> list[bytes]:
        """The datagrams or messages to send back."""
        query = dns.message.from_wire(data)
        exchange = Exchange(query, over_tcp, source, len(self.queries), self._answer(query))
        self.queries.append((exchange.name, exchange.type))
        reply = self.fault(exchange) if self.fault else exchange.normal
        if reply is None:
            return []
        if isinstance(reply, list):
            return reply
        if isinstance(reply, bytes):
            return [reply]
        return [_to_wire(reply, query, over_tcp)]

    # --- what an honest server says ----------------------------------------------------------------------------

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        if self.recursive:
            reply.flags |= dns.flags.RA
        for _ in range(12):
            following = self._step(reply, name, kind)
            if following is None:
                return reply
            name = following
        reply.set_rcode(dns.rcode.SERVFAIL if self.recursive else dns.rcode.NOERROR)
        return reply

    def _step(self, reply: dns.message.Message, name: str, kind: str) -> str | None:
        """Add what stands at `name`; the target when it is an alias to follow."""
        zone = self._zone_of(name)
        if zone is None:
            if not reply.answer:
                reply.set_rcode(dns.rcode.REFUSED)
            elif self.recursive:
                reply.answer.clear()
                reply.set_rcode(dns.rcode.SERVFAIL)
            return None
        table = self._table(zone)
        if not self.recursive:
            if cut := zones.cut(table, name, zone.origin):
                zones.refer(reply, table, cut)
                return None
            reply.flags |= dns.flags.AA
        owner = name if zones.exists(table, name) else zones.wildcard(table, name)
        alias = table.get((owner, "CNAME"))
        if alias and kind != "CNAME" and not (self.beside_alias and (owner, kind) in table):
            zones.add(reply.answer, name, "CNAME", alias)
            return str(alias[0][1].target.to_text(omit_final_dot=True)).lower()
        if found := table.get((owner, kind)):
            zones.add(reply.answer, name, kind, found)
            return None
        if not zones.exists(table, owner):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        zones.add(reply.authority, zone.origin, "SOA", table[(zone.origin, "SOA")])
        return None

    def _zone_of(self, name: str) -> Zone | None:
        holding = [z for origin, z in self.zones.items() if name == origin or name.endswith(f".{origin}") or not origin]
        return max(holding, key=lambda zone: len(zone.origin), default=None)

    def _table(self, zone: Zone) -> dict[tuple[str, str], list[tuple[int, Any]]]:
        cached = self._tables.get(zone.origin)
        if cached is None or cached[0] is not zone:
            cached = (zone, zone.records())
            self._tables[zone.origin] = cached
        return cached[1]


def _to_wire(reply: dns.message.Message, query: dns.message.Message, over_tcp: bool) -> bytes:
    wire = reply.to_wire(max_size=65_535)
    if over_tcp or len(wire) <= (query.payload if query.edns >= 0 else 512):
        return wire
    short = dns.message.make_response(query)
    short.flags |= dns.flags.TC | (reply.flags & dns.flags.AA)
    return short.to_wire()


class World:
    """Servers, a resolver that knows every zone, and a parent zone that delegates."""

    _hosts = itertools.count(2)

    def __init__(self) -> None:
        self.port = free_port()
        self.servers: list[NameServer] = []
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.resolver = self._open("resolver", "127.0.0.1", recursive=True)

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if not isinstance(key.fileobj, int):
                key.fileobj.close()  # type: ignore[attr-defined]  # all registered objects are sockets
        self._selector.close()

    def address(self) -> str:
        """A loopback address nobody in this process used before."""
        number = next(self._hosts)
        return f"127.{50 + number // 62_500 % 50}.{number // 250 % 250}.{number % 250 + 2}"

    def serve(self, name: str, *zones: Zone, address: str = "") -> NameServer:
        """Start an authoritative server and list it in every zone it gets; the resolver learns the first copy."""
        address = address or self.address()
        for zone in zones:
            zone.nameservers.setdefault(name, address)
            self.resolver.zones.setdefault(zone.origin, zone)
        self.know(name, address)
        return self._open(name, address, *zones)

    def dead(self, name: str, *zones: Zone) -> str:
        """List a nameserver that never answers."""
        address = self.address()
        for zone in zones:
            zone.nameservers.setdefault(name, address)
        self.know(name, address)
        return address

    def know(self, name: str, *addresses: str) -> None:
        """Let the resolver know the addresses of a host that no zone of its lists as nameserver."""
        text = "\n".join(f"@ {'AAAA' if ':' in address else 'A'} {address}" for address in addresses)
        zones = self.resolver.zones.items()
        if not any(name.endswith(f".{origin}") and name in zone.nameservers for origin, zone in zones):
            self.resolver.zones[name] = Zone(name, text)

    def delegate(self, parent: str, **children: list[str]) -> NameServer:
        """Serve a parent zone that lists nameservers for children: `delegate("test", kund=["ns1.kund.test"])`."""
        lines = [f"{child} NS {name}." for child, listed in children.items() for name in listed]
        known = {server.name: server.address for server in self.servers}
        listed_names = {name for listed in children.values() for name in listed}
        lines += [f"{n}. A {known[n]}" for n in sorted(listed_names) if n in known and n.endswith(f".{parent}")]
        zone = Zone(parent, "\n".join(lines))
        return self.serve(f"a.nic.{parent}", zone)

    def settings(self, **changes: Any) -> SurveySettings:
        """Survey settings that ask this world; generous rates, short tries."""
        base = SurveySettings(
            resolvers=(SurveyServer("resolver", "127.0.0.1", self.port),),
            authoritative_port=self.port,
            allow_private=True,
            try_seconds=(0.3, 0.4),
            tcp_seconds=0.5,
            queries_per_second=5000.0,
            query_burst=5000,
        )
        return dataclass_replace(base, **changes)

    def environment(self) -> dict[str, str]:
        """The same for a command in its own process."""
        return {
            "DNS_RESOLVERS": f"127.0.0.1:{self.port}",
            "DNS_AUTHORITATIVE_PORT": str(self.port),
            "DNS_ALLOW_PRIVATE": "true",
            "KUNDOMAIL_LOCAL": "1",
        }

    def withdraw(self, server: NameServer) -> None:
        """Close a server's sockets, so that another program can take its address."""
        for key in list(self._selector.get_map().values()):
            if key.data[1] is server:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]  # all registered objects are sockets
        self.servers.remove(server)

    # --- the loop ----------------------------------------------------------------------------------------------

    def _open(self, name: str, address: str, *zones: Zone, recursive: bool = False) -> NameServer:
        server = NameServer(name, address, self.port, *zones, recursive=recursive)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        udp.bind((address, self.port))
        tcp = socket.create_server((address, self.port), backlog=32)
        for used, serve in ((udp, self._datagram), (tcp, self._connection)):
            used.setblocking(False)
            self._selector.register(used, selectors.EVENT_READ, (serve, server))
        self.servers.append(server)
        return server

    def _loop(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(timeout=0.02):
                serve, server = key.data
                serve(key.fileobj, server)

    def _datagram(self, used: socket.socket, server: NameServer) -> None:
        for _ in range(50):
            try:
                data, source = used.recvfrom(4096)
            except BlockingIOError:
                return
            for answer in server.respond(data, False, source):
                used.sendto(answer, source)

    def _connection(self, listening: socket.socket, server: NameServer) -> None:
        connection, source = listening.accept()
        with connection:
            if not server.tcp:
                return
            connection.settimeout(1.0)
            (length,) = struct.unpack("!H", connection.recv(2))
            for answer in server.respond(connection.recv(length), True, source):
                connection.sendall(struct.pack("!H", len(answer)) + answer)


def free_port() -> int:
    """A port free on loopback for UDP and TCP."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", port))
                return port
        except OSError:
            time.sleep(0.001)
