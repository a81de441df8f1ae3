"""No packet leaves for an address that a stranger's DNS has no business naming."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest

from tests.support.dns import World, Zone
from tests.whitelabel.dns.stage import DOMAIN, Stage
from whitelabel.survey import addresses
from whitelabel.survey.addresses import refusal

HOSTILE = (
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.9",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "ff02::1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2002:7f00:1::1",
    "2001:0:a00:1::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
)
PUBLIC = ("1.1.1.1", "193.10.0.1", "2a00:801::1", "2001:500:2f::f", "2620:fe::fe")


@pytest.mark.parametrize("address", HOSTILE)
def test_special_purpose_addresses_are_refused(address: str) -> None:
    assert refusal(address) == "special"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert refusal(address) == ""


def test_own_networks_are_refused_even_wrapped_and_even_in_local_mode() -> None:
    own = ("193.10.0.0/24", "2a00:801::/32")

    assert refusal("193.10.0.7", own_networks=own) == "own"
    assert refusal("64:ff9b::c10a:7", allow_private=True, own_networks=own) == "own"
    assert refusal("2a00:801::1", allow_private=True, own_networks=own) == "own"


def test_local_mode_asks_loopback_but_never_multicast() -> None:
    assert refusal("127.0.0.1", allow_private=True) == ""
    assert refusal("224.0.0.1", allow_private=True) == "special"


def test_what_is_no_address_is_refused() -> None:
    assert refusal("ns1.kund.test") == "invalid"


class Packets:
    """Every address this thread sends a datagram to or connects to, taken from the interpreter's audit events."""

    recording: Packets | None = None

    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.thread = threading.get_ident()

    @classmethod
    def hook(cls, event: str, args: tuple[object, ...]) -> None:
        """Audit hook: cannot be removed, so it looks at `recording`."""
        current = cls.recording
        if current is None or threading.get_ident() != current.thread:
            return
        if event in ("socket.sendto", "socket.connect", "socket.sendmsg") and isinstance(args[1], tuple):
            current.addresses.add(str(args[1][0]))


sys.addaudithook(Packets.hook)


@pytest.fixture
def packets() -> Iterator[Packets]:
    Packets.recording = Packets()
    yield Packets.recording
    Packets.recording = None


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The stage's servers count as public, the rest of 127.0.0.0/8 does not."""
    loopback = IPv4Network("127.0.0.0/8")
    kept = tuple(network for network in addresses.SPECIAL_IPV4 if network != loopback)
    monkeypatch.setattr(addresses, "SPECIAL_IPV4", (*kept, IPv4Network("127.0.0.0/11")))
    with World() as running:
        prepared = Stage(running)
        prepared.publish()
        yield prepared


def lines(name: str) -> str:
    return "\n".join(f"{name} {'AAAA' if ':' in address else 'A'} {address}" for address in HOSTILE)


def assert_only_honest_servers(stage: Stage, packets: Packets, *, asked: bool = True) -> None:
    own = {server.address for server in stage.world.servers} - {"127.0.0.1"}
    resolver = {"127.0.0.1"}  # named by the operator's settings, not by the stranger
    assert packets.addresses <= own | resolver
    assert bool(packets.addresses & own) is asked


def test_nameservers_at_hostile_addresses_get_no_packet(stage: Stage, packets: Packets) -> None:
    evil = Zone("elak.test", lines("ns"))
    hostile = Zone(DOMAIN, nameservers={"ns.elak.test": ""})
    stage.world.resolver.load(evil)
    stage.world.resolver.load(hostile)
    stage.parent.load(Zone("test", "kund NS ns.elak.test."))

    verdicts = stage.look(allow_private=False)

    assert verdicts["spf"].code == "ns_unreachable"
    assert_only_honest_servers(stage, packets)


def test_hostile_glue_gets_no_packet(stage: Stage, packets: Packets) -> None:
    stage.parent.load(Zone("test", "kund NS ns9.kund.test.\n" + lines("ns9.kund")))

    verdicts = stage.look(allow_private=False)

    assert verdicts["spf"].code in ("ok", "ns_unreachable")
    assert_only_honest_servers(stage, packets)


def test_a_delegation_below_the_zone_with_hostile_glue_gets_no_packet(stage: Stage, packets: Packets) -> None:
    stage.publish("mgeu NS ns.mgeu\n" + lines("ns.mgeu"))

    verdicts = stage.look(allow_private=False)

    assert verdicts["spf"].code == "wrong_zone"
    assert_only_honest_servers(stage, packets)


def test_aliases_and_exchanges_at_hostile_addresses_get_no_packet(stage: Stage, packets: Packets) -> None:
    text = "mgeu CNAME elak\n" + lines("elak") + "\n_owner.mgeu CNAME localhost.\n"
    stage.publish(text, without=("spf", "mx1", "mx2", "owner"))

    verdicts = stage.look(allow_private=False)

    assert verdicts["spf"].code == "cname_at_name"
    assert_only_honest_servers(stage, packets)


def test_a_truncated_answer_of_an_honest_server_is_fetched_from_the_same_address(
    stage: Stage, packets: Packets
) -> None:
    stage.publish("\n".join(f'mgeu TXT "fyllnad {n} {"x" * 200}"' for n in range(10)))

    assert stage.look(allow_private=False)["spf"].code == "ok"
    assert_only_honest_servers(stage, packets)


def test_in_production_settings_a_zone_on_loopback_is_not_asked_at_all(stage: Stage, packets: Packets) -> None:
    addresses_of_stage = {"127.0.0.2", "127.0.0.3"}
    zone = Zone(DOMAIN, nameservers={"ns1.kund.test": "127.0.0.2", "ns2.kund.test": "127.0.0.3"})
    stage.world.resolver.load(zone)
    stage.parent.load(Zone("test", "kund NS ns1.kund.test."))

    stage.look(allow_private=False)

    assert not packets.addresses & addresses_of_stage
