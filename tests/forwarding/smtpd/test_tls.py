"""STARTTLS: what was said in clear is forgotten, and what was slipped in is never obeyed (CVE-2024-34083)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarding.smtpd.tls import _self_signed, configured_context, self_made_context
from tests.support.smtp import HOSTNAME, RECIPIENT, RawSession, Running, receiving, stock_server

DATA = b"Subject: x\r\n\r\nx\r\n."


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    return self_made_context(HOSTNAME)


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[Running]:
    with receiving(tls=context) as running:
        yield running


def test_message_over_tls_is_stored_with_version_and_cipher(server: Running, session: RawSession) -> None:
    session.start_tls()
    assert b"STARTTLS" not in session.command(b"EHLO x")
    session.envelope()
    assert session.command(DATA).startswith(b"250")
    assert server.spool.mails[0].envelope.tls.startswith("TLSv1.3/TLS_")


def test_large_message_over_tls_arrives_whole(server: Running, session: RawSession) -> None:
    session.start_tls()
    session.command(b"EHLO x")
    session.envelope()
    body = b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 300_000 + b"\r\n"
    assert session.command(body + b".").startswith(b"250")
    assert server.spool.mails[0].content == body


def test_commands_slipped_in_behind_starttls_are_dropped(session: RawSession) -> None:
    session.send(b"STARTTLS\r\nEHLO inj\r\nMAIL FROM:<i@x>\r\n")
    assert session.reply().startswith(b"220")
    session.handshake()
    assert session.command(b"NOOP").startswith(b"250")
    assert session.command(b"RCPT TO:<%s>" % RECIPIENT.encode()).startswith(b"503 ")


def test_envelope_given_in_clear_is_forgotten(session: RawSession) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    session.command(b"RCPT TO:<%s>" % RECIPIENT.encode())
    session.start_tls()
    assert session.command(b"DATA").startswith(b"503 ")
    assert session.command(b"MAIL FROM:<a@b.c>").startswith(b"503 5.5.1 Send EHLO")


def test_second_starttls_is_refused(session: RawSession) -> None:
    session.start_tls()
    session.command(b"EHLO x")
    assert session.command(b"STARTTLS").startswith(b"503 ")
    assert session.command(b"NOOP").startswith(b"250")


def test_stock_server_starts_tls_twice(context: ssl.SSLContext) -> None:
    with stock_server(tls_context=context) as stock, stock.session().greet() as session:
        session.start_tls()
        session.command(b"EHLO x")
        assert session.command(b"STARTTLS").startswith(b"220")


def test_authentication_is_not_offered_under_tls_either(session: RawSession) -> None:
    session.start_tls()
    assert b"AUTH" not in session.command(b"EHLO x")
    assert session.command(b"AUTH PLAIN AGEAYg==").startswith(b"502 ")


def test_limits_are_not_reset_by_starttls(session: RawSession) -> None:
    for _ in range(15):
        session.command(b"NOOP")
    session.start_tls()
    assert [session.command(b"NOOP")[:4] for _ in range(6)] == [b"250 "] * 5 + [b"421 "]


def test_broken_handshake_harms_nobody_else(server: Running, session: RawSession) -> None:
    session.command(b"STARTTLS")
    session.send(b"this is no TLS\r\n" * 10)
    assert session.is_closed()
    with server.session().hello() as other:
        assert other.command(DATA).startswith(b"250")


def test_without_certificate_starttls_is_unavailable() -> None:
    with receiving() as server, server.session().greet() as session:
        assert session.command(b"STARTTLS").startswith(b"454 4.7.0 ")


def test_configured_certificate_is_presented_and_read_anew(tmp_path: Path) -> None:
    files = (tmp_path / "chain.pem", tmp_path / "key.pem")
    write_certificate(files)
    paths = (str(files[0]), str(files[1]))
    with receiving(tls=configured_context(*paths), certificate=paths) as server:
        first = presented(server)
        write_certificate(files)
        assert server.service is not None
        server.service.reload_certificate()
        assert presented(server) != first
        files[0].write_text("damaged")
        server.service.reload_certificate()
        assert presented(server) != first


def write_certificate(files: tuple[Path, Path]) -> None:
    for file, octets in zip(files, _self_signed(HOSTNAME), strict=True):
        file.write_bytes(octets)


def presented(server: Running) -> bytes | None:
    with server.session().greet() as session:
        session.start_tls()
        assert isinstance(session.socket, ssl.SSLSocket)
        return session.socket.getpeercert(binary_form=True)
