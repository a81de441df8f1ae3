"""The catalogue once more on servers that other people wrote: NSD serves the zones, Unbound resolves and validates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

from tests.support.dns import World
from tests.support.nameservers import NSD, UNBOUND, Program, start_nsd, start_unbound
from tests.whitelabel.dns import rows_of_servers, rows_of_values
from tests.whitelabel.dns.rows import ROWS, Row
from tests.whitelabel.dns.stage import DOMAIN, Stage
from whitelabel.survey.values import Server

REGISTERED = (rows_of_values, rows_of_servers)  # importing them fills ROWS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NSD is None, reason="nsd is missing: apt-get install nsd"),
]

# Faults that an honest server refuses to serve, or that are the behaviour of a server and not the content of a zone.
NOT_ZONE_CONTENT = frozenset(
    "cname_and_data all_lame lame ns_unreachable parent_child_ns wrong_dns_host dnssec_bogus servfail tcp_blocked "
    "zone_gone wrong_zone".split()
)


class Programs:
    """Starts servers in place of the stage's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Program] = []

    def serve_with_nsd(self, stage: Stage) -> None:
        """The zones the stage's two nameservers have, from two NSD processes at the same addresses."""
        for server in (stage.ns1, stage.ns2):
            stage.world.withdraw(server)
            zones = {origin: zone.master_file() for origin, zone in server.zones.items()}
            self.running.append(start_nsd(self.folder / server.name, server.address, server.port, zones))

    def stop(self) -> None:
        for program in self.running:
            program.stop()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    started = Programs(tmp_path)
    yield started
    started.stop()


@pytest.mark.parametrize("fault", [row for row in ROWS if row.code not in NOT_ZONE_CONTENT], ids=lambda row: row.code)
def test_nsd_serves_the_fault_and_it_is_recognised(world: World, programs: Programs, fault: Row) -> None:
    stage = Stage(world, fault.profile)
    fault.publish(stage)
    programs.serve_with_nsd(stage)

    verdict = stage.look()[fault.key]

    assert (verdict.code, verdict.state.value) == (fault.code, fault.state)


def test_an_nsd_without_the_zone_is_lame(world: World, programs: Programs, tmp_path: Path) -> None:
    stage = Stage(world)
    stage.publish()
    world.withdraw(stage.ns2)
    programs.running.append(start_nsd(tmp_path / "empty", stage.ns2.address, world.port, {}))

    assert stage.look()["spf"].code == "lame"


def resolve_with_unbound(stage: Stage, programs: Programs, folder: Path, anchors: tuple[str, ...] = ()) -> Server:
    address = stage.world.address()
    here = [f"{server.address}@{server.port}" for server in (stage.ns1, stage.ns2)]
    elsewhere = {
        origin: [f"{server.address}@{server.port}"]
        for server in stage.world.servers
        for origin in server.zones
        if server not in (stage.ns1, stage.ns2) and not server.recursive
    }
    stubs = {**elsewhere, DOMAIN: here}
    programs.running.append(start_unbound(folder / "unbound", address, stage.world.port, stubs, anchors))
    return Server("unbound", address, stage.world.port)


@pytest.mark.skipif(UNBOUND is None, reason="unbound is missing: apt-get install unbound")
def test_unbound_that_was_asked_too_early_is_waited_for(world: World, programs: Programs, tmp_path: Path) -> None:
    stage = Stage(world)
    stage.publish(without=("spf", "mx1", "mx2"), negative_ttl=30)
    unbound = resolve_with_unbound(stage, programs, tmp_path)
    query = dns.message.make_query("mgeu.kund.test", "TXT")
    assert not dns.query.udp(query, unbound.address, port=unbound.port, timeout=5).answer
    stage.publish(serial=3)

    verdict = stage.look(resolvers=(unbound,))["spf"]

    assert (verdict.code, verdict.state.value) == ("nx_cached", "green_note")
    assert 20 <= verdict.wait_seconds <= 30


@pytest.mark.skipif(UNBOUND is None, reason="unbound is missing: apt-get install unbound")
def test_unbound_finds_a_forged_record_bogus(world: World, programs: Programs, tmp_path: Path) -> None:
    stage = Stage(world)
    stage.publish()
    text, anchor = signed(stage.ns1.zones[DOMAIN].master_file())
    forged = text.replace("~all", "?all")
    for server in (stage.ns1, stage.ns2):
        world.withdraw(server)
        folder = tmp_path / server.name
        programs.running.append(start_nsd(folder, server.address, server.port, {DOMAIN: forged}))
    unbound = resolve_with_unbound(stage, programs, tmp_path, (anchor,))

    verdicts = stage.look(resolvers=(unbound,), try_seconds=(2.0, 2.0))

    assert verdicts["spf"].code == "dnssec_bogus", verdicts["spf"].resolvers
    assert verdicts["owner"].code == "ok"


def signed(text: str) -> tuple[str, str]:
    """The zone signed with a fresh key, and its DS record as a trust anchor."""
    zone = dns.zone.from_text(text, origin=DOMAIN, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    dnskey = dns.dnssec.make_dnskey(private.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
    now = datetime.now(UTC)
    with zone.writer() as writer:
        dns.dnssec.sign_zone(
            zone,
            writer,
            keys=[(private, dnskey)],
            inception=now - timedelta(hours=1),
            expiration=now + timedelta(days=2),
            dnskey_ttl=300,
        )
    ds = dns.dnssec.make_ds(dns.name.from_text(DOMAIN), dnskey, "SHA256")
    return zone.to_text(relativize=False), f"{DOMAIN}. IN DS {ds.to_text()}"


def test_with_one_nsd_dead_the_check_takes_at_most_three_seconds(world: World, programs: Programs) -> None:
    stage = Stage(world)
    stage.publish()
    programs.serve_with_nsd(stage)
    programs.running.pop().stop()
    started = time.monotonic()

    verdict = stage.look(try_seconds=(1.0, 1.5))["spf"]

    assert verdict.code == "ns_unreachable"
    assert time.monotonic() - started < 3.0
