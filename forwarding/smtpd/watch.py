"""The one timer of a session. Moving its deadline is an assignment, so that it can move with every chunk of data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from forwarding.smtpd.replies import Reply


class Watch:
    """Calls `expire` with the reply given to `wait`, unless `wait` is called again in time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[Reply], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._handle: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._reply: Reply | None = None

    def wait(self, seconds: float, reply: Reply) -> None:
        """Expect the peer's next move within `seconds`."""
        self._deadline = self._loop.time() + seconds
        self._reply = reply
        if self._handle is None or self._handle.when() > self._deadline:
            self._arm()

    def cancel(self) -> None:
        """Expect nothing any more."""
        self._reply = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._handle = None
        if self._reply is None:
            return
        if self._loop.time() < self._deadline:
            self._arm()
        else:
            self._expire(self._reply)
