"""Reading DATA within bounds: memory, octets and speed."""

from __future__ import annotations

import asyncio

from forwarding.smtpd.body import Body, BodyWriter
from forwarding.smtpd.data import DataDecoder
from forwarding.smtpd.limits import Limits

# Above this many times the message limit a sender is not reading our reply anyway.
_ENDLESS_FACTOR = 2


class EndlessData(Exception):
    """The sender went on far above the limit."""


class SlowData(Exception):
    """The sender is slower than allowed, on the average since DATA."""


class Reception:
    """The DATA phase of one message. `take` every chunk until `rest` is not None, then `finish`, or `discard`."""

    def __init__(self, limits: Limits, *, began: float, directory: str | None = None) -> None:
        """`began`: loop time of the 354, in seconds."""
        self._limits = limits
        self._began = began
        self._decoder = DataDecoder()
        self._writer = BodyWriter(limits.body_memory_octets, directory)
        self._received = 0
        self._failure: OSError | None = None
        self.too_large = False

    @property
    def rest(self) -> bytes | None:
        """What the peer sent behind the end of data; None while the end has not been seen."""
        return self._decoder.rest

    async def take(self, chunk: bytes, *, now: float) -> None:
        """Add what was read. Raises EndlessData or SlowData; an error of the disk waits for `finish`."""
        self._received += len(chunk)
        octets = self._decoder.feed(chunk)
        if not self.too_large and self._failure is None:
            await self._keep(octets)
        if self.rest is None:
            self._check_bounds(now)

    async def finish(self) -> Body:
        """The whole body. Raises OSError when the disk did not take it."""
        if self._failure is not None:
            raise self._failure
        if self._writer.size <= self._limits.body_memory_octets:
            return self._writer.finish()
        return await asyncio.to_thread(self._writer.finish)

    def discard(self) -> None:
        """Forget what has come so far."""
        self._writer.discard()

    async def _keep(self, octets: bytes) -> None:
        # Whatever goes wrong, the message must be read to its end: its rest would be taken for commands.
        self._writer.add(octets)
        if self._writer.size > self._limits.message_octets:
            self.too_large = True
            self._writer.discard()
        elif self._writer.must_flush:
            try:
                await asyncio.to_thread(self._writer.flush)
            except OSError as error:
                self._failure = error
                self._writer.discard()

    def _check_bounds(self, now: float) -> None:
        if self._received > _ENDLESS_FACTOR * self._limits.message_octets:
            raise EndlessData
        elapsed = now - self._began
        if elapsed > self._limits.data_grace_seconds and self._received < elapsed * self._limits.data_octets_per_second:
            raise SlowData
