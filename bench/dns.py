"""How fast many sender domains are checked, as ratios to asking one question after the other with dnspython.

    python -m bench.dns [--domains 1000] [--rounds 3] [--round-trip-ms 20]

An own process answers for every domain on two loopback addresses after the simulated round trip. Sequential dnspython
gets its easiest task: known addresses, twelve questions per domain (six records at two servers). Ours does a whole check:
zone cut, both servers, probes, resolver, verdicts. Every round begins with an empty memory and makes first checks,
re-checks of the unchanged zones as they are six hours later (zone cut and nameservers' addresses are asked for again),
and re-checks at once, as with an open page. Sequential samples stand between the sweeps; the ratio of a sweep is to the
samples on both its sides. Sequential dnspython sleeps, ours works: on a busy machine the ratio falls with the share of a
processor that is left, and the CPU time a domain takes tells what is possible.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import selectors
import socket
import statistics
import struct
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import cast

import dns.message
import dns.name
import dns.query
import dns.rdata
import dns.rdatatype

from whitelabel.diagnosis.judging import Judge
from whitelabel.records import ClaimFacts, ExpectedRecord, expected_records
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.transport import Transport
from whitelabel.survey.values import Server

RESOLVER, NS1, NS2 = "127.77.0.1", "127.77.0.2", "127.77.0.3"
OURS = "post.test"
AT_A_TIME = 200  # as SENDER_CHECK_BATCH
SEQUENTIAL_SAMPLE = 12
RECEIVE_OCTETS = 4_194_304
GOALS = {"first checks": 10, "re-checks": 50, "re-checks at once": 50}
Answers = dict[tuple[bytes, int], tuple[int, int, bytes]]


def facts(number: int) -> ClaimFacts:
    """A customer with two keys of the usual length."""
    keys = tuple((selector, f"MIIBIjANBgkq{number:08d}" + selector[1] * 372) for selector in ("k1", "k2"))
    return ClaimFacts(f"kund{number}.test", "mgeu", f"{number:026d}", keys, OURS)


def answer_table(count: int) -> Answers:
    """(name in wire form, type) → (rcode, number of answers, answer section with the name compressed)."""
    table: Answers = {}
    soa = f"ns1.{OURS}. host.{OURS}. 7 3600 600 86400 60"
    _put(table, "test", "NS", ["ns.test."])
    for host, address in (("ns.test", NS1), (f"ns1.{OURS}", NS1), (f"ns2.{OURS}", NS2)):
        _put(table, host, "A", [address])
        _put(table, host, "AAAA", [])
    for number in range(count):
        domain = f"kund{number}.test"
        _put(table, domain, "NS", [f"ns1.{OURS}.", f"ns2.{OURS}."])
        _put(table, domain, "SOA", [soa])
        _put(table, f"_dmarc.{domain}", "TXT", ['"v=DMARC1; p=none"'])
        grouped: dict[tuple[str, str], list[str]] = {}
        for record in expected_records(facts(number), dmarc_advice=False):
            quoted = " ".join(f'"{part}"' for part in record.strings)
            grouped.setdefault((record.name, record.type), []).append(quoted if record.type == "TXT" else record.value)
        for (name, kind), values in grouped.items():
            _put(table, name, kind, values)
            _put(table, name, "CNAME", [])
    return table


def _put(table: Answers, name: str, kind: str, values: Sequence[str]) -> None:
    section = b""
    rdtype = dns.rdatatype.from_text(kind)
    for value in values:
        data = dns.rdata.from_text("IN", kind, value).to_wire() or b""
        section += struct.pack("!HHHIH", 0xC00C, rdtype, 1, 300, len(data)) + data
    wire = dns.name.from_text(name).to_wire() or b"\0"
    table[wire, int(rdtype)] = (0, len(values), section)


class Responder:
    """Two nameservers and a resolver in one loop: every reply leaves one round trip after its question came."""

    def __init__(self, table: Answers, delay: float, port: int) -> None:
        self.table, self.delay = table, delay
        self.waiting: deque[tuple[float, socket.socket, bytes, tuple[str, int]]] = deque()
        self.selector = selectors.DefaultSelector()
        for address in (RESOLVER, NS1, NS2):
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
            bound.setblocking(False)
            bound.bind((address, port))
            self.selector.register(bound, selectors.EVENT_READ, 0x8180 if address == RESOLVER else 0x8400)

    def run(self) -> None:
        """Answer for ever."""
        while True:
            patience = max(0.0, self.waiting[0][0] - time.perf_counter()) if self.waiting else None
            for key, _events in self.selector.select(patience):
                self._read(cast(socket.socket, key.fileobj), key.data)
            now = time.perf_counter()
            while self.waiting and self.waiting[0][0] <= now:
                _due, bound, reply, asker = self.waiting.popleft()
                bound.sendto(reply, asker)

    def _read(self, bound: socket.socket, flags: int) -> None:
        with suppress(BlockingIOError):
            while True:
                data, asker = bound.recvfrom(512)
                self.waiting.append((time.perf_counter() + self.delay, bound, self._reply(data, flags), asker))

    def _reply(self, data: bytes, flags: int) -> bytes:
        end = data.index(b"\0", 12) + 1
        question = data[12 : end + 4]
        rcode, count, section = self.table.get((data[12:end].lower(), int.from_bytes(data[end : end + 2])), (3, 0, b""))
        return data[:2] + struct.pack("!HHHHH", flags | rcode, 1, count, 0, 0) + question + section


def serve(count: int, delay: float, port: int, ready: Event) -> None:
    """The other process."""
    responder = Responder(answer_table(count), delay, port)
    ready.set()
    responder.run()


def free_port() -> int:
    """A UDP port nobody uses on the resolver's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((RESOLVER, 0))
        return int(probe.getsockname()[1])


def settings(port: int) -> SurveySettings:
    """As in production, without the politeness towards one address that a sweep of one server would wait for."""
    return SurveySettings(
        resolvers=(Server(RESOLVER, RESOLVER, port),),
        authoritative_port=port,
        allow_private=True,
        queries_per_second=1e6,
        query_burst=1_000_000,
    )


def sequential(numbers: range, port: int) -> float:
    """Seconds per domain of synchronous dnspython, one question after the other."""
    started = time.perf_counter()
    for number in numbers:
        for record in expected_records(facts(number), dmarc_advice=True):
            if record.key == "mx2":
                continue
            query = dns.message.make_query(record.name, record.type)
            for address in (NS1, NS2):
                dns.query.udp(query, address, port=port, timeout=5)
    return (time.perf_counter() - started) / len(numbers)


@dataclass(frozen=True)
class Sweep:
    """What one pass over all domains took, per domain, and found."""

    seconds_per_domain: float
    cpu_seconds: float
    queries: int
    right: int


class Checker:
    """Checks all domains as a worker does, in rounds that share one memory."""

    def __init__(self, count: int, limits: SurveySettings) -> None:
        self.claims = [(facts(number).domain, expected_records(facts(number))) for number in range(count)]
        self.limits = limits
        self.memory = new_memory(limits)
        self.judge = Judge()

    def forget_what_ages(self) -> None:
        """As if six hours had passed: zone cuts and nameservers' addresses are asked for again. What stands beside records
        that are right is asked for daily."""
        for table in (self.memory.cuts, self.memory.parents, self.memory.addresses):
            table.clear()

    def sweep(self) -> Sweep:
        """Check every domain once."""
        started, worked = time.perf_counter(), time.process_time()
        queries, right = asyncio.run(self._all())
        count = len(self.claims)
        return Sweep((time.perf_counter() - started) / count, (time.process_time() - worked) / count, queries, right)

    async def _all(self) -> tuple[int, int]:
        slots = asyncio.Semaphore(AT_A_TIME)
        async with Transport(self.limits, self.memory) as transport:
            right = sum(await asyncio.gather(*(self._one(*claim, slots, transport) for claim in self.claims)))
            return transport.queries, right

    async def _one(
        self, domain: str, expected: tuple[ExpectedRecord, ...], slots: asyncio.Semaphore, transport: Transport
    ) -> bool:
        async with slots:
            found = await survey(expected, domain, settings=self.limits, memory=self.memory, transport=transport)
            return all(verdict.state.right for verdict in self.judge.diagnose(found, expected))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-trip-ms", type=float, default=20.0)
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    port = options.port or free_port()
    arguments = (options.domains, options.round_trip_ms / 1000, port, ready)
    server = context.Process(target=serve, args=arguments, daemon=True)
    server.start()
    while not ready.wait(timeout=0.2):
        if not server.is_alive():
            parser.error(f"the answering process could not use port {port}")
    try:
        report(options.domains, options.rounds, port)
    finally:
        server.terminate()


def report(domains: int, rounds: int, port: int) -> None:
    """Measure and print: in every round the sequential sample stands before, between and after the sweeps."""
    limits = settings(port)
    ratios: dict[str, list[float]] = {"first checks": [], "re-checks": [], "re-checks at once": []}
    slow = sequential(range(SEQUENTIAL_SAMPLE), port)
    for number in range(1, rounds + 1):
        checker = Checker(domains, limits)
        for kind, figures in ratios.items():
            if kind == "re-checks":
                checker.forget_what_ages()
            swept = checker.sweep()
            after = sequential(range(SEQUENTIAL_SAMPLE), port)
            figures.append((slow + after) / 2 / swept.seconds_per_domain)
            slow = after
            print(
                f"round {number}, {kind + ':':18} {1 / swept.seconds_per_domain:7.1f} domains/s, {figures[-1]:6.1f} x, "
                f"{1000 * swept.cpu_seconds:4.1f} ms CPU, "
                f"{swept.queries / domains:.0f} queries a domain, {swept.right} of {domains} right, {memory()}"
            )
    print(f"sequential dnspython: {1 / slow:.1f} domains/s, 12 queries a domain")
    for kind, goal in GOALS.items():
        print(f"ratio of {kind + ':':18} {statistics.median(ratios[kind]):6.1f} x, median of {rounds} (goal {goal})")


def memory() -> str:
    """Memory of this process now and at most so far."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(lines[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
    return f"memory {now} MiB, at most {peak}"


if __name__ == "__main__":
    main()
