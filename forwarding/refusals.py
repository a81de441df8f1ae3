"""Mail for our addresses that the SMTP server refused, written down beside the SMTP path.

The server only drops a refusal into a queue in memory; a thread writes them. What is written is bounded per inbox and
day, because strangers decide how much is refused; what waits is bounded too, because the database may be away.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable

from django.db import DataError, IntegrityError, connections
from django.db.models import F, Q

from forwarding import models
from forwarding.smtpd.envelope import Recipient, Refusal
from organizations import scope

log = logging.getLogger(__name__)

_WAITING_AT_MOST = 2000
_NEVER_A_ROW = (IntegrityError, DataError, ValueError)
"""Its inbox is removed since, or it holds what a column does not: NUL is a ValueError of psycopg2."""
_RETRY_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""A server that stops does not wait longer for its last refusals; the supervisor would kill it."""


class RefusalLog:
    """See `forwarding.smtpd.envelope.Refusals`. Make it in the process that uses it: its thread survives no fork."""

    def __init__(self, *, per_day: int, retry_seconds: float = _RETRY_SECONDS) -> None:
        """`per_day`: rows written for one inbox and day; `retry_seconds`: the pause while the database is away."""
        self._per_day = per_day
        self._retry_seconds = retry_seconds
        self._waiting: deque[Refusal] = deque(maxlen=_WAITING_AT_MOST)
        self._news = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        self._thread.start()

    def note(self, refusal: Refusal) -> None:
        """Take `refusal`; when too many wait, the oldest is forgotten."""
        with self._news:
            self._waiting.append(refusal)
            self._news.notify()

    def close(self) -> None:
        """Write what waits, unless the database is away, and end the thread; wait at most CLOSE_SECONDS for that."""
        with self._news:
            self._closed.set()
            self._news.notify()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while refusals := self._next():
            try:
                self._write(refusals)
            except Exception as error:  # noqa: BLE001  (whatever the database's end brings, the thread must live)
                log.warning("%d refusals are not written yet: %s", len(refusals), type(error).__name__)
                connections.close_all()
                self._put_back(refusals)
                if self._closed.wait(self._retry_seconds):
                    break
        connections.close_all()

    def _write(self, refusals: list[Refusal]) -> None:
        """Write them together, or one by one where that fails: what can never be a row holds up no other."""
        try:
            write(refusals, self._per_day)
        except _NEVER_A_ROW as error:
            if len(refusals) == 1:
                log.warning("a refusal cannot be written: %s", type(error).__name__)
                return
            for each in refusals:
                self._write([each])

    def _next(self) -> list[Refusal]:
        """What waits; empty when closed and nothing is left."""
        with self._news:
            while not self._waiting and not self._closed.is_set():
                self._news.wait()
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def _put_back(self, refusals: list[Refusal]) -> None:
        with self._news:
            room = _WAITING_AT_MOST - len(self._waiting)
            self._waiting.extendleft(reversed(refusals[-room:] if room else []))


def write(refusals: Iterable[Refusal], per_day: int) -> None:
    """Store refusals, at most `per_day` rows of one inbox and day. Raises django.db.Error."""
    by_organization: dict[int, list[tuple[Refusal, Recipient]]] = defaultdict(list)
    for refusal in refusals:
        for recipient in refusal.recipients:
            by_organization[recipient.organization_id].append((refusal, recipient))
    for organization_id, pairs in by_organization.items():
        with scope.organization(organization_id):
            for refusal, recipient in pairs:
                _write_one(refusal, recipient, per_day)


def _write_one(refusal: Refusal, recipient: Recipient, per_day: int) -> None:
    day = refusal.at.date()
    names = {
        "recipient": recipient.address[:320],
        "mail_from": refusal.mail_from[:320],
        "reply": refusal.reply.line[:200],
    }
    if models.Refusal.objects.filter(day=day, **names).update(times=F("times") + 1, last_at=refusal.at):
        return
    same_inbox = Q(inbox=None) if recipient.inbox_id is None else Q(inbox_id=recipient.inbox_id)
    if models.Refusal.objects.filter(same_inbox, day=day).count() >= per_day:
        return
    row = models.Refusal(
        inbox_id=recipient.inbox_id,
        day=day,
        peer_ip=refusal.peer_ip,
        helo=refusal.helo[:255],
        first_at=refusal.at,
        last_at=refusal.at,
        **names,
    )
    # Another SMTP process may write the same row just now: one try more or less is no matter.
    models.Refusal.objects.bulk_create([row], ignore_conflicts=True)
