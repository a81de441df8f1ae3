"""Telling open pages what has changed, while it is still news.

`announce` rides on the transaction that makes the change. One thread per web process listens and hands each hint to
the pages of the organization it concerns. A hint carries ids only: the page asks for the fragment, so rights are
checked where they always are.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psycopg2

from conversations.models import Conversation
from organizations import wakeups

log = logging.getLogger(__name__)

LISTEN_SECONDS = 5.0
RECONNECT_SECONDS = 1.0
WAITING_HINTS = 100  # per page; a page further behind than this reloads its list anyway


def announce(conversation: Conversation, what: str) -> None:
    """Hint at commit that a conversation changed. `what`: message, note, status, assignee, folder or delivery."""
    announce_all([conversation], what)


def announce_all(conversations: Iterable[Conversation], what: str) -> None:
    """`announce` for several conversations, in one round trip."""
    hints = [
        {
            "kind": what,
            "organization": conversation.organization_id,
            "inbox": conversation.inbox_id,
            "conversation": conversation.pk,
            "number": conversation.number,
        }
        for conversation in conversations
    ]
    wakeups.notify_all(wakeups.LIVE, hints)


class Subscription:
    """One open page's queue of hints."""

    def __init__(self, organization_id: int) -> None:
        self.organization_id = organization_id
        self._loop = asyncio.get_running_loop()
        self._hints: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING_HINTS)

    def is_over(self) -> bool:
        """Whether its event loop was closed before it could unsubscribe."""
        return self._loop.is_closed()

    def offer(self, hint: dict[str, Any]) -> None:
        """Hand over a hint from the listening thread."""
        self._loop.call_soon_threadsafe(self._put, hint)

    def _put(self, hint: dict[str, Any]) -> None:
        if not self._hints.full():
            self._hints.put_nowait(hint)

    async def next(self, timeout: float) -> dict[str, Any] | None:
        """The next hint, or None after `timeout` seconds without one."""
        try:
            return await asyncio.wait_for(self._hints.get(), timeout)
        except TimeoutError:
            return None


class Hub:
    """All subscriptions of this process and the one thread that feeds them."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def subscribe(self, organization_id: int) -> Subscription:
        """Start receiving an organization's hints. Call from the event loop that will wait for them."""
        subscription = Subscription(organization_id)
        with self._lock:
            self._subscriptions.add(subscription)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._listen, name="live-hints", daemon=True)
                self._thread.start()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop receiving."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def _is_wanted(self) -> bool:
        """Whether anybody listens; otherwise the thread ends, and the next subscription starts another."""
        with self._lock:
            self._subscriptions = {each for each in self._subscriptions if not each.is_over()}
            if self._subscriptions:
                return True
            self._thread = None
            return False

    def _listen(self) -> None:
        while True:
            try:
                with wakeups.Listener(wakeups.LIVE) as listener:
                    self._broadcast({"kind": "reload"})  # whatever was missed while not listening
                    while self._is_wanted():
                        for _, hint in listener.wait(LISTEN_SECONDS):
                            self._broadcast(hint)
                    return
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                log.warning("live hints interrupted: %s", type(error).__name__)
                time.sleep(RECONNECT_SECONDS)

    def _broadcast(self, hint: dict[str, Any]) -> None:
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            if hint.get("organization") not in (None, subscription.organization_id):
                continue
            with suppress(RuntimeError):  # its event loop was closed: it is forgotten when one asks who listens
                subscription.offer(hint)


hub = Hub()
