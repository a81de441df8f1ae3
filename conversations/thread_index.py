"""Outlook's Thread-Index: PidTagConversationIndex of [MS-OXOMSG] 2.2.1.3, in base64 in a mail. Pure.

    header   22 octets: 0x01, the five most significant of the conversation's FILETIME, its GUID
    a block   5 octets for every answer: time since the header (1 + 31 bits), and 8 bits to tell answers apart

Older programs begin with the six most significant octets of the FILETIME, the first of which is 0x01 too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HEADER_OCTETS, BLOCK_OCTETS = 22, 5
MAX_OCTETS = HEADER_OCTETS + 100 * BLOCK_OCTETS
"""A longer index starts over with its first header."""


_GUID = slice(6, HEADER_OCTETS)
_FIRST = b"\x01"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_LONG_TICKS = 1 << 49
"""From this difference on, about 1.7 years, a block counts in units of 2^23 ticks instead of 2^18."""


def begun(guid: str, at: datetime) -> bytes:
    """The index of a conversation's first mail; `guid` are 32 hexadecimal digits."""
    return _FIRST + _filetime(at).to_bytes(8, "big")[:5] + bytes.fromhex(guid)


def extended(parent: bytes, at: datetime, *, salt: int) -> bytes:
    """The index of an answer to a mail with a whole index; `salt` tells answers of one moment apart."""
    elapsed = max(0, _filetime(at) - _beginning(parent))
    is_long = elapsed >= _LONG_TICKS
    units = (elapsed >> 23 if is_long else elapsed >> 18) & 0x7FFFFFFF
    block = (is_long << 31 | units).to_bytes(4, "big") + bytes([salt & 0xFF])
    if len(parent) + BLOCK_OCTETS > MAX_OCTETS:
        parent = parent[:HEADER_OCTETS]
    return parent + block


def guid(index: bytes) -> str:
    """What stays equal within a conversation, in 32 hexadecimal digits; "" for an index too short to have it."""
    return index[_GUID].hex() if len(index) >= HEADER_OCTETS else ""


def is_whole(index: bytes) -> bool:
    """Whether it is a header and whole blocks."""
    blocks = len(index) - HEADER_OCTETS
    return index.startswith(_FIRST) and blocks >= 0 and blocks % BLOCK_OCTETS == 0


def _beginning(index: bytes) -> int:
    """The header's time in FILETIME ticks of 100 ns. The FILETIME of our days begins with 0x01."""
    octets = index[1:6] if index[1:2] == _FIRST else index[:6]
    return int.from_bytes(octets.ljust(8, b"\0"), "big")


def _filetime(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 10
