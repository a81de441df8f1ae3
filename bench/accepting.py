"""Who takes mail in `bench.ingest`: the real server, and the yardsticks beside it, each with the same octets and clients."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import inserting, postfix, processes
from bench.database import Database
from bench.sending import Sent, send

OURS, STOCK, BARE, POSTFIX = (
    "KundoMail to committed 250",
    "aiosmtpd stock, discarding",
    "bare INSERT",
    "Postfix to its queue",
)
# Limits that a benchmark from one address to one inbox runs into by design.
_OPENED = {"SMTP_FLOOD_PER_MINUTE": "100000000", "SMTP_CONNECTIONS_PER_IP": "500", "SMTP_HOSTNAME": "mx.bench.example"}
_SETTLE_SECONDS = 1.5


@dataclass(frozen=True)
class Load:
    """The messages of one round, as octets and as a file for `bench.sending`, and how many clients send them."""

    messages: Sequence[bytes]
    file: Path
    connections: int


@dataclass(frozen=True)
class Taken:
    """Messages a second, CPU milliseconds per message by part, and latencies from MAIL to 250 where there is any."""

    per_second: float
    cpu_ms: Mapping[str, float]
    median_ms: float = 0.0
    p99_ms: float = 0.0


Contender = Callable[[Load], Taken]


@dataclass(frozen=True)
class Ours:
    """The real server with its database."""

    base: Database
    process: subprocess.Popen[str]
    port: int
    recipient: str

    def take(self, load: Load) -> Taken:
        """One round. What was accepted stays in the spool, and is counted there."""
        stored = self._stored()
        taken = _sent(
            load, self.port, self.recipient, {"SMTP server": self.process.pid, "database": self.base.pid}, name=OURS
        )
        if self._stored() - stored != len(load.messages):
            raise RuntimeError(f"{len(load.messages)} messages accepted, {self._stored() - stored} stored")
        return taken

    def _stored(self) -> int:
        [(count,)] = self.base.rows("SELECT count(*) FROM forwarding_delivery")
        return int(count)


@contextmanager
def receiving(base: Database, count: int) -> Iterator[Ours]:
    """Run the real server with `count` processes."""
    recipient = _recipient(base)
    server = base.manage("receive_mail", "--port", "0", "--processes", str(count), **_OPENED)
    try:
        if server.stdout is None:
            raise RuntimeError("no output")
        port = int(server.stdout.readline().split(" port ")[1].split(",")[0])
        time.sleep(_SETTLE_SECONDS)
        yield Ours(base, server, port, recipient)
    finally:
        server.terminate()
        server.wait(60)


def yardsticks(running: ExitStack, base: Database) -> dict[str, Contender]:
    """What is compared with, by name. They run until `running` ends."""
    stock_port, stock = running.enter_context(_stock())
    found = {STOCK: lambda load: _sent(load, stock_port, "a@example.org", {STOCK: stock.pid}, name=STOCK)}
    found[BARE] = lambda load: _inserted(load, base)
    if postfix.is_installed():
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-postfix-")))
        folder.chmod(0o755)
        other = running.enter_context(postfix.accepting(folder))
        found[POSTFIX] = lambda load: _sent(load, other.port, "a@example.org", {POSTFIX: other.pid}, name=POSTFIX)
    return found


def _sent(load: Load, port: int, recipient: str, pids: Mapping[str, int], *, name: str) -> Taken:
    before = {part: processes.cpu_seconds(pid) for part, pid in pids.items()}
    sent: Sent = send(load.file, port, recipient, connections=load.connections)
    after = {part: processes.cpu_seconds(pid) for part, pid in pids.items()}
    if sent.refused:
        raise RuntimeError(f"{name} refused {sent.refused} messages")
    cpu = {part: 1000 * (after[part] - before[part]) / sent.accepted for part in pids}
    return Taken(sent.per_second, cpu, sent.median_ms, sent.p99_ms)


def _inserted(load: Load, base: Database) -> Taken:
    done = inserting.insert(base, load.messages, clients=load.connections)
    return Taken(done.per_second, {BARE: 1000 * (done.clients + done.database) / len(load.messages)})


def _recipient(base: Database) -> str:
    """The service address of an inbox made for the benchmark."""
    made = base.manage(
        "shell", "--no-imports", "-c", "from bench.inbox import service_address; print(service_address())"
    )
    output, _ = made.communicate()
    return output.split()[-1]


@contextmanager
def _stock() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """aiosmtpd's own server with its handler that throws everything away."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(_SETTLE_SECONDS)
        yield port, server
    finally:
        server.kill()
        server.wait()
