"""Several processes on one port: killed, stopped, and measured from outside."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from forwarding.smtpd.limits import Limits
from forwarding.smtpd.server import listen
from tests.support.smtp import RECIPIENT, RawSession, stock_server
from tests.support.smtp_process import Spawned, spawned, wait_until

DATA = b"Subject: x\r\n\r\nx\r\n."
MEGABYTE = 1_000_000
LIMIT = 33_500_000


def deliver(server: Spawned) -> None:
    with RawSession(server.port).hello() as session:
        assert session.command(DATA).startswith(b"250")


def test_all_processes_serve_one_port(tmp_path: Path) -> None:
    with spawned(tmp_path, processes=2) as server:
        sessions = [RawSession(server.port).greet() for _ in range(20)]
        assert all(connections_of(pid) for pid in server.children())
        for session in sessions:
            session.close()


def connections_of(pid: int) -> int:
    """How many sockets a process has open besides its listener."""
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return sum(link.startswith("socket:") for link in links) - 3  # the listener and asyncio's own pair


def test_killed_process_is_replaced_and_holds_no_connections(tmp_path: Path) -> None:
    with spawned(tmp_path, Limits(connections=2)) as server:
        sessions = [RawSession(server.port).greet() for _ in range(2)]
        [victim] = server.children()
        os.kill(victim, signal.SIGKILL)
        assert all(session.is_closed() for session in sessions)
        wait_until(lambda: server.children() not in ([], [victim]))
        deliver(server)


def test_connections_are_counted_over_all_processes(tmp_path: Path) -> None:
    with spawned(tmp_path, Limits(connections_per_ip=10), processes=2) as server:
        sessions = [RawSession(server.port) for _ in range(30)]
        codes = [session.reply()[:3] for session in sessions]
        assert codes.count(b"220") == 10
        assert codes.count(b"421") == 20
        for session in sessions:
            session.close()


def test_sigterm_ends_everything_and_frees_the_port(tmp_path: Path) -> None:
    with spawned(tmp_path, Limits(drain_seconds=1), processes=2) as server:
        session = RawSession(server.port).greet()
        server.parent.send_signal(signal.SIGTERM)
        assert session.reply().startswith(b"421 4.3.2 ")
        assert server.parent.wait(10) == 0
        with pytest.raises(ConnectionRefusedError):
            RawSession(server.port)


def test_parent_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    with spawned(tmp_path, Limits(drain_seconds=1), processes=2) as server:
        children = server.children()
        server.parent.kill()
        server.parent.wait()
        wait_until(lambda: not any(is_running(pid) for pid in children))


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_every_250_under_sigterm_is_stored(tmp_path: Path) -> None:
    with spawned(tmp_path, Limits(drain_seconds=1, connections_per_ip=100), processes=2) as server:
        sessions = [RawSession(server.port).hello() for _ in range(50)]
        for number, session in enumerate(sessions):
            session.send(b"Subject: x\r\n\r\nx\r\n" + (b".\r\n" if number % 2 else b""))
        server.parent.send_signal(signal.SIGTERM)
        codes = [session.reply()[:3] for session in sessions]
        assert set(codes[0::2]) == {b"421"}
        server.parent.wait(10)
        assert len(server.stored_sizes()) >= codes.count(b"250") > 0


def test_port_in_use_is_noticed_although_processes_share_ports() -> None:
    [listener] = listen("127.0.0.1", 0, 1)
    with listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1], 1)


def test_descriptors_are_kept_in_reserve(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    limits = Limits(connections=1_000, connections_per_ip=1_000)
    with spawned(tmp_path, limits, descriptors=200) as server:
        sessions = [RawSession(server.port) for _ in range(260)]
        codes = [session.reply()[:3] for session in sessions]
        assert set(codes) == {b"220", b"421"}
        assert codes.count(b"220") <= 150
        first = sessions[codes.index(b"220")]
        first.command(b"EHLO x")
        first.envelope()
        assert first.command(DATA).startswith(b"250")
        for session in sessions:
            session.close()
    assert "file descriptors running out" in capfd.readouterr().err


# --- Heavy ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"x" * 65_536, b"0123456789abcd\r\n" * 4_096], ids=["endless line", "good lines"])
def test_300_megabytes_leave_memory_flat_and_others_unharmed(tmp_path: Path, line: bytes) -> None:
    with spawned(tmp_path, Limits(message_octets=LIMIT)) as server, RawSession(server.port).greet() as other:
        with RawSession(server.port).hello() as session:
            before, peak, waits = server.memory(), 0, []

            def look() -> None:
                nonlocal peak
                peak = max(peak, server.memory())
                began = time.monotonic()
                assert other.command(b"NOOP" if len(waits) < 15 else b"EHLO x").startswith(b"250")
                waits.append(time.monotonic() - began)

            sent = pour(session, line, 300 * MEGABYTE, look)
        assert 2 * LIMIT <= sent < 2 * LIMIT + 20 * MEGABYTE
        assert peak - before < 30 * MEGABYTE
        assert max(waits) < 0.2
        assert server.stored_sizes() == []


def pour(session: RawSession, octets: bytes, total: int, look: Callable[[], None]) -> int:
    """Send up to `total` octets, calling `look` every 8 MB; returns how many were taken."""
    sent = 0
    try:
        while sent < total:
            session.send(octets)
            sent += len(octets)
            if sent // len(octets) % 128 == 0:
                look()
    except OSError:
        pass
    return sent


@pytest.mark.slow
def test_stock_server_keeps_300_megabytes_in_memory() -> None:
    with stock_server() as stock, stock.session(patience=60).hello() as session:
        statm = Path("/proc/self/statm")
        before = int(statm.read_text().split()[1])
        for _ in range(4_600):
            session.send(b"x" * 65_536)
        grown = (int(statm.read_text().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE")
        assert grown > 150 * MEGABYTE


@pytest.mark.slow
def test_message_twice_as_large_as_memory_allows_is_stored_whole(tmp_path: Path) -> None:
    with spawned(tmp_path) as server, RawSession(server.port).hello() as session:
        before = server.memory()
        for _ in range(700):
            session.send(b"0123456789abcd\r\n" * 4_096)
        assert session.command(b".").startswith(b"250")
        assert server.memory() - before < 30 * MEGABYTE
        assert server.stored_sizes() == [700 * 65_536]


@pytest.mark.slow
def test_3_000_idle_connections_do_not_shut_others_out(tmp_path: Path) -> None:
    with spawned(tmp_path, processes=2) as server:
        held = [connection for number in range(3_000) if (connection := idle(server.port, number))]
        codes = [connection.recv(3) for connection in held]
        assert codes.count(b"220") == 500
        assert set(codes) == {b"220", b"421"}
        for connection in held[: codes.index(b"421")]:
            connection.close()
        began = time.monotonic()
        wait_until(lambda: admitted(server))
        assert time.monotonic() - began < 2
        for connection in held:
            connection.close()


def idle(port: int, number: int) -> socket.socket:
    """A connection from one of 200 addresses, which is never used."""
    return socket.create_connection(("127.0.0.1", port), 10, (f"127.0.1.{number % 200 + 1}", 0))


def admitted(server: Spawned) -> bool:
    with RawSession(server.port, source="127.0.2.1") as session:
        return session.reply().startswith(b"220")


@pytest.mark.slow
def test_20_000_pipelined_recipients_do_not_delay_others(tmp_path: Path) -> None:
    with (
        spawned(tmp_path) as server,
        RawSession(server.port).greet() as other,
        RawSession(server.port).greet() as session,
    ):
        session.command(b"MAIL FROM:<a@b.c>")
        flood = b"RCPT TO:<%s>\r\n" % RECIPIENT.encode() * 20_000
        flooding = threading.Thread(target=pour, args=(session, flood, 1, lambda: None))
        flooding.start()
        began = time.monotonic()
        assert other.command(b"NOOP").startswith(b"250")
        assert time.monotonic() - began < 0.2
        flooding.join()
        codes = [session.reply()[:3] for _ in range(499)]
        assert codes == [b"250"] * 100 + [b"452"] * 398 + [b"421"]
