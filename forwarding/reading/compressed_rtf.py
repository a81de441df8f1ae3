"""Compressed RTF (MS-OXRTFCP): the LZ77 variant in which Outlook keeps its bodies."""

import struct

_HEADER = struct.Struct("<IIII")  # compressed size, raw size, type, checksum
_COMPRESSED = 0x75465A4C  # LZFu
_UNCOMPRESSED = 0x414C454D  # MELA
_DICTIONARY_OCTETS = 4096
# The dictionary both sides begin with (MS-OXRTFCP, section 2.1.2.1).
_PRELOADED = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def decompress_rtf(data: bytes, maximum: int) -> bytes:
    """Raw RTF of at most `maximum` octets; empty when the data is no compressed RTF."""
    if len(data) < _HEADER.size:
        return b""
    _, raw_size, kind, _ = _HEADER.unpack_from(data)
    if kind == _UNCOMPRESSED:
        return data[_HEADER.size : _HEADER.size + min(raw_size, maximum)]
    if kind != _COMPRESSED:
        return b""
    return _decompress(data, min(raw_size, maximum))


def _decompress(data: bytes, wanted: int) -> bytes:
    """Control octets tell for eight tokens each: a literal, or a reference of 12 bits offset and 4 bits length."""
    window = bytearray(_PRELOADED.ljust(_DICTIONARY_OCTETS, b"\x00"))
    write = len(_PRELOADED)
    output = bytearray()
    position = _HEADER.size
    while position < len(data) and len(output) < wanted:
        control = data[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                piece = data[position : position + 1]
                position += 1
            else:
                reference = int.from_bytes(data[position : position + 2], "big")
                position += 2
                if reference >> 4 == write:
                    return bytes(output[:wanted])
                piece = _referenced(window, reference, write)
            for octet in piece:
                window[write] = octet
                write = (write + 1) % _DICTIONARY_OCTETS
            output += piece
            if position >= len(data):
                break
    return bytes(output[:wanted])


def _referenced(window: bytearray, reference: int, write: int) -> bytes:
    """Octets of the window from the offset on; a run that reaches the write position repeats itself."""
    offset, length = reference >> 4, (reference & 0x0F) + 2
    distance = (write - offset) % _DICTIONARY_OCTETS or _DICTIONARY_OCTETS
    return bytes(window[(offset + step % distance) % _DICTIONARY_OCTETS] for step in range(length))
