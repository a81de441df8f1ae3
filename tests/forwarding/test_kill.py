"""A 250 survives the death of every process at any moment (security.md of the design: fault tests 1 and 2)."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from bench import processes
from bench.database import Database, database
from tests.support.smtp import RawSession

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SENDERS = 8
KILLS = 24
MAILS = 10_000
OPENED = {"SMTP_FLOOD_PER_MINUTE": "100000000", "SMTP_CONNECTIONS_PER_IP": "500", "SMTP_STORE_SECONDS": "20"}
TOKEN = re.compile(rb"Subject: (\d+)\r\n")


@dataclass
class Postbag:
    """What the senders do and learn. A mail counts as acknowledged only with its own 250."""

    port: int
    recipient: str
    numbers: Iterator[int]
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: set[int] = field(default_factory=set)
    refusals: set[bytes] = field(default_factory=set)

    def send(self) -> None:
        """Like a mail server: each mail again and again until it is accepted."""
        session: RawSession | None = None
        for number in self.numbers:
            if self.stop.is_set():
                return
            while not self.stop.is_set() and number not in self.acknowledged:
                try:
                    session = session or RawSession(self.port, patience=30).greet()
                    self._deliver(session, number)
                except (OSError, AssertionError):
                    session = None
                    time.sleep(0.05)

    def _deliver(self, session: RawSession, number: int) -> None:
        lines = (
            b"MAIL FROM:<a@example.org>",
            b"RCPT TO:<%s>" % self.recipient.encode(),
            b"DATA",
            b"Subject: %d\r\n\r\n%s\r\n." % (number, b"x" * (number * 7919 % 20_000)),
        )
        for line in lines:
            reply = session.command(line)
            if not reply.startswith((b"2", b"3")):
                self.refusals.update([reply[:9]] if reply else [])  # nothing at all: the connection broke
                raise ConnectionError(reply)
        self.acknowledged.add(number)


@contextmanager
def sending(port: int, recipient: str, numbers: Iterator[int]) -> Iterator[Postbag]:
    """Eight senders at work."""
    lock = threading.Lock()

    def shared() -> Iterator[int]:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    bag = Postbag(port, recipient, numbers)
    threads = []
    for _ in range(SENDERS):
        mine = Postbag(port, recipient, shared(), bag.stop, bag.acknowledged, bag.refusals)
        threads.append(threading.Thread(target=mine.send))
        threads[-1].start()
    try:
        yield bag
    finally:
        bag.stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def receiving(base: Database, *program: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The SMTP server: two processes under one parent."""
    server = base.python(*program, "--port", "0", "--processes", "2", **OPENED)
    try:
        assert server.stdout is not None
        yield server, int(server.stdout.readline().split(" port ")[1].split(",")[0])
    finally:
        server.terminate()
        server.wait(120)


@pytest.fixture(scope="module")
def base() -> Iterator[Database]:
    with database("kill") as running:
        yield running


@pytest.fixture
def recipient(base: Database) -> str:
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE forwarding_delivery, forwarding_rawmail")
    connection.close()
    made = base.manage(
        "shell", "--no-imports", "-c", "from bench.inbox import service_address; print(service_address())"
    )
    return made.communicate()[0].split()[-1]


def kill_something(base: Database, server: subprocess.Popen[str], chance: random.Random) -> None:
    """One of the SMTP processes, or the whole database, which is then started again."""
    children = processes.children(server.pid)
    if children and chance.random() < 0.5:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)
    else:
        base.kill()
        base.start()


def stored(base: Database) -> set[int]:
    """The numbers of the mails that are in the spool, with their delivery."""
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.queue', 'on', true)")
        cursor.execute(
            "SELECT substring(content for 100) FROM forwarding_rawmail r"
            " WHERE EXISTS (SELECT 1 FROM forwarding_delivery d WHERE d.raw_id = r.id)"
        )
        found = {int(match[1]) for (head,) in cursor.fetchall() if (match := TOKEN.match(bytes(head)))}
    connection.close()
    return found


def test_no_acknowledged_mail_is_lost(base: Database, recipient: str) -> None:
    chance = random.Random()
    with receiving(base, "manage.py", "receive_mail") as (server, port):
        with sending(port, recipient, iter(range(10**9))) as bag:
            kills = 0
            while kills < KILLS or len(bag.acknowledged) < MAILS:
                time.sleep(chance.uniform(0.1, 1.0))
                kill_something(base, server, chance)
                kills += 1
        missing = bag.acknowledged - stored(base)
    print(f"{kills} kills, {len(bag.acknowledged)} mails acknowledged, {len(missing)} missing; {bag.refusals}")
    assert missing == set()
    assert all(reply.startswith(b"4") for reply in bag.refusals)


def test_without_waiting_for_the_disk_mail_is_lost(base: Database, recipient: str) -> None:
    with (
        receiving(base, "-m", "tests.support.careless_smtp") as (_server, port),
        sending(port, recipient, iter(range(10**9))) as bag,
    ):
        missing: set[int] = set()
        for _ in range(10):
            time.sleep(1)
            before = set(bag.acknowledged)
            base.kill()
            base.start()
            missing = before - stored(base)
            if missing:
                break
    assert missing, "the test above could not fail either"
