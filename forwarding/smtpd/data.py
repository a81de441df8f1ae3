"""End of data and dot-unstuffing (RFC 5321 sections 4.1.1.4 and 4.5.2) over chunk borders. Pure.

Only CRLF.CRLF ends the data. A bare CR or LF never counts as a line end, before or behind the dot, or another server's
idea of a line end would let one message smuggle a second one.
"""

from __future__ import annotations

import re

_END = b"\r\n.\r\n"
_STUFFED = b"\r\n."
_LINE = b"\r\n"
# Found four times as fast as with bytes.find, which is slow for needles of two or three octets.
_DOT_LINE = re.compile(re.escape(_STUFFED))


class DataDecoder:
    """Fed with the octets of DATA as they come; `rest` is None until the end was seen, then what follows it."""

    def __init__(self) -> None:
        # DATA begins at the start of a line: an imagined CRLF lets the first line be like all others.
        self._held = _LINE
        self._imagined = len(_LINE)
        self.rest: bytes | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Return the message octets that are certain by now; up to four octets wait for the next chunk."""
        data = self._held + chunk
        dot = _DOT_LINE.search(data)
        # Most mail has no line that begins with a dot but the last one: nothing is searched or copied twice then.
        end = data.find(_END, dot.start()) if dot else -1
        if end >= 0:
            self.rest = data[end + len(_END) :]
            done = data[: end + len(_LINE)]
        else:
            hold = _overlap(data)
            done, self._held = data[: len(data) - hold], data[len(data) - hold :]
        if dot and dot.start() != end:
            done = done.replace(_STUFFED, _LINE)
        return self._without_imagined(done)

    def _without_imagined(self, done: bytes) -> bytes:
        if not self._imagined or not done:
            return done
        skip, self._imagined = self._imagined, 0
        return done[skip:]


def _overlap(data: bytes) -> int:
    """How many octets at the end of `data` could be the beginning of the end mark."""
    for length in range(min(len(_END) - 1, len(data)), 0, -1):
        if data.endswith(_END[:length]):
            return length
    return 0
