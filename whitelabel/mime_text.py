"""Text of a mail on the wire: cleaned, flowed (RFC 3676) and transfer-encoded (RFC 2045). Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

FLOWED_CHARACTERS = 72
"""Where a paragraph is broken softly; RFC 3676 section 4.2 asks for at most 78."""

BASE64_LINE_OCTETS = 57
"""57 octets are 76 characters of base64, the most RFC 2045 section 6.8 allows in a line."""

SIGNATURE_SEPARATOR = "-- "

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_TRAILING = re.compile("[ \t](?:\n|$)")
_QUOTE = re.compile(r">+(?: |$)")
_ASCII = bytes(range(128))
_WORDS = re.compile(r"[^ ]* *")


def clean(text: str) -> str:
    """The text with LF line ends, without control characters (but TAB), surrogates and trailing spaces of lines.

    The signature separator "-- " keeps its space.
    """
    text = _UNSAFE.sub(
        "", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    )
    if not _TRAILING.search(text):
        return text
    return "\n".join(line if line == SIGNATURE_SEPARATOR else line.rstrip(" \t") for line in text.split("\n"))


def flowed(text: str) -> str:
    """Clean text as format=flowed with LF line ends: a reader on a narrow screen may rewrap its paragraphs."""
    return "\n".join(line for paragraph in text.split("\n") for line in _flowed_lines(paragraph))


def quoted_printable(text: str) -> bytes:
    """UTF-8 text with LF line ends as quoted-printable lines of at most 76 characters, ending with CRLF."""
    octets = text.encode().replace(b"\n", b"\r\n")
    encoded = binascii.b2a_qp(octets, istext=True)
    # A line of a single dot or one starting with "From " is rewritten by some servers (RFC 2049 section 3).
    encoded = re.sub(rb"(?m)^From ", b"=46rom ", encoded)
    encoded = re.sub(rb"(?m)^\.(?=\r?$)", b"=2E", encoded)
    return _crlf(encoded)


def base64_lines(octets: bytes) -> bytes:
    """Base64 in lines of 76 characters, ending with CRLF."""
    encoded = base64.b64encode(octets)
    width = BASE64_LINE_OCTETS // 3 * 4
    return b"".join(encoded[start : start + width] + b"\r\n" for start in range(0, len(encoded), width))


def text_body(text: str) -> tuple[str, bytes]:
    """(transfer encoding, octets) of a text: quoted-printable, or base64 where most letters are not ASCII."""
    octets = text.encode()
    if len(octets.translate(None, _ASCII)) * 3 > len(octets):
        return "base64", base64_lines(octets.replace(b"\n", b"\r\n"))
    return "quoted-printable", quoted_printable(text)


def _crlf(octets: bytes) -> bytes:
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets if octets.endswith(b"\r\n") or not octets else octets + b"\r\n"


def _flowed_lines(paragraph: str) -> Iterator[str]:
    if paragraph == SIGNATURE_SEPARATOR or _QUOTE.match(paragraph):
        yield paragraph
        return
    if len(paragraph) <= FLOWED_CHARACTERS:
        yield _stuffed(paragraph)
        return
    line = ""
    for word in _WORDS.findall(paragraph):
        breakable = line.endswith(" ") and line != SIGNATURE_SEPARATOR
        if breakable and len(line) + len(word.rstrip()) > FLOWED_CHARACTERS:
            yield _stuffed(line)
            line = ""
        line += word
    yield _stuffed(line)


def _stuffed(line: str) -> str:
    """Space-stuffing of RFC 3676 section 4.4."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line
