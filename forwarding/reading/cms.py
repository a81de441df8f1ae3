"""The content inside an opaque S/MIME signature (RFC 8551, section 3.5.2; RFC 5652), to be shown, not checked."""

from collections.abc import Iterator
from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_SEQUENCE, _OBJECT_IDENTIFIER, _CONTEXT_0 = 0x30, 0x06, 0xA0
_OCTETS, _CONSTRUCTED_OCTETS = 0x04, 0x24
_CONSTRUCTED = 0x20
_INDEFINITE = 0x80
_DEPTH = 12
_ELEMENTS = 1_000_000  # several times what 50 MB in pieces of 1,000 octets take


class _Element(NamedTuple):
    """One BER element: tag, and where its content lies."""

    tag: int
    start: int
    end: int


def signed_content(data: bytes) -> bytes | None:
    """The MIME entity that was signed, or None when `data` is no signature with content."""
    try:
        return _Ber(data).signed_content()
    except (IndexError, StopIteration, ValueError):
        return None  # cut off, or no BER at all


class _Ber:
    """Walks over BER, also with lengths left open, without copying; ends with ValueError beyond its bounds."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0

    def signed_content(self) -> bytes | None:
        outer = self._first(0, len(self.data), _SEQUENCE)
        kind, wrapped = self._pair(outer)
        if self._octets(kind) != _SIGNED_DATA:
            return None
        signed = self._first(wrapped.start, wrapped.end, _SEQUENCE)
        content = next(one for one in self._elements(signed.start, signed.end) if one.tag == _SEQUENCE)
        kind, wrapped = self._pair(content)
        if self._octets(kind) != _DATA:
            return None
        return self._joined(next(self._elements(wrapped.start, wrapped.end)), 0)

    def _pair(self, sequence: _Element) -> tuple[_Element, _Element]:
        elements = self._elements(sequence.start, sequence.end)
        kind, wrapped = next(elements), next(elements)
        if kind.tag != _OBJECT_IDENTIFIER or wrapped.tag != _CONTEXT_0:
            raise ValueError("not a content type with content")
        return kind, wrapped

    def _first(self, start: int, end: int, tag: int) -> _Element:
        element = next(self._elements(start, end))
        if element.tag != tag:
            raise ValueError("another element was expected")
        return element

    def _octets(self, element: _Element) -> bytes:
        return self.data[element.start : element.end]

    def _joined(self, element: _Element, depth: int) -> bytes:
        if element.tag == _OCTETS:
            return self._octets(element)
        if element.tag != _CONSTRUCTED_OCTETS or depth >= _DEPTH:
            raise ValueError("no octet string")
        return b"".join(self._joined(one, depth + 1) for one in self._elements(element.start, element.end))

    def _elements(self, start: int, end: int, depth: int = 0) -> Iterator[_Element]:
        position = start
        while position < end:
            element, position = self._element(position, end, depth)
            yield element

    def _element(self, position: int, end: int, depth: int) -> tuple[_Element, int]:
        """The element at `position` and where the next one begins."""
        self.seen += 1
        if self.seen > _ELEMENTS or depth > _DEPTH:
            raise ValueError("too many elements")
        tag, length = self.data[position], self.data[position + 1]
        start = position + 2
        if length == _INDEFINITE and tag & _CONSTRUCTED:
            return self._open_ended(tag, start, end, depth)
        if length > _INDEFINITE:
            count = length - _INDEFINITE
            length = int.from_bytes(self.data[start : start + count], "big")
            start += count
        if start + length > end:
            raise ValueError("an element is longer than what holds it")
        return _Element(tag, start, start + length), start + length

    def _open_ended(self, tag: int, start: int, end: int, depth: int) -> tuple[_Element, int]:
        """An element whose end is marked by two zero octets."""
        position = start
        while self.data[position : position + 2] != b"\x00\x00":
            _, position = self._element(position, end, depth + 1)
        return _Element(tag, start, position), position + 2
