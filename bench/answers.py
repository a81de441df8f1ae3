"""The message set of the mail benchmarks with answers in it, as filing gets them."""

from __future__ import annotations

from bench.messages import message_set

_GAP = 51


def threaded_set(count: int) -> list[bytes]:
    """The message set, every message with an odd number as an answer to the one `_GAP` before it, of the same person."""
    messages = list(message_set(count))
    return [
        _answer(raw, messages[number - _GAP]) if number % 2 and number >= _GAP else raw
        for number, raw in enumerate(messages)
    ]


def _answer(raw: bytes, earlier: bytes) -> bytes:
    named = b"In-Reply-To: %s\r\nSubject:" % _field(earlier, b"Message-ID")
    return raw.replace(_field(raw, b"From"), _field(earlier, b"From"), 1).replace(b"Subject:", named, 1)


def _field(raw: bytes, name: bytes) -> bytes:
    start = raw.find(b"\r\n%s: " % name)
    return raw[start + len(name) + 4 : raw.find(b"\r\n", start + 2)]
