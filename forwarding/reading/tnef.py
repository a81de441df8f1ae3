"""Outlook's winmail.dat (MS-OXTNEF, MS-OXCDATA): its files and body as derived attachments beside the original.

Read here rather than by a library because the octets are hostile: every length is checked against what is there,
nothing is copied twice, and a broken attribute ends the reading with what was found so far.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from forwarding.reading.charsets import codec_for, decode
from forwarding.reading.compressed_rtf import decompress_rtf
from forwarding.reading.filenames import safe_name, type_of
from forwarding.reading.html_text import html_to_text
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Attachment
from forwarding.reading.rtf_text import rtf_to_html, rtf_to_text
from forwarding.reading.storable import pg_line, pg_text

_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEADER_OCTETS = 6  # signature and key
_ATTRIBUTE = struct.Struct("<BII")  # level, tag, length; the data and a checksum of two octets follow
_TITLE, _DATA, _RENDERING, _PROPERTIES, _BODY = 0x8010, 0x800F, 0x9002, 0x9005, 0x800C
_MESSAGE_PROPERTIES, _OEM_CODEPAGE = 0x9003, 0x9007
_EMBEDDED_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage
_FIXED_OCTETS = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = {0x0D, 0x1E, 0x1F, 0x102}
_MULTIPLE = 0x1000
_UNICODE = 0x1F
_LONG_NAME, _NAME, _DISPLAY_NAME, _CONTENT, _MIME, _CONTENT_ID = 0x3707, 0x3704, 0x3001, 0x3701, 0x370E, 0x3712
_TEXT_BODY, _RTF_BODY, _HTML_BODY, _CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FDE
_MAXIMUM_DEPTH = 2
_MAXIMUM_PROPERTIES = 4_096
_MAXIMUM_FILES = 500


@dataclass(slots=True)
class _File:
    """One attachment while its attributes are being read."""

    title: str = ""
    long_name: str = ""
    content: bytes = b""
    content_type: str = ""
    content_id: str = ""
    message: bytes = b""


@dataclass(slots=True)
class _Message:
    """A TNEF stream: files and body in up to three forms."""

    files: list[_File] = field(default_factory=list)
    codepage: str = "cp1252"
    text: str = ""
    html: bytes = b""
    rtf: bytes = b""


@dataclass(slots=True)
class _Budget:
    """How much rich text may still be decompressed out of one winmail.dat, with the messages attached in it."""

    rtf_octets: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Derived attachments of one winmail.dat, and its body as plain text and HTML, where it has them."""

    attachments: tuple[Attachment, ...] = ()
    text: str = ""
    html: str | None = None


def is_tnef(attachment: Attachment) -> bool:
    """True when the content is a TNEF stream, whatever its name and type say."""
    return attachment.content.startswith(_SIGNATURE)


def unpack_tnef(attachment: Attachment, limits: Limits) -> Unpacked:
    """Files and body inside a TNEF attachment; empty when it is too large or holds nothing."""
    if len(attachment.content) > limits.tnef_octets:
        return Unpacked()
    budget = _Budget(limits.rtf_octets)
    message = _read(attachment.content, budget)
    html = pg_text(_html_of(message))[: limits.shown_text_octets] or None
    return Unpacked(tuple(_derived(message, limits, budget, 1)), _text_of(message, html, limits), html)


def _read(data: bytes, budget: _Budget) -> _Message:
    message = _Message()
    for tag, value in _attributes(data):
        identifier = tag & 0xFFFF
        if identifier == _RENDERING and len(message.files) < _MAXIMUM_FILES:
            message.files.append(_File())
        elif identifier == _OEM_CODEPAGE and len(value) >= 4:
            message.codepage = codec_for(f"cp{int.from_bytes(value[:4], 'little')}") or "cp1252"
        elif identifier == _MESSAGE_PROPERTIES:
            _message_properties(message, value)
        elif identifier == _BODY:
            message.text = _string(value, message.codepage)
        elif message.files:
            _file_attribute(message.files[-1], identifier, value, message.codepage)
    message.rtf = decompress_rtf(message.rtf, budget.rtf_octets)
    budget.rtf_octets -= len(message.rtf)
    return message


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = _HEADER_OCTETS
    while position + _ATTRIBUTE.size + 2 <= len(data):
        _, tag, length = _ATTRIBUTE.unpack_from(data, position)
        start = position + _ATTRIBUTE.size
        if start + length > len(data):
            return
        yield tag, data[start : start + length]
        position = start + length + 2


def _file_attribute(file: _File, identifier: int, value: bytes, codepage: str) -> None:
    if identifier == _TITLE:
        file.title = _string(value, codepage)
    elif identifier == _DATA:
        file.content = value
    elif identifier == _PROPERTIES:
        for name, kind, content in _properties(value):
            _file_property(file, name, kind, content, codepage)


def _file_property(file: _File, name: int, kind: int, content: bytes, codepage: str) -> None:
    if name == _CONTENT and content:
        if kind == 0x0D and content.startswith(_EMBEDDED_MESSAGE):
            file.message = content[16:]
        else:
            file.content = content[16:] if kind == 0x0D else content
        return
    text = _property_text(kind, content, codepage)
    if name == _LONG_NAME:
        file.long_name = text
    elif name in (_NAME, _DISPLAY_NAME):
        file.title = file.title or text
    elif name == _MIME:
        file.content_type = text.lower()
    elif name == _CONTENT_ID:
        file.content_id = text.strip("<>")


def _message_properties(message: _Message, value: bytes) -> None:
    internet = ""
    for name, kind, content in _properties(value):
        if name == _TEXT_BODY:
            message.text = _property_text(kind, content, message.codepage)
        elif name == _HTML_BODY:
            message.html = content
        elif name == _RTF_BODY:
            message.rtf = content
        elif name == _CODEPAGE:
            internet = codec_for(f"cp{int.from_bytes(content[:4], 'little')}") or ""
    if message.html:
        message.html = decode(message.html, internet, html=True).text.encode("utf-8", "replace")


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """MAPI properties as (id, type, first value); ends at the first that does not fit."""
    cursor = _Cursor(data)
    for _ in range(min(cursor.number(), _MAXIMUM_PROPERTIES)):
        tag = cursor.number()
        kind, name = tag & 0xFFFF, tag >> 16
        if name >= 0x8000:
            cursor.skip_name()
        value = cursor.value(kind)
        if cursor.broken:
            return
        yield name, kind & ~_MULTIPLE, value


class _Cursor:
    """Reads little-endian values; past the end it is `broken` and gives zeros."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.broken = False

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            self.broken = True
            return b""
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def padded(self, length: int) -> bytes:
        taken = self.take(length)
        self.position += -length % 4
        return taken

    def skip_name(self) -> None:
        """A named property: GUID, kind, then a number or a string."""
        self.take(16)
        if self.number() == 0:
            self.take(4)
        else:
            self.padded(self.number())

    def value(self, kind: int) -> bytes:
        base = kind & ~_MULTIPLE
        several = bool(kind & _MULTIPLE) or base in _VARIABLE
        count = self.number() if several else 1
        if base not in _VARIABLE and base not in _FIXED_OCTETS:
            self.broken = True
        first = b""
        for number in range(min(count, _MAXIMUM_PROPERTIES)):
            if self.broken:
                break
            one = self.padded(self.number()) if base in _VARIABLE else self.padded(_FIXED_OCTETS[base])
            first = one if number == 0 else first
        return first


def _property_text(kind: int, content: bytes, codepage: str) -> str:
    return _string(content, "utf-16-le" if kind == _UNICODE else codepage)


def _string(content: bytes, codepage: str) -> str:
    return pg_text(decode(content, codepage, detection_octets=0).text).strip()


def _derived(message: _Message, limits: Limits, budget: _Budget, depth: int) -> Iterator[Attachment]:
    for file in message.files:
        if file.message and depth < _MAXIMUM_DEPTH:
            yield from _derived(_read(file.message, budget), limits, budget, depth + 1)
        else:
            yield _file(file, limits)
    yield from _bodies(message, limits)


def _file(file: _File, limits: Limits) -> Attachment:
    name = safe_name(file.long_name or file.title, limits) or "file"
    kind = pg_line(file.content_type) or type_of(name)
    content_id = pg_line(file.content_id)
    return Attachment(name, kind, file.content or file.message, content_id, inline=False, derived=True)


def _bodies(message: _Message, limits: Limits) -> Iterator[Attachment]:
    if message.html:
        yield Attachment("message.html", "text/html", message.html, derived=True)
    if message.text.strip():
        yield Attachment("message.txt", "text/plain", message.text.encode("utf-8", "replace"), derived=True)
    if message.rtf:
        yield Attachment("message.rtf", "application/rtf", message.rtf, derived=True)


def _html_of(message: _Message) -> str:
    """The HTML body; Outlook may keep it inside its RTF, which then holds nothing else."""
    if message.html:
        return message.html.decode("utf-8", "replace")
    return rtf_to_html(message.rtf) or ""


def _text_of(message: _Message, html: str | None, limits: Limits) -> str:
    if message.text.strip():
        return message.text[: limits.text_characters]
    if html is not None:
        return html_to_text(html).text
    return pg_text(rtf_to_text(message.rtf))
