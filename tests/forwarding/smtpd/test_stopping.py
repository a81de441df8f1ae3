"""SIGTERM and deploys: nobody is promised a message that is not stored."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from forwarding.smtpd.limits import Limits
from tests.support.smtp import Running, receiving

DATA = b"Subject: x\r\n\r\nx\r\n."


@contextmanager
def draining(server: Running) -> Iterator[threading.Thread]:
    """Tell the server to stop, and go on while it does."""
    thread = threading.Thread(target=server.drain)
    thread.start()
    time.sleep(0.1)
    yield thread
    thread.join()


def test_quiet_session_is_told_at_once(server: Running) -> None:
    with server.session().greet() as session, draining(server):
        assert session.reply().startswith(b"421 4.3.2 ")
        assert session.reply() == b""


def test_new_connection_is_refused() -> None:
    with receiving(Limits(drain_seconds=0.5)) as server, server.session().hello(), draining(server):
        try:
            with server.session() as late:
                assert late.reply()[:3] in (b"421", b"")
        except ConnectionRefusedError:
            pass


def test_message_under_way_is_finished_and_then_the_session_ends(server: Running) -> None:
    with server.session().hello() as session, draining(server):
        assert session.command(DATA).startswith(b"250")
        assert session.reply().startswith(b"421 4.3.2 ")
    assert len(server.spool.mails) == 1


def test_transaction_under_way_is_finished(server: Running) -> None:
    with server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        with draining(server):
            session.command(b"RCPT TO:<jobb.lillestad.se@mail.kundo.se>")
            session.command(b"DATA")
            assert session.command(DATA).startswith(b"250")


def test_50_sessions_inside_data_are_told_after_the_drain_time() -> None:
    limits = Limits(drain_seconds=0.6, connections_per_ip=100)
    with receiving(limits) as server:
        sessions = [server.session().hello() for _ in range(50)]
        for session in sessions:
            session.send(b"Subject: half")
        began = time.monotonic()
        with draining(server):
            assert [session.reply()[:10] for session in sessions] == [b"421 4.3.2 "] * 50
            assert 0.5 < time.monotonic() - began < 5
        assert server.spool.mails == []
        for session in sessions:
            session.close()


def test_commit_that_outlasts_the_drain_is_finished_but_not_promised() -> None:
    with receiving(Limits(drain_seconds=0.2)) as server, server.session().hello() as session:
        server.spool.before = lambda: asyncio.sleep(1)
        session.send(DATA + b"\r\n")
        time.sleep(0.1)
        with draining(server):
            assert session.reply().startswith(b"421 4.3.2 ")
        assert len(server.spool.mails) == 1


def test_idle_server_stops_at_once(server: Running) -> None:
    began = time.monotonic()
    server.drain()
    assert time.monotonic() - began < 1
