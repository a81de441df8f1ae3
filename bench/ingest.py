"""`python -m bench.ingest`: how fast mail is accepted, beside yardsticks that run in turn on the same machine.

Times vary with the neighbours of a machine; the ratios of one round, and CPU time, are what to compare.
"""

from __future__ import annotations

import argparse
import pickle
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import postfix, processes
from bench.database import Database, database
from bench.inserting import Inserted, insert
from bench.messages import message_set
from bench.sending import Sent, send, wire

OURS, STOCK, BARE, POSTFIX = (
    "KundoMail to committed 250",
    "aiosmtpd stock, discarding",
    "bare INSERT",
    "Postfix to its queue",
)
AIMS = {BARE: 0.9, POSTFIX: 1.3}
# Limits that a benchmark from one address to one inbox runs into by design.
OPENED = {"SMTP_FLOOD_PER_MINUTE": "100000000", "SMTP_CONNECTIONS_PER_IP": "500", "SMTP_HOSTNAME": "mx.bench.example"}


def main() -> None:
    """Run the rounds and print the table."""
    options = _options()
    messages = list(message_set(options.messages))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as running:
        file = Path(folder) / "messages"
        file.write_bytes(pickle.dumps([wire(message) for message in messages]))
        base = running.enter_context(database())
        ours = running.enter_context(_receiving(base, options.processes))
        contenders = dict(_contenders(running, base, ours, messages, file, options))
        figures: dict[str, list[float]] = defaultdict(list)
        for number in range(options.rounds + 1):
            for name, run in contenders.items():
                figure = run()
                # The first round warms up caches, files and connections.
                if number:
                    figures[name].append(figure)
        _print(figures, ours, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--per-connection", type=int, default=0, help="messages on one connection; 0: no end")
    parser.add_argument("--processes", type=int, default=2, help="of the SMTP server")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


class Ours:
    """The real server, and what it and its database spent on the rounds."""

    def __init__(self, base: Database, server: subprocess.Popen[str], port: int, recipient: str) -> None:
        self.base, self.server, self.port, self.recipient = base, server, port, recipient
        self.accepted = 0
        self.seconds = {"server": 0.0, "database": 0.0}
        self.latencies: list[tuple[float, float]] = []
        self.bare_ms: list[float] = []

    def run(self, file: Path, connections: int, per_connection: int) -> float:
        """One round; the spool is emptied after it."""
        before = self._spent()
        sent = send(file, self.port, self.recipient, connections=connections, per_connection=per_connection)
        after = self._spent()
        _require_all(sent, OURS)
        stored = self._empty()
        if stored != sent.accepted:
            raise RuntimeError(f"{sent.accepted} messages accepted, {stored} stored")
        self.accepted += sent.accepted
        self.latencies.append((sent.median_ms, sent.p99_ms))
        for part in self.seconds:
            self.seconds[part] += after[part] - before[part]
        return sent.per_second

    def beside(self, inserted: Inserted, count: int) -> float:
        """Keep what the bare yardstick spent, to be compared with ours."""
        self.bare_ms.append(1000 * (inserted.clients + inserted.database) / count)
        return inserted.per_second

    def _spent(self) -> dict[str, float]:
        return {
            "server": processes.cpu_seconds(self.server.pid),
            "database": processes.cpu_seconds(self.base.pid),
        }

    def _empty(self) -> int:
        connection = self.base.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.queue', 'on', true)")
            cursor.execute("SELECT count(*) FROM forwarding_delivery")
            [(count,)] = cursor.fetchall()
            cursor.execute("TRUNCATE forwarding_delivery, forwarding_rawmail")
        connection.close()
        return int(count)


@contextmanager
def _receiving(base: Database, count: int) -> Iterator[Ours]:
    recipient = _recipient(base)
    server = base.manage("receive_mail", "--port", "0", "--processes", str(count), **OPENED)
    try:
        if server.stdout is None:
            raise RuntimeError("no output")
        port = int(server.stdout.readline().split(" port ")[1].split(",")[0])
        time.sleep(1)
        yield Ours(base, server, port, recipient)
    finally:
        server.terminate()
        server.wait(60)


def _recipient(base: Database) -> str:
    """The service address of an inbox made for the benchmark."""
    made = base.manage(
        "shell", "--no-imports", "-c", "from bench.inbox import service_address; print(service_address())"
    )
    output, _ = made.communicate()
    return output.split()[-1]


def _contenders(
    running: ExitStack, base: Database, ours: Ours, messages: Sequence[bytes], file: Path, options: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], float]]]:
    counts = {"connections": options.connections, "per_connection": options.per_connection}
    yield OURS, lambda: ours.run(file, **counts)
    stock = running.enter_context(_stock())
    yield STOCK, lambda: _require_all(send(file, stock, "a@example.org", **counts), STOCK).per_second
    yield BARE, lambda: ours.beside(insert(base, messages, clients=options.connections), len(messages))
    if postfix.is_installed():
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-postfix-")))
        folder.chmod(0o755)
        port = running.enter_context(postfix.accepting(folder))
        yield POSTFIX, lambda: _require_all(send(file, port, "a@example.org", **counts), POSTFIX).per_second


@contextmanager
def _stock() -> Iterator[int]:
    """aiosmtpd's own server with its handler that throws everything away."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        yield port
    finally:
        server.kill()
        server.wait()


def _require_all(sent: Sent, name: str) -> Sent:
    if sent.refused:
        raise RuntimeError(f"{name} refused {sent.refused} messages")
    return sent


def _print(figures: dict[str, list[float]], ours: Ours, options: argparse.Namespace) -> None:
    print(
        f"{options.messages} messages, {options.connections} connections, {options.processes} server processes, "
        f"median of {options.rounds} rounds run in turn\n"
    )
    print(f"{'':32}{'messages/s':>12}{'ours / it':>12}   aim")
    for name, values in figures.items():
        ratios = [mine / its for mine, its in zip(figures[OURS], values, strict=True)]
        aim = f"  >= {AIMS[name]}" if name in AIMS else ""
        print(f"{name:32}{statistics.median(values):12,.0f}{statistics.median(ratios):12.2f} {aim}")
    cpu = {part: 1000 * seconds / ours.accepted for part, seconds in ours.seconds.items()}
    median, p99 = (statistics.median(values) for values in zip(*ours.latencies, strict=True))
    print(f"\nCPU per message: server {cpu['server']:.2f} ms, database {cpu['database']:.2f} ms")
    print(f"Bare INSERT, client and database: {statistics.median(ours.bare_ms):.2f} ms")
    print(f"From MAIL to 250: median {median:.1f} ms, 99th percentile {p99:.1f} ms")
    print(f"Peak memory of a server process: {processes.peak_megabytes(ours.server.pid):.0f} MB")


if __name__ == "__main__":
    main()
