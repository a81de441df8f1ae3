"""Receiving the message itself: sizes, speeds, loops, and the promise of the 250."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from forwarding.smtpd.limits import Limits
from tests.support.smtp import HOSTNAME, MemorySpool, RawSession, Running, TableDirectory, receiving, stock_server

DATA = b"Subject: x\r\n\r\nx\r\n."
SECRET = 'connection to server at "10.0.0.5", password=secret'
FIXED = b"451 4.3.0 Temporary failure, please retry\r\n"
MEGABYTE = 1_000_000


def failing(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


# --- Errors of ours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RuntimeError, ConnectionResetError, OSError, EOFError, asyncio.IncompleteReadError])
def test_error_while_storing_is_temporary_and_tells_nothing(server: Running, kind: type[Exception]) -> None:
    error = kind(b"", 1) if kind is asyncio.IncompleteReadError else kind(SECRET)  # type: ignore[call-arg]
    server.spool.before = failing(error)
    with server.session().hello() as session:
        assert session.command(DATA) == FIXED
        server.spool.before = None
        session.envelope()
        assert session.command(DATA).startswith(b"250")


@pytest.mark.parametrize("kind", [RuntimeError, ConnectionResetError, TimeoutError])
def test_error_while_looking_up_is_temporary_and_tells_nothing(kind: type[Exception]) -> None:
    class FailingDirectory(TableDirectory):
        async def resolve(self, argument: str, smtputf8: bool) -> object:  # type: ignore[override]  # never returns
            raise kind(SECRET)

    with receiving(directory=FailingDirectory({})) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"RCPT TO:<jobb.lillestad.se@mail.kundo.se>") == FIXED
        assert session.command(b"NOOP").startswith(b"250")


def test_stock_server_answers_500_and_tells_everything() -> None:
    with stock_server(RuntimeError(SECRET)) as stock, stock.session().hello() as session:
        reply = session.command(DATA)
    assert reply.startswith(b"500")
    assert b"10.0.0.5" in reply


def test_slow_lookup_is_temporary() -> None:
    class SlowDirectory(TableDirectory):
        async def resolve(self, argument: str, smtputf8: bool) -> object:  # type: ignore[override]  # never returns
            await asyncio.sleep(60)

    limits = Limits(resolve_seconds=0.2)
    with receiving(limits, directory=SlowDirectory({})) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"RCPT TO:<jobb.lillestad.se@mail.kundo.se>") == FIXED


def test_slow_commit_is_answered_as_temporary_and_still_happens() -> None:
    with receiving(Limits(store_seconds=0.2)) as server, server.session().hello() as session:
        server.spool.before = lambda: asyncio.sleep(0.6)
        assert session.command(DATA) == FIXED
        assert server.spool.mails == []
        server.spool.wait(1)


def test_250_is_not_said_before_the_message_is_stored(server: Running) -> None:
    server.spool.before = lambda: asyncio.sleep(0.5)
    with server.session().hello() as session:
        began = time.monotonic()
        assert session.command(DATA).startswith(b"250")
        assert time.monotonic() - began >= 0.5
    assert len(server.spool.mails) == 1


# --- Peers that vanish ---------------------------------------------------------------------------------------------


def test_peer_that_drops_after_the_dot_does_not_undo_the_commit(server: Running) -> None:
    server.spool.before = lambda: asyncio.sleep(0.5)
    with server.session().hello() as session:
        session.send(DATA + b"\r\n")
        time.sleep(0.1)
    assert server.spool.wait(1)[0].content == b"Subject: x\r\n\r\nx\r\n"


def test_stock_server_cancels_the_work_when_the_peer_drops() -> None:
    with stock_server() as stock:
        stock.spool.before = lambda: asyncio.sleep(0.4)
        with stock.session().hello() as session:
            session.send(DATA + b"\r\n")
            time.sleep(0.1)
        time.sleep(0.6)
        assert stock.spool.mails == []


def test_peer_that_drops_inside_data_leaves_nothing(server: Running) -> None:
    with server.session().hello() as session:
        session.send(b"Subject: x\r\n\r\nhalf a mess")
    with server.session().hello() as session:
        assert session.command(DATA).startswith(b"250")
    assert len(server.spool.mails) == 1


# --- Sizes ---------------------------------------------------------------------------------------------------------


def test_announced_size_above_the_limit_is_refused_at_once(server: Running) -> None:
    with server.session().greet() as session:
        assert session.command(b"MAIL FROM:<a@b.c> SIZE=99999999").startswith(b"552 5.3.4 ")


@pytest.mark.parametrize("parameter", [b" SIZE=10", b""])
def test_message_above_the_limit_is_read_and_refused_at_its_end(parameter: bytes) -> None:
    with receiving(Limits(message_octets=MEGABYTE)) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>" + parameter)
        session.command(b"RCPT TO:<jobb.lillestad.se@mail.kundo.se>")
        session.command(b"DATA")
        session.send(b"0123456789abcd\r\n" * 75_000)
        assert session.command(b".").startswith(b"552 5.3.4 ")
        session.envelope()
        assert session.command(DATA).startswith(b"250")
        assert len(server.spool.mails) == 1


def test_message_of_exactly_the_limit_is_accepted() -> None:
    with receiving(Limits(message_octets=MEGABYTE)) as server:
        for extra, expected in ((0, b"250"), (1, b"552")):
            with server.session().hello() as session:
                session.send(b".." + b"x" * (MEGABYTE - 3 + extra) + b"\r\n")
                assert session.command(b".").startswith(expected)


def test_endless_message_is_cut_off_at_twice_the_limit() -> None:
    with receiving(Limits(message_octets=MEGABYTE)) as server, server.session().hello() as session:
        sent = send_until_closed(session, b"x" * 10_000, 20 * MEGABYTE)
        # What lies in the kernel's buffers was sent, but never read.
        assert 2 * MEGABYTE <= sent < 16 * MEGABYTE
        assert session.reply()[:3] in (b"421", b"")
    assert server.spool.mails == []


def send_until_closed(session: RawSession, octets: bytes, at_most: int, pause: float = 0) -> int:
    """Send `octets` again and again; returns how many were taken before the server closed."""
    sent = 0
    try:
        while sent < at_most:
            session.send(octets)
            sent += len(octets)
            time.sleep(pause)
    except OSError:
        pass
    return sent


@pytest.mark.parametrize("octets", [1_002, 200_000, 1_048_576])
def test_long_line_is_accepted_as_it_is(server: Running, octets: int) -> None:
    line = b"x" * octets
    with server.session().hello() as session:
        assert session.command(b"Subject: x\r\n\r\n" + line + b"\r\n.").startswith(b"250")
    assert server.spool.mails[0].content == b"Subject: x\r\n\r\n" + line + b"\r\n"


def test_stock_server_refuses_a_long_line(stock: Running) -> None:
    with stock.session().hello() as session:
        assert session.command(b"x" * 1_002 + b"\r\n.").startswith(b"500")


def test_100_000_header_lines_are_accepted(server: Running) -> None:
    with server.session().hello() as session:
        session.send(b"".join(b"X-%d: y\r\n" % number for number in range(100_000)))
        assert session.command(b"\r\nx\r\n.").startswith(b"250")
    assert server.spool.mails[0].content.count(b"\r\nX-") == 99_999


def test_large_message_goes_over_disk_and_arrives_whole(tmp_path: Path) -> None:
    limits = Limits(body_memory_octets=50_000)
    body = b"".join(b"%d\r\n..%d\r\n" % (number, number) for number in range(30_000))
    with receiving(limits, temporary_directory=str(tmp_path)) as server, server.session().hello() as session:
        assert session.command(body + b".").startswith(b"250")
    assert server.spool.mails[0].content == body.replace(b"\r\n..", b"\r\n.")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_before_any_data() -> None:
    with receiving(Limits(free_disk_octets=10**18)) as server, server.session().greet() as session:
        assert session.command(b"MAIL FROM:<a@b.c>").startswith(b"452 4.3.1 ")


def test_disk_error_is_temporary_and_the_rest_of_the_message_is_not_obeyed() -> None:
    limits = Limits(body_memory_octets=1_000, free_disk_octets=0)
    with receiving(limits, temporary_directory="/proc") as server, server.session().hello() as session:
        session.send(b"x" * 5_000 + b"\r\n")
        time.sleep(0.3)
        session.send(b"QUIT\r\nRSET\r\n" * 1_000)
        assert session.command(b".") == FIXED
        assert session.command(b"NOOP").startswith(b"250")


# --- Speeds --------------------------------------------------------------------------------------------------------


def test_slow_sender_is_heard_out_while_octets_flow() -> None:
    with receiving(Limits(data_idle_seconds=0.5)) as server, server.session().hello() as session:
        for _ in range(12):
            session.send(b"a line\r\n")
            time.sleep(0.1)
        assert session.command(b".").startswith(b"250")


def test_stock_server_cuts_off_a_slow_sender() -> None:
    with stock_server(timeout=0.5) as stock, stock.session().hello() as session:
        sent = send_until_closed(session, b"a line\r\n", 20 * 8, pause=0.1)
    assert sent < 20 * 8


def test_silence_inside_data_ends_the_session() -> None:
    with receiving(Limits(data_idle_seconds=0.3)) as server, server.session().hello() as session:
        session.send(b"Subject: x\r\n")
        assert session.reply().startswith(b"421 4.4.2 ")
        assert session.reply() == b""


def test_trickle_ends_the_session_after_the_grace_time() -> None:
    limits = Limits(data_grace_seconds=0.5, data_octets_per_second=1_000)
    with receiving(limits) as server, server.session().hello() as session:
        began = time.monotonic()
        while not select.select([session.socket], [], [], 0.05)[0]:
            session.send(b"x")
            assert time.monotonic() - began < 10
        assert time.monotonic() - began > 0.4
        assert session.reply().startswith(b"421 4.4.2 ")
        assert session.is_closed()


# --- Loops ---------------------------------------------------------------------------------------------------------


def message(received: int, by: str = "mx.other.example") -> bytes:
    return b"Received: from a\r\n\tby %s with ESMTP; x\r\n" % by.encode() * received + b"Subject: x\r\n\r\nx\r\n."


@pytest.mark.parametrize(("received", "expected"), [(100, b"250 "), (101, b"554 5.4.6 ")])
def test_received_headers_are_bounded(server: Running, received: int, expected: bytes) -> None:
    with server.session().hello() as session:
        assert session.command(message(received)).startswith(expected)


@pytest.mark.parametrize(("received", "expected"), [(2, b"250 "), (3, b"554 5.4.6 ")])
def test_own_host_seen_three_times_is_a_loop(received: int, expected: bytes) -> None:
    with receiving(own_hosts={HOSTNAME}) as server, server.session().hello() as session:
        assert session.command(message(received, HOSTNAME.upper())).startswith(expected)


def test_quoted_received_headers_are_no_loop(server: Running) -> None:
    with server.session().hello() as session:
        assert session.command(b"Subject: x\r\n\r\n" + message(150)).startswith(b"250")


def test_spool_sees_nothing_of_a_loop() -> None:
    spool = MemorySpool()
    with receiving(spool=spool) as server, server.session().hello() as session:
        session.command(message(101))
        session.envelope()
        assert session.command(DATA).startswith(b"250")
    assert len(spool.mails) == 1
