"""Workers killed at the worst moment: between the relay's acceptance of a mail and the record of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from organizations import scope
from tests.support import builders
from tests.support.outgoing import queued
from tests.support.relay import FakeRelay, fake_relay
from whitelabel import outbox_queue
from whitelabel.models import OutboundMail, OutboundRecipient

CHECKOUT = Path(__file__).resolve().parents[2]
MAILS = 6000
KILLS_PER_MAIL = 1 / 100
LEASE_SECONDS = 5
PATIENCE_SECONDS = 500


class Workers:
    """Some `deliver_mail` processes; one that dies is started again."""

    def __init__(self, count: int, environment: dict[str, str]) -> None:
        self._environment = environment
        self._processes = [self._start() for _ in range(count)]
        self.kills = 0
        self._lock = threading.Lock()

    def kill_one(self) -> None:
        """SIGKILL: no goodbye, no clean-up."""
        with self._lock:
            victim = random.choice(self._processes)
            if victim.poll() is None:
                os.kill(victim.pid, signal.SIGKILL)
                self.kills += 1

    def replace_the_dead(self) -> None:
        with self._lock:
            self._processes = [p if p.poll() is None else self._start() for p in self._processes]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(20)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "manage.py", "deliver_mail"], cwd=CHECKOUT, env=self._environment)


@contextmanager
def workers(relay: FakeRelay, question: str, count: int = 2) -> Iterator[Workers]:
    """Worker processes on this test's database, with a short lease."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "RELAY_URL": f"smtp://127.0.0.1:{relay.port}",
        "RELAY_TIMEOUT_SECONDS": "1",
        "RELAY_SESSION_SECONDS": "1",
        "RELAY_DOT_SECONDS": "1",
        "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
        "RELAY_QUESTION": question,
        "RELAY_LOG_FILE": str(relay.log or ""),
        "LOG_LEVEL": "ERROR",
    }
    running = Workers(count, environment)
    try:
        yield running
    finally:
        running.stop()


def fill_the_outbox(town: builders.Town, count: int) -> None:
    """Many mails with the octets of one, which costs no signature each."""
    with scope.organization(town.organization):
        pattern = queued(town.inbox)
        now = timezone.now()
        values = {f.attname: getattr(pattern, f.attname) for f in OutboundMail._meta.fields if f.name != "id"}
        values |= {"not_before": now, "next_attempt_at": now}
        mails = OutboundMail.objects.bulk_create(OutboundMail(**values) for _ in range(count))
        OutboundRecipient.objects.bulk_create(
            OutboundRecipient(mail=mail, address=f"r{number}@example.org") for number, mail in enumerate(mails)
        )
        OutboundMail.objects.filter(pk=pattern.pk).update(state="cancelled")


def drain(running: Workers) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while outbox_queue.waiting():
        assert time.monotonic() < deadline, f"{outbox_queue.waiting()} mails are still waiting"
        running.replace_the_dead()
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("can_be_asked", [True, False])
def test_killed_workers_lose_nothing_and_send_twice_only_where_the_relay_cannot_be_asked(
    can_be_asked: bool, tmp_path: Path
) -> None:
    town = builders.town()
    fill_the_outbox(town, MAILS)
    with fake_relay() as relay:
        relay.log = tmp_path / "mail.log"
        relay.log.touch()
        relay.pipelining = True
        question = "whitelabel.postfix_log.accepted" if can_be_asked else ""
        with workers(relay, question) as running:
            dice = random.Random(20260312)

            def kill_now_and_then(stage: str, line: bytes) -> None:
                if stage == "dot" and dice.random() < KILLS_PER_MAIL:
                    running.kill_one()

            relay.answer = kill_now_and_then
            drain(running)
    times = Counter(taken.recipient for taken in relay.taken)
    twice = sum(count - 1 for count in times.values())
    print(f"\n{MAILS} mails, {running.kills} kills, {MAILS - len(times)} lost, {twice} twice, asked: {can_be_asked}")
    assert running.kills >= 10
    assert len(times) == MAILS
    if can_be_asked:
        assert twice == 0
    else:
        # At most the one mail each killed worker had in its hands.
        assert twice <= running.kills
    with scope.organization(town.organization):
        assert not OutboundRecipient.objects.filter(mail__state="sent").exclude(state="sent").exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_process_empties_the_outbox_and_ends_when_told(tmp_path: Path) -> None:
    town = builders.town()
    fill_the_outbox(town, 20)
    with fake_relay() as relay, workers(relay, "", count=1) as running:
        drain(running)
    assert len(relay.taken) == 20
