"""How log lines look: an exception is told by where it came from and the first line of what it says.

PostgreSQL puts the values of a row below that line (DETAIL, the statement), and they are people's addresses and mail.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

MESSAGE_CHARACTERS = 300  # of what an exception says


class LineFormatter(logging.Formatter):
    """One line an event; a traceback below it without the values of rows."""

    def formatException(self, ei: Any) -> str:
        """The exception and those it came from, oldest first."""
        return "".join(_told(ei[1], set())).rstrip("\n")


def _told(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _told(before, seen)
        yield "then:\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    said = str(error).strip().partition("\n")[0][:MESSAGE_CHARACTERS]
    yield f"{type(error).__module__}.{type(error).__qualname__}: {said}\n"
