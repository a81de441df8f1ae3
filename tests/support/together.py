"""Several connections to the database at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, connections


def at_once(*jobs: Callable[[], Any]) -> list[BaseException]:
    """Run the jobs at the same time, each in a thread with a connection of its own; gives what they raised."""
    failures: list[BaseException] = []
    together = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> None:
        try:
            together.wait()
            job()
        except BaseException as error:  # noqa: BLE001 - handed to the assertion
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def waiting() -> int:
    """How many locks are waited for now, by connections to any database."""
    with connection.cursor() as cursor:
        # Not pg_stat_activity: what it tells a transaction first is what it goes on telling (stats_fetch_consistency).
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
