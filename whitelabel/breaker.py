"""The circuit breaker of the relay: after failures in a row it pauses all mail, instead of trying each mail in vain."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Closed until `failures_to_open` failures come in a row; then open for a pause that doubles up to a limit.

    Times are seconds of `clock`.
    """

    def __init__(
        self,
        failures_to_open: int,
        pause_seconds: float,
        longest_pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_to_open = failures_to_open
        self._pause = pause_seconds
        self._longest_pause = longest_pause_seconds
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nothing should be tried now. After the pause one try is let through; its failure opens again."""
        return self._clock() < self._open_until

    def succeed(self) -> None:
        """The relay works."""
        self._failures = 0
        self._open_until = 0.0

    def fail(self) -> bool:
        """The relay failed. True when this opened the breaker."""
        self._failures += 1
        too_many = self._failures - self._failures_to_open
        if too_many < 0:
            return False
        self._open_until = self._clock() + min(self._pause * 2 ** min(too_many, 30), self._longest_pause)
        return True
