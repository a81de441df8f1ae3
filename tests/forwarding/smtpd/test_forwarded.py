"""XFORWARD (Postfix's XFORWARD_README): a trusted server in front names its client; nobody else may."""

from __future__ import annotations

import smtplib
from ipaddress import ip_network

import pytest

from forwarding.smtpd.forwarded import Client, read_attributes, spoken_for
from tests.support.postfix import missing, postfix
from tests.support.smtp import RECIPIENT, RawSession, Running, receiving

TRUSTED = (ip_network("127.0.0.1/32"),)


def deliver(session: RawSession) -> None:
    session.envelope()
    assert session.command(b"Subject: x\r\n\r\nx\r\n.").startswith(b"250")


def clients(server: Running, count: int) -> list[tuple[str, str]]:
    return [(stored.envelope.peer_ip, stored.envelope.helo) for stored in server.spool.wait(count)]


def test_the_client_that_is_spoken_for_counts_for_one_message() -> None:
    with receiving(xforward_networks=TRUSTED) as server, server.session().greet() as session:
        assert session.command(b"XFORWARD NAME=mx.example ADDR=203.0.113.9 PORT=4711").startswith(b"250")
        assert session.command(b"XFORWARD PROTO=ESMTP HELO=client+2Dof.example").startswith(b"250")
        deliver(session)
        deliver(session)
        assert clients(server, 2) == [("203.0.113.9", "client-of.example"), ("127.0.0.1", "client.example")]
        assert server.spool.mails[0].envelope.peer_port == 4711


def test_it_is_offered_to_the_trusted_only() -> None:
    with receiving(xforward_networks=TRUSTED) as server, server.session() as session:
        session.reply()
        assert b"XFORWARD NAME ADDR" in session.command(b"EHLO front.example")
    with receiving() as server, server.session() as session:
        session.reply()
        assert b"XFORWARD" not in session.command(b"EHLO front.example")


def test_anybody_else_is_refused_and_changes_nothing() -> None:
    with receiving(xforward_networks=(ip_network("192.0.2.0/24"),)) as server, server.session().greet() as session:
        assert session.command(b"XFORWARD ADDR=203.0.113.9") == b"500 5.5.2 Command not recognized\r\n"
        deliver(session)
        assert clients(server, 1) == [("127.0.0.1", "client.example")]


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"ADDR",
        b"ADDR=",
        b"ADDR=nowhere",
        b"ADDR=IPV6:203.0.113.9.1",
        b"PORT=x",
        b"COLOUR=red",
        b"HELO=" + b"x" * 300,
    ],
)
def test_an_odd_attribute_is_a_syntax_error(argument: bytes) -> None:
    with receiving(xforward_networks=TRUSTED) as server, server.session().greet() as session:
        assert session.command(b"XFORWARD " + argument).startswith(b"501")
        deliver(session)
        assert clients(server, 1) == [("127.0.0.1", "client.example")]


def test_a_message_under_way_keeps_its_client() -> None:
    with receiving(xforward_networks=TRUSTED) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<anna@example.org>")
        assert session.command(b"XFORWARD ADDR=203.0.113.9").startswith(b"503")


def test_what_is_not_known_stays_as_it_is_seen() -> None:
    seen = Client("127.0.0.1", 25, "front.example")
    attributes = read_attributes("ADDR=[UNAVAILABLE] HELO=[TEMPUNAVAIL] PORT=[UNAVAILABLE]")
    assert spoken_for(seen, attributes) == seen
    assert spoken_for(seen, read_attributes("ADDR=IPV6:2001:db8::7")) == Client("2001:db8::7", 0, "front.example")


def test_a_line_break_in_a_value_stays_out_of_the_rows() -> None:
    assert read_attributes("HELO=a+0D+0Ab+00") == {"HELO": "a??b?"}


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_behind_a_real_postfix_the_mail_bears_the_address_of_its_sender() -> None:
    with receiving(xforward_networks=TRUSTED) as server:
        front = f"smtpd_proxy_filter = 127.0.0.1:{server.port}\nsmtpd_authorized_xforward_hosts =\n"
        with postfix(server.port, front) as before:
            with smtplib.SMTP("127.0.0.1", before.port, "mx.sender.example", 20, ("127.0.0.9", 0)) as client:
                client.sendmail("anna@example.org", [RECIPIENT], b"Subject: Hej\r\n\r\nHej\r\n")
            assert clients(server, 1) == [("127.0.0.9", "mx.sender.example")]
