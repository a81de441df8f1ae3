"""Header text: encoded words (RFC 2047) and raw 8-bit octets, as tolerant as mail is sloppy."""

import re
from dataclasses import dataclass

from forwarding.reading.charsets import codec_for, decode, decode_western
from forwarding.reading.transfer import decode_base64

_WORD = re.compile(r"=\?([^?\s]{1,60})\?[ \t]*([bBqQ])[ \t]*\?")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")
_CHARSET_LABEL = re.compile(rb"""charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9_.-]{2,40})""", re.IGNORECASE)
_LABEL_OCTETS = 65_536
_STRICT_PAIRS = {
    "gb2312": "euc-cn-strict",
    "gbk": "euc-cn-strict",
    "gb18030": "euc-cn-strict",
    "big5": "big5",
    "euc-kr": "euc-kr",
}
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1f]")
_SPACES = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Octets of a header value; `charset` is empty for text outside of encoded words, `written` is the word itself."""

    octets: bytes
    charset: str
    encoded: bool
    written: str = ""


def decode_words(value: bytes, fallback_charset: str = "") -> str:
    """Decode a raw header value to text, encoded words included; never raises."""
    if b"=?" not in value:
        return decode_octets(value, fallback_charset)
    pieces = _merged(_pieces(value.decode("latin-1")))
    return "".join(_piece_text(piece, fallback_charset) for piece in pieces)


def decode_octets(value: bytes, fallback_charset: str = "") -> str:
    """Raw header octets to text: UTF-8 when valid, else the charset of the body, else Windows-1252."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    if b"\x1b$" in value and value.isascii():
        return decode(value, fallback_charset.partition(",")[0], detection_octets=0).text
    for charset in ("utf-8", *fallback_charset.split(",")):
        codec = codec_for(charset) if charset else None
        if codec in (None, "ascii"):
            continue
        try:
            return value.decode(codec or "utf-8")
        except (UnicodeError, ValueError):
            continue
    return decode(value, "", detection_octets=0).text if b"\x1b" in value else decode_western(value)


def header_charsets(raw: bytes, declared: str) -> str:
    """Charsets to try for 8-bit header text, best first, separated by commas.

    After the message's own charset come the East Asian ones named anywhere near its start (often in the attached
    original of a report); they are tried in their strict two-octet form, which Western text does not satisfy.
    """
    named = [match.group(1).decode("ascii").lower() for match in _CHARSET_LABEL.finditer(raw[:_LABEL_OCTETS])]
    strict = [_STRICT_PAIRS[name] for name in named if name in _STRICT_PAIRS]
    others = [name for name in named if name not in _STRICT_PAIRS]
    own = [declared] if codec_for(declared) not in ("cp1252", None) else []
    return ",".join(dict.fromkeys([*own, *strict, declared, *others[:1]]))


def _pieces(value: str) -> list[_Piece]:
    """Cut a header value into encoded words and what stands between them, in linear time."""
    pieces: list[_Piece] = []
    position, last_close = 0, value.rfind("?=")
    for match in _WORD.finditer(value):
        if match.start() < position:
            continue
        close = _close(value, match.end(), last_close)
        pieces.append(_Piece(value[position : match.start()].encode("latin-1"), "", encoded=False))
        pieces.append(_decoded_word(match, value[match.end() : close]))
        position = close + 2
    pieces.append(_Piece(value[position:].encode("latin-1"), "", encoded=False))
    return [piece for piece in pieces if piece.encoded or piece.octets]


def _close(value: str, start: int, last_close: int) -> int:
    """Offset of the `?=` that ends a word; the end of the value for a word cut off."""
    if last_close < start:
        return len(value)
    return value.find("?=", start)


def _decoded_word(match: re.Match[str], text: str) -> _Piece:
    octets = text.encode("latin-1")
    if match.group(2) in "bB":
        octets = decode_base64(octets)
    else:
        octets = _Q_ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), octets.replace(b"_", b" "))
    charset = match.group(1).partition("*")[0].lower()  # RFC 2231, section 5: a language may follow
    return _Piece(octets, charset, encoded=True, written=f"{match.group()}{text}?=")


def _merged(pieces: list[_Piece]) -> list[_Piece]:
    """Drop white space between words; join neighbours of one charset, whose characters may be split."""
    merged: list[_Piece] = []
    for number, piece in enumerate(pieces):
        between_words = 0 < number < len(pieces) - 1 and pieces[number - 1].encoded and pieces[number + 1].encoded
        if not piece.encoded and between_words and not piece.octets.strip():
            continue
        if piece.encoded and merged and merged[-1].encoded and merged[-1].charset == piece.charset:
            merged[-1] = _joined(merged[-1], piece)
        else:
            merged.append(piece)
    return merged


def _joined(left: _Piece, right: _Piece) -> _Piece:
    return _Piece(left.octets + right.octets, left.charset, encoded=True, written=left.written + right.written)


def _piece_text(piece: _Piece, fallback_charset: str) -> str:
    if not piece.encoded:
        return decode_octets(piece.octets, fallback_charset)
    decoded = decode(piece.octets, piece.charset, detection_octets=0)
    if decoded.overruled and _CONTROLS.search(decoded.text):
        return piece.written  # damaged beyond reading: what stands there says more than noise
    return decoded.text


def squeeze(text: str) -> str:
    """Runs of white space become one space, ends are trimmed."""
    return _SPACES.sub(" ", text).strip()
