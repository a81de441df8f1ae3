"""Waking the filing worker after a commit, beside the SMTP path.

NOTIFY takes a lock that all transactions of a server share, and keeps it until its transaction is on disk: sent along
with the mail, it would let only one commit go on at a time. So a thread sends it right after, in a transaction that waits
for no disk, and one for all commits that came meanwhile. A notification that is lost costs a worker's next look
(organizations.worker).
"""

from __future__ import annotations

import logging
import threading

from django.db import connection, connections

from forwarding.lost_connections import drop_if_lost

log = logging.getLogger(__name__)

_NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, '{}')"


class Waker:
    """Make it in the process that uses it: its thread survives no fork."""

    def __init__(self, channel: str, *, pause_seconds: float) -> None:
        """`pause_seconds` lie between two notifications at least."""
        self._channel = channel
        self._pause_seconds = pause_seconds
        self._news = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the channel notified. Waits for nothing and raises nothing."""
        self._news.set()

    def close(self) -> None:
        """Notify once more, for a `wake` that may be waiting, and end the thread."""
        self._closed.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._news.wait()
            self._news.clear()
            self._notify()
            self._closed.wait(self._pause_seconds)
        connections.close_all()

    def _notify(self) -> None:
        try:
            drop_if_lost()
            with connection.cursor() as cursor:
                cursor.execute(_NOTIFY, [self._channel])
        except Exception as error:  # noqa: BLE001  (psycopg2 has raised SystemError for a killed server; the thread must live)
            log.warning("the filing worker is not woken and looks by itself: %s", type(error).__name__)
            connection.close()
