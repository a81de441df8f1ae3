"""A tolerant reader of the MIME structure of feedback mail: fields and leaves, nothing decoded for display.

Reports come from the worst writers of mail there are: missing blank lines, wrong boundaries, bare CR. This reader is
total and linear, and does not depend on the reader of ordinary mail, so that feedback is understood even where that
one gives up.
"""

import binascii
import re
from dataclasses import dataclass, field

Fields = tuple[tuple[str, str], ...]
"""Header fields in order: lower-case name, unfolded value."""


@dataclass(frozen=True, slots=True)
class PartLimits:
    """What is looked at; everything beyond is ignored."""

    raw_octets: int = 8 * 1024 * 1024
    depth: int = 8
    parts: int = 200
    field_lines: int = 2_000
    value_characters: int = 8_000
    text_octets: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf: its type in lower case (`text/plain`), its fields, and its octets after transfer decoding."""

    content_type: str
    fields: Fields
    body: bytes
    limits: PartLimits = field(default=PartLimits(), repr=False)

    @property
    def text(self) -> str:
        """The octets as text (at most `text_octets`): declared charset, UTF-8, Latin-1, whichever fits first."""
        return decode_text(
            self.body[: self.limits.text_octets], parameter(value_of(self.fields, "content-type"), "charset")
        )


@dataclass(frozen=True, slots=True)
class Structure:
    """A mail taken apart: its own fields and its leaves in order. Embedded messages are leaves and stay closed."""

    content_type: str
    fields: Fields
    parts: tuple[Part, ...]


_NAME = re.compile(rb"[!-9;-~]{1,100}")
_PARAMETER = re.compile(r';\s*([a-z0-9*-]{1,40})\s*=\s*("[^"]*"|[^\s;]*)', re.IGNORECASE)
_CHARSET = re.compile(
    r"(?:utf|iso|windows|cp|koi8|us-ascii|ascii|shift|sjis|ms|euc|gb|big5|ks|latin|mac|tis)[a-z0-9_.-]{0,20}"
)


def take_apart(raw: bytes, limits: PartLimits = PartLimits()) -> Structure:
    """Split a mail into fields and leaves. Never raises; time is linear in the (limited) length."""
    octets = raw[: limits.raw_octets].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    fields, body = split_fields(octets, limits)
    parts: list[Part] = []
    _collect(fields, body, 0, limits, parts)
    return Structure(media_type(fields), fields, tuple(parts))


def split_fields(octets: bytes, limits: PartLimits = PartLimits()) -> tuple[Fields, bytes]:
    """Split LF-separated octets into header fields and the rest. A line that is no field ends the header."""
    position = _after_preamble(octets)
    fields: list[list[str]] = []
    for _ in range(limits.field_lines):
        end = octets.find(b"\n", position)
        line = octets[position : end if end >= 0 else len(octets)]
        following = end + 1 if end >= 0 else len(octets)
        if not line.strip():
            return _finished(fields, limits), octets[following:]
        if line[:1] in b" \t" and fields:
            fields[-1].append(_field_text(line))
        elif (colon := line.find(b":")) > 0 and _NAME.fullmatch(line[:colon].rstrip()):
            fields.append([_field_text(line[:colon]).lower(), _field_text(line[colon + 1 :])])
        elif not line.startswith((b"From ", b">From ")):
            return _finished(fields, limits), octets[position:]
        position = following
    return _finished(fields, limits), octets[position:]


def _after_preamble(octets: bytes) -> int:
    """Skip a byte order mark and blank lines before the first field."""
    position = 3 if octets.startswith(b"\xef\xbb\xbf") else 0
    while (end := octets.find(b"\n", position)) >= 0 and not octets[position:end].strip():
        position = end + 1
    return position


def _field_text(octets: bytes) -> str:
    try:
        return octets.strip().decode("utf-8")
    except UnicodeDecodeError:
        return octets.strip().decode("latin-1")


def _finished(fields: list[list[str]], limits: PartLimits) -> Fields:
    return tuple((name, " ".join(values)[: limits.value_characters]) for name, *values in fields)


def value_of(fields: Fields, name: str) -> str:
    """The first value of the field called `name` (lower case), or the empty string."""
    return next((value for key, value in fields if key == name), "")


def parameter(value: str, name: str) -> str:
    """A parameter of a structured field such as Content-Type, unquoted; empty when absent."""
    return next((text.strip('"') for key, text in _PARAMETER.findall(value) if key.lower() == name), "")


def media_type(fields: Fields) -> str:
    """The type in lower case without parameters; text/plain when there is none (RFC 2045 section 5.2)."""
    declared = value_of(fields, "content-type").replace(";", " ").split()
    return declared[0].lower() if declared and "/" in declared[0] else "text/plain"


def _collect(fields: Fields, body: bytes, depth: int, limits: PartLimits, parts: list[Part]) -> None:
    if len(parts) >= limits.parts:
        return
    content_type = media_type(fields)
    boundary = parameter(value_of(fields, "content-type"), "boundary")
    inner = (
        _split(body, boundary) if boundary and content_type.startswith("multipart/") and depth < limits.depth else []
    )
    for piece in inner[: limits.parts]:
        _collect(*split_fields(piece, limits), depth + 1, limits, parts)
    if not inner:
        decoded = _transfer_decoded(body, value_of(fields, "content-transfer-encoding"))
        leaf_type = "text/plain" if content_type.startswith("multipart/") else content_type
        parts.append(Part(leaf_type, fields, decoded, limits))


def _split(body: bytes, boundary: str) -> list[bytes]:
    """The pieces between boundary lines (RFC 2046 section 5.1.1); empty when the boundary does not occur."""
    delimiter = b"\n--" + boundary.encode("utf-8", "replace")
    pieces = (b"\n" + body).split(delimiter)[1:]
    kept = []
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        rest = piece.partition(b"\n")
        kept.append(rest[2])
    return kept


def _transfer_decoded(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding == "base64":
        return _base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return body


def _base64(body: bytes) -> bytes:
    """Decode what is there, skipping foreign characters and mending padding; text that is no base64 stays as it is."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    if len(kept) < len(body.replace(b"\n", b"")) * 0.9:
        return body
    kept = kept[: len(kept) - (1 if len(kept) % 4 == 1 else 0)]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def decode_text(octets: bytes, charset: str) -> str:
    """Decode for recognition, not for display. Only charsets of mail are tried, never codecs such as punycode."""
    for name in (charset.lower(), "utf-8"):
        if _CHARSET.fullmatch(name):
            try:
                return octets.decode(name)
            except (LookupError, ValueError):
                continue
    return octets.decode("latin-1")
