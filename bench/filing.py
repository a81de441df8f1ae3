"""`python -m bench.filing`: from the spool to visible in the inbox: messages a second, and CPU per message by stage.

Every second message answers an earlier one. Times vary with the neighbours of a machine; CPU time is what to compare.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from dataclasses import dataclass

from bench import helpdesk, processes
from bench.answers import threaded_set
from bench.database import Database, database

AIM_MS = 8.0
AIM_RATIO = 4.0
_WAITING = "SELECT 1 FROM forwarding_delivery WHERE state = 'accepted' LIMIT 1"
# Mail of one benchmark is a storm by design.
OPENED = {"FILING_STORM_OF_SENDER": "1000000000", "FILING_STORM_OF_SUBJECT": "1000000000"}


@dataclass(frozen=True)
class Round:
    """One emptying of the spool: seconds on the clock and of CPU, each for all messages."""

    messages: int
    elapsed: float
    reading: float
    filing: float
    database: float

    @property
    def cpu_ms(self) -> float:
        """All CPU per message, milliseconds."""
        return 1000 * (self.reading + self.filing + self.database) / self.messages


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.filing", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-helpdesk", action="store_true", help="do not compare with django-helpdesk")
    options = parser.parse_args()
    compared = not options.without_helpdesk and helpdesk.installed()
    messages = threaded_set(options.messages) if compared else []
    with database("bench-filing") as base:
        _empty(base)
        rounds = [
            (_round(base, options.messages, number), helpdesk.file(base, messages) if compared else None)
            for number in range(options.rounds)
        ]
    for ours, theirs in rounds:
        _print(ours, theirs)
    if not compared:
        print("django-helpdesk: skipped, it could not be installed or was not wanted")


def _print(ours: Round, theirs: helpdesk.Filed | None) -> None:
    reading, filing, rows = (1000 * part / ours.messages for part in (ours.reading, ours.filing, ours.database))
    print(
        f"KundoMail {ours.messages / ours.elapsed:5.0f} messages/s visible; CPU per message: reading {reading:.2f} ms, "
        f"filing {filing:.2f} ms, database {rows:.2f} ms, together {ours.cpu_ms:.2f} ms (aim {AIM_MS:g})"
    )
    if theirs is None:
        return
    cpu = 1000 * (theirs.application + theirs.database) / theirs.messages
    faster = (ours.messages / ours.elapsed) / (theirs.messages / theirs.elapsed)
    print(
        f"django-helpdesk {theirs.messages / theirs.elapsed:5.0f} messages/s ({theirs.messages} it could read), {cpu:.2f} ms; "
        f"we file {faster:.1f} x as many a second (aim {AIM_RATIO:g}) for {cpu / ours.cpu_ms:.1f} x less CPU"
    )


def _round(base: Database, count: int, number: int) -> Round:
    """Fill the spool, hold it back until a worker has started, let go, and measure until all is filed."""
    _run(base, "shell", "--no-imports", "-c", f"from bench.spooling import fill; fill({count}, {number * count})")
    _rows(base, "UPDATE forwarding_delivery SET next_attempt_at = now() + interval '1 day' WHERE state = 'accepted'")
    worker = base.manage("file_mail", **OPENED)
    try:
        time.sleep(4)
        before = _spent(base, worker)
        began = time.perf_counter()
        _rows(base, "UPDATE forwarding_delivery SET next_attempt_at = now() WHERE state = 'accepted'")
        while _rows(base, _WAITING):
            time.sleep(0.05)
        elapsed = time.perf_counter() - began
        after = _spent(base, worker)
    finally:
        worker.terminate()
        worker.wait(60)
    return Round(count, elapsed, *(end - start for start, end in zip(before, after, strict=True)))


def _spent(base: Database, worker: subprocess.Popen[str]) -> tuple[float, float, float]:
    """CPU seconds so far of the reading child, the worker itself, and the database."""
    reading = sum(processes.cpu_seconds(child) for child in processes.children(worker.pid))
    return reading, processes.cpu_seconds(worker.pid) - reading, processes.cpu_seconds(base.pid)


def _rows(base: Database, sql: str) -> list[tuple[object, ...]]:
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.queue', 'on', true)")
        cursor.execute(sql)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def _empty(base: Database) -> None:
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE forwarding_delivery, forwarding_rawmail, conversations_conversation, conversations_contact CASCADE"
        )
    connection.close()


def _run(base: Database, *arguments: str) -> None:
    if base.manage(*arguments).wait() != 0:
        raise RuntimeError(f"manage.py {arguments[0]} failed")


if __name__ == "__main__":
    main()
