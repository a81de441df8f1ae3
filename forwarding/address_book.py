"""Service addresses remembered in memory, and forgotten the moment their row changes.

A trigger on the table notifies every SMTP process when its transaction commits. Nothing is remembered while nobody
listens, so a process that has lost the database answers 451 and not from memory.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from django.db import Error

from organizations.wakeups import Listener

log = logging.getLogger(__name__)

CHANNEL = "addresses"
"""Named in the trigger too: forwarding/migrations/0004."""

# A connection that is dead without knowing it hears nothing: what it remembers must not live for ever.
_LIFE_SECONDS = 10.0
_WAIT_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Entry:
    """A row of ServiceAddress."""

    id: int
    organization_id: int
    inbox_id: int | None
    state: str
    state_since: datetime


class AddressBook:
    """Entries by key. Unknown keys are never remembered: strangers could fill the memory with them.

    A look-up takes `edition` before it asks the database and hands it to `remember`: if a row changed meanwhile, the
    answer may be old and is not kept.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Entry, float]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._listener: Listener | None = None
        self.edition = 0
        self._thread = threading.Thread(target=self._listen, name="address-book", daemon=True)
        self._thread.start()

    def recall(self, key: str) -> Entry | None:
        """The entry, if it is remembered and no row has changed since."""
        found = self._entries.get(key)
        if found is None or time.monotonic() > found[1]:
            return None
        return found[0]

    def remember(self, key: str, entry: Entry, edition: int) -> None:
        """Keep what the database answered to a look-up that began at `edition`."""
        with self._lock:
            if self._listener is not None and edition == self.edition:
                self._entries[key] = (entry, time.monotonic() + _LIFE_SECONDS)

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        with self._lock:
            if self._listener is not None:
                self._listener.interrupt()
        self._thread.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                with Listener(CHANNEL) as listener:
                    self._forget(listener)
                    while not self._closed.is_set():
                        if listener.wait(_WAIT_SECONDS):
                            self._forget(listener)
                    self._forget(None)
            except (psycopg2.Error, Error, OSError) as error:
                log.warning("not listening for changed addresses: %s", type(error).__name__)
                self._forget(None)
                self._closed.wait(_RECONNECT_SECONDS)

    def _forget(self, listener: Listener | None) -> None:
        """Changes are rare and the table is read quickly: forgetting all is simpler than finding the one that changed."""
        with self._lock:
            self._listener = listener
            self.edition += 1
            self._entries.clear()
