"""How fast many sender domains are checked, as ratios to asking one question after the other with dnspython.

    python -m bench.dns [--domains 1000] [--round-trip-ms 20]

An own process answers for every domain on two loopback addresses after the simulated round trip. Sequential dnspython
gets its easiest task: known addresses, twelve questions per domain (six records at two servers). Ours does a whole check:
zone cut, both servers, probes, resolver, verdicts. The sequential sample is taken before and after, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.synchronize import Event

import dns.message
import dns.name
import dns.query
import dns.rdata
import dns.rdatatype

from whitelabel.diagnosis.judging import diagnose
from whitelabel.records import ClaimFacts, ExpectedRecord, expected_records
from whitelabel.survey.limits import Memory
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.transport import Transport
from whitelabel.survey.values import Server

RESOLVER, NS1, NS2 = "127.77.0.1", "127.77.0.2", "127.77.0.3"
OURS = "post.test"
AT_A_TIME = 100
SEQUENTIAL_SAMPLE = 12
RECHECK_SWEEPS = 3
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


class Responder(asyncio.DatagramProtocol):
    """Answers from the table after half the round trip each way."""

    def __init__(self, table: Answers, delay: float, recursive: bool) -> None:
        self.table, self.delay = table, delay
        self.flags = 0x8180 if recursive else 0x8400

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.loop.call_later(self.delay, self.transport.sendto, self._reply(data), addr)  # type: ignore[attr-defined]

    def _reply(self, data: bytes) -> bytes:
        end = data.index(b"\0", 12) + 1
        question = data[12 : end + 4]
        key = (data[12:end].lower(), int.from_bytes(data[end : end + 2]))
        rcode, count, section = self.table.get(key, (3, 0, b""))
        header = struct.pack("!HHHHHH", int.from_bytes(data[:2]), self.flags | rcode, 1, count, 0, 0)
        return header + question + section


def _same(responder: Responder) -> Responder:
    return responder


def serve(count: int, delay: float, port: int, ready: Event) -> None:
    """The other process: two nameservers and a resolver."""

    async def run() -> None:
        table = answer_table(count)
        loop = asyncio.get_running_loop()
        for address in (RESOLVER, NS1, NS2):
            responder = Responder(table, delay, address == RESOLVER)
            await loop.create_datagram_endpoint(partial(_same, responder), local_addr=(address, port))
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(run())


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


async def sweep(count: int, limits: SurveySettings, memory: Memory) -> tuple[float, int, int]:
    """Seconds per domain of whole checks, queries sent, and domains that came out all right."""
    claims = [(facts(number).domain, expected_records(facts(number))) for number in range(count)]
    slots = asyncio.Semaphore(AT_A_TIME)
    right = 0

    async def check(domain: str, expected: tuple[ExpectedRecord, ...]) -> bool:
        async with slots:
            found = await survey(expected, domain, settings=limits, memory=memory, transport=transport)
            return all(verdict.state.right for verdict in diagnose(found, expected))

    started = time.perf_counter()
    async with Transport(limits, memory) as transport:
        right = sum(await asyncio.gather(*(check(domain, expected) for domain, expected in claims)))
        queries = transport.queries
    return (time.perf_counter() - started) / count, queries, right


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", type=int, default=1000)
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
        report(options.domains, port)
    finally:
        server.terminate()


def report(domains: int, port: int) -> None:
    """Measure and print."""
    limits = replace(settings(port))
    memory = new_memory(limits)
    before = sequential(range(SEQUENTIAL_SAMPLE), port)
    first, queries, right = asyncio.run(sweep(domains, limits, memory))
    print(f"first checks: {1 / first:8.1f} domains/s, {queries} queries, {right} of {domains} right")
    rechecks = []
    for _ in range(RECHECK_SWEEPS):
        seconds, queries, right = asyncio.run(sweep(domains, limits, memory))
        rechecks.append(seconds)
        print(f"re-checks:    {1 / seconds:8.1f} domains/s, {queries} queries, {right} of {domains} right, {peak()}")
    after = sequential(range(SEQUENTIAL_SAMPLE), port)
    slow = (before + after) / 2
    print(f"sequential:   {1 / slow:8.1f} domains/s (before {1 / before:.1f}, after {1 / after:.1f})")
    print(f"ratio of first checks: {slow / first:.1f} x (goal 10)")
    print(f"ratio of re-checks:    {slow / (sum(rechecks) / len(rechecks)):.1f} x (goal 50)")


def peak() -> str:
    """Peak memory of this process so far."""
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
