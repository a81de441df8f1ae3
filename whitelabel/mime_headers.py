"""Writing header fields: folded lines, encoded-words (RFC 2047), addresses (RFC 5322) and parameters (RFC 2231).

Every function returns whole field values whose lines are separated by CRLF SP, with nothing but printable ASCII in them.
Pure: values in, text out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

LINE_CHARACTERS = 76
"""Preferred length of a header line; RFC 5322 section 2.1.1 asks for at most 78."""

ENCODED_WORD_CHARACTERS = 75
"""RFC 2047 section 2."""

MAX_WORD_CHARACTERS = 900
"""A longer word without a space could not be written as it is: the field name shares its line."""

MAX_MESSAGE_ID_CHARACTERS = 250
"""Longer identifiers are left out of References: some servers refuse them."""

MAX_REFERENCES = 40

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]+>")
_ADDR_SPEC = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+@[A-Za-z0-9.\[\]:-]+")
_PARAMETER_SAFE = "!#$&+-.^_`|~"


class UnwritableAddress(ValueError):
    """An address that cannot stand in a header: not ASCII, or with spaces, brackets or control characters."""


@dataclass(frozen=True)
class Mailbox:
    """A display name (may be empty, any text) and an address (ASCII, domain as A-label)."""

    name: str
    address: str


def one_line(text: str) -> str:
    """The text without line breaks, control characters and surrogates; a run of them becomes one space."""
    return _CONTROLS.sub(" ", text).strip()


def unstructured(text: str, name: str) -> str:
    """Value of a free-text field such as Subject; `name` is the field's name, whose line it shares."""
    text = one_line(text)
    if _plain(text):
        return _fold(text, len(name) + 2)
    return _encoded_words(text, len(name) + 2)


def address_list(mailboxes: Iterable[Mailbox], name: str) -> str:
    """Value of From, To, Cc or Reply-To. Raises UnwritableAddress."""
    lines: list[str] = []
    room = LINE_CHARACTERS - len(name) - 2
    for written in map(_mailbox, mailboxes):
        first, _, _ = written.partition("\r\n")
        if lines and len(lines[-1].rpartition("\r\n")[2]) + 2 + len(first) <= room:
            lines[-1] += f", {written}"
        else:
            lines.append(written)
            room = LINE_CHARACTERS
    return ",\r\n ".join(lines)


def message_ids(ids: Iterable[str]) -> str:
    """Value of References or In-Reply-To: the well-formed ids, one a line, without doubles. May be empty.

    Of a very long history the first id (the root) and the newest ones are kept, as RFC 5322 readers need.
    """
    valid = list(dict.fromkeys(i for i in ids if _MESSAGE_ID.fullmatch(i) and len(i) <= MAX_MESSAGE_ID_CHARACTERS))
    if len(valid) > MAX_REFERENCES:
        valid = [valid[0], *valid[1 - MAX_REFERENCES :]]
    return "\r\n ".join(valid)


def parameter(name: str, value: str) -> Iterator[str]:
    """One parameter as `name="value"`, or in numbered percent-encoded pieces (RFC 2231) when it is not short ASCII."""
    value = one_line(value)
    if _plain(value) and len(value) <= 60:
        yield f'{name}="{_escape(value)}"'
        return
    first, *others = _percent_pieces(value)
    yield f"{name}*0*=UTF-8''{first}" if others else f"{name}*=UTF-8''{first}"
    for number, piece in enumerate(others, start=1):
        yield f"{name}*{number}*={piece}"


def encoded_parameter(name: str, value: str) -> str:
    """One parameter with encoded-words inside quotes: not in any RFC, but what older readers know for file names."""
    value = one_line(value)
    if _plain(value) and len(value) <= 60:
        return f'{name}="{_escape(value)}"'
    return f'{name}="{_encoded_words(value, len(name) + 3)}"'


def _plain(text: str) -> bool:
    """Whether text can be written as it is: printable ASCII, nothing that looks like an encoded-word, no endless word."""
    return (
        bool(_PLAIN.fullmatch(text))
        and "=?" not in text
        and max(map(len, text.split()), default=0) <= MAX_WORD_CHARACTERS
    )


def is_writable(address: str) -> bool:
    """Whether an address can stand in a header: letters outside ASCII before the @ need SMTPUTF8 of every server."""
    return bool(_ADDR_SPEC.fullmatch(address))


def _mailbox(mailbox: Mailbox) -> str:
    if not is_writable(mailbox.address):
        raise UnwritableAddress(mailbox.address)
    name = one_line(mailbox.name)
    if not name:
        return mailbox.address
    written = _phrase(name)
    separator = " " if len(written.rpartition("\r\n")[2]) + len(mailbox.address) + 3 <= LINE_CHARACTERS else "\r\n "
    return f"{written}{separator}<{mailbox.address}>"


def _phrase(name: str) -> str:
    if not _plain(name) or len(name) > 60:
        return _encoded_words(name, 0)
    return name if _ATOMS.fullmatch(name) else f'"{_escape(name)}"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _fold(text: str, used: int) -> str:
    """Break before spaces where a line would be longer than LINE_CHARACTERS; unfolding gives the same text back."""
    lines, line = [], ""
    for piece in re.findall(r" *[^ ]+", text):
        if line and used + len(line) + len(piece) > LINE_CHARACTERS:
            lines.append(line)
            line, used = piece, 0
        else:
            line += piece
    return "\r\n".join([*lines, line])


def _encoded_words(text: str, used: int) -> str:
    """UTF-8 encoded-words, Q or B whichever is shorter, never splitting a character (RFC 2047 section 5)."""
    octets = text.encode()
    use_q = sum(1 if octet in _Q_SAFE or octet == 0x20 else 3 for octet in octets) <= len(octets) * 4 / 3
    words: list[str] = []
    start = 0
    while start < len(text):
        room = ENCODED_WORD_CHARACTERS - len("=?utf-8?q??=") - (min(used, 40) if not words else 1)
        end = _fitting(text, start, room, use_q)
        words.append(_encoded_word(text[start:end], use_q))
        start = end
    return "\r\n ".join(words)


def _fitting(text: str, start: int, room: int, use_q: bool) -> int:
    """End of the longest piece from `start` whose encoded form fits in `room` characters; at least one character."""
    octets = encoded = 0
    for position in range(start, len(text)):
        character = text[position].encode()
        octets += len(character)
        encoded += sum(1 if octet in _Q_SAFE or octet == 0x20 else 3 for octet in character)
        size = encoded if use_q else (octets + 2) // 3 * 4
        if size > room and position > start:
            return position
    return len(text)


def _encoded_word(text: str, use_q: bool) -> str:
    octets = text.encode()
    if not use_q:
        return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="
    letters = ("_" if octet == 0x20 else chr(octet) if octet in _Q_SAFE else f"={octet:02X}" for octet in octets)
    return f"=?utf-8?q?{''.join(letters)}?="


def _percent_pieces(value: str) -> Iterator[str]:
    piece = ""
    for character in value:
        encoded = quote(character, safe=_PARAMETER_SAFE)
        if len(piece) + len(encoded) > 50:
            yield piece
            piece = ""
        piece += encoded
    yield piece
