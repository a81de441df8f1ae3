"""What a process remembers between surveys: politeness, broken servers, prepared queries, zone cuts.

Plain dictionaries with the caller's clock (seconds, monotonic), so that they work across event loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from whitelabel.survey.values import Question, Reply, Server, ZoneCut

Key = tuple[str, int]
Variants = tuple[tuple[bytes, Reply], ...]
"""Octets and meaning of the latest different replies to a question: servers rotate the order of records, and some lag."""
K = TypeVar("K")
V = TypeVar("V")

REMEMBERED_VARIANTS = 4
REMEMBERED_REPLIES = 100_000
REMEMBERED_SERVERS = 20_000
REMEMBERED_ZONES = 20_000


def remember(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Store `value`, forgetting the oldest entries beyond `most` (memory stays flat)."""
    table.pop(key, None)
    table[key] = value
    while len(table) > most:
        del table[next(iter(table))]


@dataclass
class TokenBuckets:
    """One bucket per server address: `rate` queries per second, `burst` at once."""

    rate: float
    burst: int
    levels: dict[Key, tuple[float, float]] = field(default_factory=dict)

    def reserve(self, key: Key, now: float) -> float:
        """Take one token and return how many seconds to wait before sending."""
        level, since = self.levels.get(key, (float(self.burst), now))
        level = min(float(self.burst), level + (now - since) * self.rate) - 1.0
        remember(self.levels, key, (level, now), REMEMBERED_SERVERS)
        return max(0.0, -level / self.rate)


@dataclass
class CircuitBreaker:
    """Stops asking an address for `seconds` after `timeouts` unanswered questions in a row."""

    timeouts: int
    seconds: float
    failures: dict[Key, tuple[int, float]] = field(default_factory=dict)

    def open(self, key: Key, now: float) -> bool:
        """Whether the address is not to be asked now."""
        count, since = self.failures.get(key, (0, 0.0))
        return count >= self.timeouts and now - since < self.seconds

    def failed(self, key: Key, now: float) -> None:
        """Count one question that no try answered."""
        count, _ = self.failures.get(key, (0, 0.0))
        remember(self.failures, key, (count + 1, now), REMEMBERED_SERVERS)

    def answered(self, key: Key) -> None:
        """Forget the failures of an address that answered."""
        if self.failures:
            self.failures.pop(key, None)


@dataclass
class ProbeMemory:
    """The probes of one zone, repeated only when the zone's serials changed or enough time passed."""

    at: float
    serials: Mapping[Server, int]
    replies: Mapping[Question, Mapping[Server, Reply]]


@dataclass
class Memory:
    """All of it; one per process is shared by default (`whitelabel.survey.surveying.process_memory`)."""

    buckets: TokenBuckets
    breaker: CircuitBreaker
    last_replies: dict[tuple[Question, int], Variants] = field(default_factory=dict)
    cuts: dict[str, tuple[float, ZoneCut]] = field(default_factory=dict)
    parents: dict[str, tuple[float, ZoneCut]] = field(default_factory=dict)
    addresses: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    """Of nameservers that serve more than one zone; like the cuts with the time (loop clock) until which they hold."""
    probes: dict[tuple[str, Question], ProbeMemory] = field(default_factory=dict)
