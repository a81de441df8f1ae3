"""The filing worker in `bench.ingest`: held while mail is accepted, then let go until everything is visible."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import processes
from bench.database import Database

_SETTLE_SECONDS = 5.0
_LOOK_SECONDS = 0.03
_GIVE_UP_SECONDS = 600.0
# Mail of one benchmark is a storm by design.
_OPENED = {"FILING_STORM_OF_SENDER": "1000000000", "FILING_STORM_OF_SUBJECT": "1000000000"}
_STATES = "SELECT state, count(*) FROM forwarding_delivery GROUP BY state"
_WAITING = "SELECT 1 FROM forwarding_delivery WHERE state = 'accepted' LIMIT 1"
_UNPROVED = "SELECT 1 FROM forwarding_delivery WHERE verify_at <= now() + interval '30 seconds' LIMIT 1"
_ANSWERS = """
    SELECT set_config('app.organization_id', min(organization_id)::text, false) FROM forwarding_delivery;
    SELECT count(*), count(*) FILTER (WHERE answer.conversation_id = asked.conversation_id)
    FROM conversations_message AS answer
    JOIN conversations_message AS asked ON asked.message_id = answer.in_reply_to[1]
"""


@dataclass(frozen=True)
class Filed:
    """One emptying of the spool. Seconds on the clock until all is visible, and CPU milliseconds per message by part.

    `afterwards_ms`: what the proof of the authors costs, which nobody waits for.
    """

    messages: int
    elapsed: float
    cpu_ms: dict[str, float]
    afterwards_ms: float

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.elapsed


class Worker:
    """`manage.py file_mail`, stopped and continued by signals."""

    def __init__(self, base: Database, process: subprocess.Popen[str]) -> None:
        self.base = base
        self.pid = process.pid
        self._send(signal.SIGSTOP)

    def file(self) -> Filed:
        """Let it file all that waits, and prove the authors; then hold it again."""
        [(waiting,)] = self.base.rows("SELECT count(*) FROM forwarding_delivery WHERE state = 'accepted'")
        before, began = self._spent(), time.perf_counter()
        self._send(signal.SIGCONT)
        self._until_nothing(_WAITING)
        elapsed, visible = time.perf_counter() - began, self._spent()
        self._until_nothing(_UNPROVED)
        proved = self._spent()
        self._send(signal.SIGSTOP)
        cpu = {part: 1000 * (visible[part] - before[part]) / waiting for part in before}
        return Filed(waiting, elapsed, cpu, 1000 * (sum(proved.values()) - sum(visible.values())) / waiting)

    def states(self) -> dict[str, int]:
        """How many deliveries are in which state."""
        return dict(self.base.rows(_STATES))

    def answers(self) -> tuple[int, int]:
        """How many answers there are, and how many of them are in the conversation of what they answer."""
        [(count, right)] = self.base.rows(_ANSWERS)
        return count, right

    def megabytes(self) -> float:
        """The most memory that the worker or its reading child had."""
        return processes.peak_megabytes(self.pid)

    def _spent(self) -> dict[str, float]:
        """CPU seconds so far. What a reading child used that has ended counts for the worker."""
        reading = sum(processes.cpu_seconds(child) for child in processes.children(self.pid))
        return {
            "reading": reading,
            "filing": processes.cpu_seconds(self.pid) - reading,
            "database": processes.cpu_seconds(self.base.pid),
        }

    def _until_nothing(self, sql: str) -> None:
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while self.base.rows(sql):
            if time.monotonic() > deadline:
                raise TimeoutError("not everything was filed")
            time.sleep(_LOOK_SECONDS)

    def _send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@contextmanager
def filing(base: Database) -> Iterator[Worker]:
    """Run the worker, held."""
    process = base.manage("file_mail", **_OPENED)
    try:
        time.sleep(_SETTLE_SECONDS)
        yield Worker(base, process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(60)
