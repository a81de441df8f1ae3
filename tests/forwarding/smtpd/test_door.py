"""Connections counted per address and in all, over processes; proxies; the flood gate."""

from __future__ import annotations

import os
import struct
import time
from ipaddress import ip_network

import pytest

from forwarding.smtpd.door import Door, FloodGate, peer_address
from forwarding.smtpd.limits import Limits
from tests.support.smtp import RawSession, Running, receiving

LOOPBACK = [ip_network("127.0.0.0/8")]


# --- The door itself -----------------------------------------------------------------------------------------------


def test_slot_given_back_can_be_taken_again() -> None:
    door = Door(Limits(connections=1))
    slot = door.enter("192.0.2.1")
    assert slot is not None
    assert door.enter("192.0.2.2") is None
    door.leave(slot)
    assert door.enter("192.0.2.2") is not None


def test_addresses_of_one_ipv6_network_count_together() -> None:
    door = Door(Limits(connections_per_ip=1))
    assert door.enter("2001:db8::1") is not None
    assert door.enter("2001:db8::ffff:2") is None
    assert door.enter("2001:db8:0:1::1") is not None


def test_mapped_address_counts_as_ipv4() -> None:
    door = Door(Limits(connections_per_ip=1))
    assert door.enter("::ffff:192.0.2.1") is not None
    assert door.enter("192.0.2.1") is None
    assert str(peer_address("fe80::1%eth0")) == "fe80::1"


def test_large_provider_may_have_more() -> None:
    door = Door(Limits(connections_per_ip=1, connections_per_wide_ip=3), [ip_network("40.92.0.0/15")])
    assert [door.enter("40.93.1.1") is not None for _ in range(4)] == [True, True, True, False]
    assert [door.enter("192.0.2.1") is not None for _ in range(2)] == [True, False]


def test_processes_share_the_door_and_a_dead_one_holds_nothing() -> None:
    door = Door(Limits(connections_per_ip=2))
    pid = os.fork()
    if not pid:
        door.process = 7
        door.enter("192.0.2.1")
        door.enter("192.0.2.1")
        os._exit(0)
    os.waitpid(pid, 0)
    assert door.enter("192.0.2.1") is None
    door.forget(7)
    assert door.enter("192.0.2.1") is not None


def test_flood_gate_fills_again_with_time() -> None:
    gate = FloodGate(600)
    assert sum(gate.admit(1) for _ in range(1_000)) in range(600, 620)
    assert gate.admit(2)
    time.sleep(0.5)
    assert 4 <= sum(gate.admit(1) for _ in range(100)) <= 8


# --- At the real server --------------------------------------------------------------------------------------------


def test_21st_connection_of_an_address_is_turned_away(server: Running) -> None:
    sessions = [server.session().greet() for _ in range(20)]
    with server.session() as refused:
        assert refused.reply().startswith(b"421 4.7.0 ")
        assert refused.reply() == b""
    with server.session(source="127.0.0.2") as other:
        other.greet()
    sessions.pop().close()
    assert_admitted(server)
    for session in sessions:
        session.close()


def assert_admitted(server: Running) -> None:
    """The server needs a moment to notice that a connection is gone."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with server.session() as session:
            if session.reply().startswith(b"220"):
                return
        time.sleep(0.02)
    pytest.fail("no connection was admitted")


def test_total_is_bounded_too() -> None:
    with receiving(Limits(connections=3)) as server:
        sessions = [server.session(source=f"127.0.0.{number}").greet() for number in range(2, 5)]
        with server.session(source="127.0.0.9") as refused:
            assert refused.reply().startswith(b"421 4.7.0 ")
        for session in sessions:
            session.close()


def test_stock_server_admits_any_number(stock: Running) -> None:
    sessions = [stock.session().greet() for _ in range(60)]
    for session in sessions:
        session.close()


# --- PROXY protocol ------------------------------------------------------------------------------------------------


def proxy_v2(source: str, port: int) -> bytes:
    """A version 2 header for TCP over IPv4."""
    octets = bytes(map(int, source.split("."))) + bytes([127, 0, 0, 1]) + struct.pack("!HH", port, 25)
    return b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11" + struct.pack("!H", len(octets)) + octets


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n", proxy_v2("192.0.2.7", 4711)])
def test_trusted_proxy_names_the_sender(header: bytes) -> None:
    with receiving(proxy_networks=LOOPBACK) as server, server.session() as session:
        session.send(header)
        session.hello()
        assert session.command(b"Subject: x\r\n\r\n.").startswith(b"250")
        envelope = server.spool.mails[0].envelope
        assert (envelope.peer_ip, envelope.peer_port) == ("192.0.2.7", 4711)


def test_senders_behind_a_proxy_are_counted_by_their_own_address() -> None:
    with receiving(Limits(connections_per_ip=1), proxy_networks=LOOPBACK) as server:
        admitted = [proxied(server, address) for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8")]
        assert [session.reply()[:3] for session in admitted] == [b"220", b"421", b"220"]
        for session in admitted:
            session.close()


def proxied(server: Running, address: str) -> RawSession:
    session = server.session()
    session.send(b"PROXY TCP4 %s 127.0.0.1 4711 25\r\n" % address.encode())
    return session


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO x\r\n",
        b"PROXY TCP4 x y\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        b"\r\n\r\n\0\r\nQUIT\nxx",
    ],
)
def test_trusted_proxy_without_a_header_gets_nothing(header: bytes) -> None:
    with receiving(Limits(proxy_seconds=1), proxy_networks=LOOPBACK) as server, server.session() as session:
        session.send(header)
        assert session.reply()[:3] in (b"", b"421")


def test_silent_proxy_is_left() -> None:
    with receiving(Limits(proxy_seconds=0.2), proxy_networks=LOOPBACK) as server, server.session() as session:
        assert session.reply().startswith(b"421 4.4.2 ")


def test_proxy_header_of_a_stranger_is_an_unknown_command(server: Running) -> None:
    with server.session() as session:
        session.reply()
        assert session.command(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25").startswith(b"500 ")
        assert session.command(b"EHLO x").startswith(b"250")
        session.envelope()
        assert session.command(b".").startswith(b"250")
    assert server.spool.mails[0].envelope.peer_ip == "127.0.0.1"
