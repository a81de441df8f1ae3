"""Accepted mail on its way into the database: raw octets and deliveries, committed before anybody hears 250.

Messages that arrive together share a transaction (group commit): its fsync is the dearest part of accepting a mail.
Each message is all or nothing over its recipients. One that the database refuses does not take the others with it.
"""

from __future__ import annotations

import json
import logging
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from django.db import InterfaceError, OperationalError, connection, connections

from forwarding.gathering import Gathering
from forwarding.lost_connections import drop_if_lost
from forwarding.smtpd.body import Body
from forwarding.smtpd.envelope import Envelope, Recipient, TemporaryFailure
from forwarding.waking import Waker
from organizations import wakeups

log = logging.getLogger(__name__)

_COLUMN_CHARACTERS = {"recipient": 320, "tag": 64, "helo": 255, "tls": 100}

# forwarding_arrival is a view on forwarding_rawmail: COPY, which takes octets as they are, does not write to a table
# under row-level security. Its trigger inserts, and the policies judge that.
_COPY_RAW = (
    "COPY forwarding_arrival (id, organization_id, sha256, size, received_at, content) FROM STDIN (FORMAT binary)"
)
_INSERT_DELIVERIES = """
    INSERT INTO forwarding_delivery (
        organization_id, raw_id, inbox_id, service_address_id, recipient_argument, recipient, tag, mail_from,
        mail_options, peer_ip, helo, tls, received_at, state, attempts, next_attempt_at, reason, sender, header_message_id
    ) VALUES """
_DELIVERY = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'accepted', 0, now(), '', '', '')"
_SETTINGS = """
    SELECT set_config('app.queue', 'on', true), set_config('synchronous_commit', %s, true),
        set_config('statement_timeout', %s, true)
"""
_NEXT_IDS = "SELECT nextval(pg_get_serial_sequence('forwarding_rawmail', 'id')) FROM generate_series(1, %s)"
_IDS_AT_ONCE = 500
_WAKE_PAUSE_SECONDS = 0.02
# PostgreSQL's documentation, COPY, "Binary Format".
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!II", 0, 0)
_COPY_ROW = struct.Struct("!hiqiqi64siiiq")
_COPY_LENGTH = struct.Struct("!i")
_COPY_TRAILER = struct.pack("!h", -1)
_COPY_READ_OCTETS = 262_144
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SpoolLimits:
    """How much goes into one transaction, and how long it may take."""

    group_messages: int = 100
    group_octets: int = 4_194_304
    """A message larger than this takes a lane of its own, so that small ones do not wait for it."""
    statement_seconds: float = 30
    threads: int = 1
    """Of each lane."""


@dataclass(frozen=True)
class _Message:
    envelope: Envelope
    body: Body


@dataclass(frozen=True)
class _Raw:
    """A row of forwarding_rawmail: one message for one organization."""

    id: int
    organization_id: int
    message: _Message
    sha256: bytes


class DatabaseSpool:
    """The spool in PostgreSQL. See `forwarding.smtpd.envelope.Spool`."""

    def __init__(self, limits: SpoolLimits = SpoolLimits(), *, durability: str = "on") -> None:
        """`durability`: synchronous_commit. Anything but "on" breaks the promise of a 250; the crash test's control
        shows that."""
        self._limits = limits
        self._durability = durability
        self._ids = _Ids()
        self._waker = Waker(wakeups.SPOOL, pause_seconds=_WAKE_PAUSE_SECONDS)
        self._small = self._lane("spool")
        self._large = self._lane("spool-large")

    async def store(self, envelope: Envelope, body: Body) -> None:
        """Commit the message for all its recipients. Raises TemporaryFailure or what the database objects to."""
        lane = self._large if body.size > self._limits.group_octets else self._small
        await lane.ask(_Message(envelope, body), weight=body.size)

    def close(self) -> None:
        """End the threads after what was handed in."""
        self._small.close()
        self._large.close()
        self._waker.close()

    def _lane(self, name: str) -> Gathering[_Message, None]:
        return Gathering(
            self._store,
            name=name,
            at_most=self._limits.group_messages,
            weight=self._limits.group_octets,
            threads=self._limits.threads,
            ended=connections.close_all,
        )

    def _store(self, messages: Sequence[_Message]) -> list[Exception | None]:
        drop_if_lost()
        try:
            self._commit(messages)
        except Exception as error:  # noqa: BLE001  (its message gets it, and the others must go on)
            if len(messages) == 1 or not _is_usable():
                return [self._explained(error)] * len(messages)
            log.warning("a group of %d messages failed, storing each alone: %s", len(messages), type(error).__name__)
            return [answer for message in messages for answer in self._store([message])]
        self._waker.wake()
        return [None] * len(messages)

    def _explained(self, error: Exception) -> Exception:
        if not _is_usable():
            connection.close()
        if isinstance(error, OperationalError | InterfaceError):
            failure = TemporaryFailure("the message cannot be stored")
            failure.__cause__ = error
            return failure
        return error

    def _commit(self, messages: Sequence[_Message]) -> None:
        wanted = _wanted(messages)
        raws = [_Raw(number, *raw) for number, raw in zip(self._ids.take(len(wanted)), wanted, strict=True)]
        rows = [row for raw in raws for row in _delivery_rows(raw)]
        statements = (_SETTINGS, _COPY_RAW, _INSERT_DELIVERIES + ",".join([_DELIVERY] * len(rows)))
        values = [self._durability, str(int(self._limits.statement_seconds * 1000)), *chain.from_iterable(rows)]
        with connection.cursor() as cursor, connection.wrap_database_errors:
            # One simple query of several statements is one transaction (PostgreSQL: "Multiple Statements in a Simple
            # Query"): all or nothing, and two round trips instead of nine, which is half of the time of a commit.
            cursor.copy_expert(cursor.mogrify(";".join(statements), values), _CopyStream(raws))


class _Ids(threading.local):
    """Ids of raw rows, fetched many at a time. Those of a process that ends are never used."""

    def __init__(self) -> None:
        self._left: list[int] = []

    def take(self, count: int) -> list[int]:
        """The next `count` ids."""
        if len(self._left) < count:
            with connection.cursor() as cursor:
                cursor.execute(_NEXT_IDS, [max(count, _IDS_AT_ONCE)])
                self._left = [number for (number,) in reversed(cursor.fetchall())]
        return [self._left.pop() for _ in range(count)]


def _is_usable() -> bool:
    return connection.connection is not None and not connection.connection.closed


class _CopyStream:
    """The rows of forwarding_arrival in COPY's binary format, read piece by piece: a large body never is in memory."""

    def __init__(self, raws: Sequence[_Raw]) -> None:
        self._pieces = self._encoded(raws)

    def read(self, octets: int = -1) -> bytes:
        """The next octets, b"" at the end. psycopg2 takes more than it asks for."""
        collected: list[bytes] = []
        size = 0
        for piece in self._pieces:
            collected.append(piece)
            size += len(piece)
            if size >= _COPY_READ_OCTETS:
                break
        return b"".join(collected)

    def _encoded(self, raws: Sequence[_Raw]) -> Iterator[bytes]:
        yield _COPY_HEADER
        for raw in raws:
            body = raw.message.body
            since = raw.message.envelope.received_at - _POSTGRES_EPOCH
            microseconds = since // timedelta(microseconds=1)
            yield _COPY_ROW.pack(
                6, 8, raw.id, 8, raw.organization_id, 64, raw.sha256, 4, body.size, 8, microseconds
            ) + _COPY_LENGTH.pack(body.size)
            yield from body.chunks()
        yield _COPY_TRAILER


def _wanted(messages: Sequence[_Message]) -> list[tuple[int, _Message, bytes]]:
    """Organization, message and digest of each raw row: one for each organization of each message."""
    wanted: list[tuple[int, _Message, bytes]] = []
    for message in messages:
        digest = message.body.sha256().encode("ascii")
        organizations = dict.fromkeys(recipient.organization_id for recipient in message.envelope.recipients)
        wanted.extend((organization_id, message, digest) for organization_id in organizations)
    return wanted


def _delivery_rows(raw: _Raw) -> Iterator[tuple[object, ...]]:
    envelope = raw.message.envelope
    seen: set[tuple[int | None, str, str]] = set()
    for recipient in envelope.recipients:
        # The same address twice in one envelope is one delivery.
        place = (recipient.service_address_id, recipient.address, recipient.tag)
        if recipient.organization_id == raw.organization_id and place not in seen:
            seen.add(place)
            yield _delivery_row(raw, envelope, recipient)


def _delivery_row(raw: _Raw, envelope: Envelope, recipient: Recipient) -> tuple[object, ...]:
    return (
        raw.organization_id,
        raw.id,
        recipient.inbox_id,
        recipient.service_address_id,
        recipient.argument,
        recipient.address[: _COLUMN_CHARACTERS["recipient"]],
        recipient.tag[: _COLUMN_CHARACTERS["tag"]],
        envelope.mail_from,
        json.dumps(envelope.mail_options),
        envelope.peer_ip,
        envelope.helo[: _COLUMN_CHARACTERS["helo"]],
        envelope.tls[: _COLUMN_CHARACTERS["tls"]],
        envelope.received_at,
    )
