"""When an inbox is attended: intervals of a week, as people write them, as they are stored, and as a question. Pure.

Stored is a list of [weekday, opens, closes], for example [0, "08:00", "16:30"] for Mondays (0, as in datetime.weekday). It
lasts to just before `closes`, which may be "24:00"; times are local.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

DAYS = range(7)
MOST_IN_A_DAY = 6

_BETWEEN_INTERVALS = re.compile(r"\s*(?:[,;]|\boch\b|\band\b)\s*")
_INTERVAL = re.compile(r"(\d{1,2})(?:[.:](\d\d))?\s*[-–—]\s*(\d{1,2})(?:[.:](\d\d))?")


class UnreadableHours(ValueError):
    """The text does not say from when to when."""


def read_day(text: str) -> list[tuple[str, str]]:
    """The intervals of one day in a text like "8–16.30" or "08:00-12:00, 13-17"; none in an empty one.

    Raises UnreadableHours, also for a day that ends before it begins and for intervals that overlap.
    """
    pieces = [piece for piece in _BETWEEN_INTERVALS.split(text.strip()) if piece]
    found = sorted(_interval(piece) for piece in pieces)
    overlapping = any(first[1] > second[0] for first, second in pairwise(found))
    if overlapping or len(found) > MOST_IN_A_DAY:
        raise UnreadableHours(text)
    return found


def written_day(stored: Sequence[Sequence[object]], day: int) -> str:
    """The intervals of one day as people write them: "08:00–12:00, 13:00–17:00"."""
    return ", ".join(f"{opens}–{closes}" for weekday, opens, closes in stored if weekday == day)


def is_open(stored: Sequence[Sequence[object]], moment: datetime) -> bool:
    """Whether a local time is within the hours; without any hours it always is."""
    now = f"{moment:%H:%M}"
    today = [(str(opens), str(closes)) for weekday, opens, closes in stored if weekday == moment.weekday()]
    return not stored or any(opens <= now < closes for opens, closes in today)


def _interval(piece: str) -> tuple[str, str]:
    match = _INTERVAL.fullmatch(piece)
    if match is None:
        raise UnreadableHours(piece)
    opens, closes = _time(match[1], match[2]), _time(match[3], match[4])
    if not opens < closes <= "24:00":
        raise UnreadableHours(piece)
    return opens, closes


def _time(hour: str, minute: str | None) -> str:
    if int(minute or 0) > 59:
        raise UnreadableHours(f"{hour}:{minute}")
    return f"{int(hour):02}:{minute or '00'}"
