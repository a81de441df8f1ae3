"""The SMTP server as processes of its own, for tests that kill it or measure its memory and descriptors.

The spool appends one line per message to a file and flushes it to disk, so that a test can compare it with the 250s.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import django

from forwarding.smtpd.body import Body
from forwarding.smtpd.door import Door, FloodGate
from forwarding.smtpd.envelope import Envelope
from forwarding.smtpd.limits import Limits
from forwarding.smtpd.processes import Processes
from forwarding.smtpd.server import listen
from forwarding.smtpd.service import Service

START_SECONDS = 20.0
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Spawned:
    """A running server: its port, the parent process, and the file its spool writes."""

    port: int
    parent: subprocess.Popen[str]
    stored: Path

    def children(self) -> list[int]:
        """Process ids of the processes that serve."""
        text = Path(f"/proc/{self.parent.pid}/task/{self.parent.pid}/children").read_text()
        return [int(number) for number in text.split()]

    def memory(self) -> int:
        """Resident memory of the serving processes, in octets."""
        return sum(_resident(pid) for pid in self.children())

    def stored_sizes(self) -> list[int]:
        """Size of each stored message, in octets."""
        return [int(line) for line in self.stored.read_text().split()] if self.stored.exists() else []


@contextmanager
def spawned(
    directory: Path, limits: Limits | None = None, *, processes: int = 1, descriptors: int = 0
) -> Iterator[Spawned]:
    """Start the server; `descriptors` bounds its file descriptors (RLIMIT_NOFILE). Ends it with SIGTERM."""
    stored = directory / "stored"
    arguments = [json.dumps(asdict(limits or Limits())), str(processes), str(descriptors), str(stored)]
    command = [sys.executable, "-m", "tests.support.smtp_process", *arguments]
    parent = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        server = Spawned(int(parent.stdout.readline()), parent, stored)
        wait_until(lambda: len(server.children()) == processes)
        yield server
    finally:
        parent.send_signal(signal.SIGTERM)
        try:
            parent.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            parent.kill()
            parent.wait()


def wait_until(condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Wait for a condition to come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def _resident(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


class _FileSpool:
    """Appends each message's size to a file, durably."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def store(self, envelope: Envelope, body: Body) -> None:
        """Return when the line is on disk."""
        await asyncio.to_thread(self._append, body.size)

    def _append(self, size: int) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, b"%d\n" % size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def main(limits_text: str, processes: str, descriptors: str, stored: str) -> None:
    """Run until SIGTERM; prints the port."""
    django.setup()
    from tests.support.smtp import HOSTNAME, TableDirectory

    if int(descriptors):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), int(descriptors)))
    limits = Limits(**json.loads(limits_text))
    listeners = listen("127.0.0.1", 0, int(processes))
    door, flood = Door(limits), FloodGate(limits.flood_per_minute)

    def make_service() -> Service:
        return Service(limits, TableDirectory({"jobb.lillestad.se": 1}), _FileSpool(stored), door, flood, HOSTNAME)

    print(listeners[0].getsockname()[1], flush=True)
    Processes(listeners, door, make_service, stop_seconds=limits.drain_seconds).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
