"""A fingerprint of what the author wrote, equal whatever way the mail took (incoming-mail rules, section 3.3)."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from forwarding.reading.charsets import decode, is_binary
from forwarding.reading.storable import pg_text
from forwarding.reading.structure import Part
from forwarding.reading.words import squeeze

_TEXT_OCTETS = 1024 * 1024  # longer text is compared as octets
_BINARY_ENCODINGS = ("base64", "uuencode", "x-uuencode")


def content_hash(sender: str, date: datetime | None, raw_date: str, subject: str, parts: Iterable[Part]) -> str:
    """Hexadecimal SHA-256 over author, time, subject and leaf contents; trace headers and boundaries take no part."""
    when = date.astimezone(UTC).isoformat() if date is not None else squeeze(raw_date)
    digest = hashlib.sha256()
    for value in (sender.lower(), when, squeeze(subject)):
        digest.update(value.encode("utf-8", "replace") + b"\x00")
    for part in parts:
        digest.update(hashlib.sha256(_canonical(part)).digest())
    return digest.hexdigest()


def _canonical(part: Part) -> bytes:
    """Octets of a leaf without what transport may change: line ends, charset, trailing white space."""
    octets = part.octets()
    charset = part.kind.get("charset")
    is_text = part.content_type.startswith(("text/", "multipart/")) and len(octets) <= _TEXT_OCTETS
    if is_text and not is_binary(octets, charset):
        octets = pg_text(decode(octets, charset, detection_octets=0).text).encode("utf-8", "replace")
    elif part.encoding not in _BINARY_ENCODINGS:
        octets = octets.replace(b"\r\n", b"\n")
        return octets.rstrip()
    else:
        return octets.rstrip()
    return b"\n".join(line.rstrip() for line in octets.split(b"\n")).rstrip()
