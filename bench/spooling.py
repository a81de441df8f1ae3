"""Fills the spool as the SMTP server does, for benchmarks of what comes after it. Runs inside Django."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bench.answers import threaded_set
from bench.inbox import service_address
from forwarding.smtpd.body import Body
from forwarding.smtpd.envelope import Envelope, Recipient
from forwarding.spool import DatabaseSpool
from inboxes.models import ServiceAddress
from organizations import scope

_AT_ONCE = 100


def fill(count: int, first: int = 0) -> None:
    """Spool messages `first` to `first + count` of the set, every second one an answer to one sent long before it."""
    messages = threaded_set(first + count)[first:]
    recipient = _recipient(service_address())
    spool = DatabaseSpool()
    asyncio.run(_store(spool, recipient, messages))
    spool.close()


def _recipient(address: str) -> Recipient:
    with scope.queue():
        found = ServiceAddress.queue.get(local_key=address.partition("@")[0])
    return Recipient(address, address, found.organization_id, found.inbox_id, found.pk)


async def _store(spool: DatabaseSpool, recipient: Recipient, messages: Sequence[bytes]) -> None:
    for group in _groups(messages):
        await asyncio.gather(*(spool.store(_envelope(recipient), Body(raw, None, len(raw))) for raw in group))


def _groups(messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(messages), _AT_ONCE):
        yield messages[start : start + _AT_ONCE]


def _envelope(recipient: Recipient) -> Envelope:
    return Envelope("127.0.0.1", 4711, "client.example", "", "kund@example.org", (), (recipient,), datetime.now(UTC))
