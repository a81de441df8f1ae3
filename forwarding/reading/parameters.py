"""Structured header values with parameters: Content-Type and Content-Disposition (RFC 2045, RFC 2183, RFC 2231)."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from forwarding.reading.charsets import decode
from forwarding.reading.words import decode_words

# One parameter: a name, then a quoted string (a missing end quote runs to the end) or a token up to the semicolon.
_PARAMETER = re.compile(rb"""([^=;\s"]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.)*)(?:"|$)|([^;"]*"?[^;]*))""", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_CONTINUATION = re.compile(r"^([^*]+)(?:\*(\d{1,4}))?(\*)?$")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_COMMENT = re.compile(rb"\([^()\"]{0,200}\)")


@dataclass(frozen=True, slots=True)
class Parameterized:
    """Main value in lower case, and decoded parameters by lower-case name (first one wins)."""

    value: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The parameter called `name`, empty when absent."""
        return self.parameters.get(name, "")


def parse_parameterized(raw: bytes, maximum: int = 200, fallback_charset: str = "") -> Parameterized:
    """Split a header value into its main value and at most `maximum` decoded parameters; never raises."""
    head, _, rest = raw.partition(b";")
    head = _COMMENT.sub(b"", head).strip()
    if b"=" in head:  # the semicolon or the main value is missing
        first, *others = head.split(None, 1)
        head, rest = (b"", raw) if b"=" in first else (first, b"".join(others) + b";" + rest)
    value = head.strip(b'"').lower().decode("latin-1")
    return Parameterized(value, _parameters(rest, maximum, fallback_charset) if rest else {})


_TURNED = {"plain/text": "text/plain", "html/text": "text/html"}


def content_type(raw: bytes, default: str, maximum: int = 200) -> Parameterized:
    """Content-Type with a well-formed type/subtype; `default` stands in for a missing or broken one."""
    parsed = parse_parameterized(raw, maximum)
    match = _TYPE.search(parsed.value.replace(" ", ""))
    value = match.group() if match else _bare_type(parsed.value, default)
    value = _TURNED.get(value, value)
    return Parameterized(value, parsed.parameters)


def _bare_type(value: str, default: str) -> str:
    if value == "text":
        return "text/plain"
    return "multipart/mixed" if value in ("multipart", "multipart/") else default


def _parameters(rest: bytes, maximum: int, fallback_charset: str) -> dict[str, str]:
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(rest)):
        if count >= maximum:
            break
        _file(match, plain, pieces)
    decoded = {name: decode_words(value, fallback_charset) for name, value in plain.items()}
    return {**decoded, **{name: _assembled(numbered) for name, numbered in pieces.items()}}


def _file(match: re.Match[bytes], plain: dict[str, bytes], pieces: dict[str, dict[int, tuple[bytes, bool]]]) -> None:
    quoted, token = match.group(2), match.group(3)
    value = _ESCAPE.sub(_unescape, quoted) if quoted is not None else token.strip()
    shape = _CONTINUATION.match(match.group(1).decode("latin-1").lower())
    if shape is None:
        return
    base, number, extended = shape.groups()
    if number is None and extended is None:
        plain.setdefault(base, value)
    else:
        pieces.setdefault(base, {}).setdefault(int(number or 0), (value, extended is not None))


def _unescape(match: re.Match[bytes]) -> bytes:
    """Only quotes and backslashes are escaped in practice; a Windows path keeps its backslashes."""
    return match.group(1) if match.group(1) in (b'"', b"\\") else match.group()


def _assembled(numbered: dict[int, tuple[bytes, bool]]) -> str:
    """Join the continuations of one parameter (RFC 2231, section 3) and decode with its charset (section 4)."""
    charset, octets, any_extended = "", b"", False
    for position, (_, (given, extended)) in enumerate(sorted(numbered.items())):
        value = given
        if extended:
            any_extended = True
            if position == 0 and given.count(b"'") >= 2:
                label, _, value = given.split(b"'", 2)
                charset = label.decode("latin-1")
            value = unquote_to_bytes(value)
        octets += value
    if not any_extended or b"=?" in octets:
        return decode_words(octets, charset)
    return decode(octets, charset, detection_octets=0).text
