"""Waking workers and open pages: PostgreSQL NOTIFY, sent by the transaction that has news.

A notification is delivered at commit, never before and never for a rollback, and costs the sender no wait. It is a
hint: every listener also polls, so losing one costs a second, not a mail.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import psycopg2
from django.db import connection
from psycopg2 import sql

SPOOL = "spool"
OUTBOX = "outbox"
LIVE = "live"


def notify(channel: str, **payload: Any) -> None:
    """Tell the channel's listeners when this transaction commits. The payload must fit in 8,000 octets of JSON."""
    notify_all(channel, [payload])


def notify_all(channel: str, payloads: Sequence[dict[str, Any]]) -> None:
    """`notify` with several payloads, in one round trip."""
    with connection.cursor() as cursor:
        texts = [json.dumps(payload) for payload in payloads]
        cursor.execute("SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload", [channel, texts])


class Listener:
    """A connection of its own that waits for notifications on the given channels."""

    def __init__(self, *channels: str) -> None:
        parameters = connection.get_connection_params()
        parameters.pop("cursor_factory", None)
        parameters.pop("context", None)
        self._connection = psycopg2.connect(**parameters)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            for channel in channels:
                cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self._interruption, self._interrupted = socket.socketpair()

    def wait(self, timeout: float) -> list[tuple[str, dict[str, Any]]]:
        """Wait up to `timeout` seconds; returns (channel, payload) pairs. Raises psycopg2.OperationalError when cut off."""
        if not self._connection.notifies:
            ready, _, _ = select.select([self._connection, self._interrupted], [], [], timeout)
            if self._connection in ready:
                self._connection.poll()
        news = [(notice.channel, json.loads(notice.payload or "{}")) for notice in self._connection.notifies]
        self._connection.notifies.clear()
        return news

    def interrupt(self) -> None:
        """End `wait`, now and from then on. The one call that may come from another thread."""
        self._interruption.send(b"!")

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
        self._interruption.close()
        self._interrupted.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
