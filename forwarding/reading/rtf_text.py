"""Rich Text Format to text, or back to the HTML it was made from (MS-OXRTFEX): enough to show what Outlook wrote.

One linear pass over the tokens. A group's state is one immutable value, so that a million open braces cost a reference
each.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from forwarding.reading.charsets import codec_for, decode

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}]+)", re.DOTALL
)
_FROM_HTML = re.compile(rb"\\fromhtml1?(?!\d)")
_ANNOUNCED_OCTETS = 1_000  # \fromhtml is among the first ten tokens
_BREAKS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t"}
_SIGNS = {
    b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•",
    b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n"}
# Groups that hold no text of the document.
_SILENT = {
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"generator", b"listtable",
    b"listoverridetable", b"rsidtbl", b"themedata", b"xmlnstbl", b"mmathPr", b"latentstyles", b"datastore", b"mhtmltag",
}  # fmt: skip
# \fcharset to code page (RTF specification 1.9.1, section Font Table); 0 and 1 stand for the document's own.
_FONT_CHARSETS = {
    77: "mac-roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_MOST_SKIPPED = 4


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds until the group ends.

    `silent`: no text of the document; `tag`: HTML as it is; `rtf_only`: meant for programs that show RTF; `codepage` is
    that of the current font, None for the document's.
    """

    silent: bool = False
    tag: bool = False
    rtf_only: bool = False
    codepage: str | None = None
    skipped_after_unicode: int = 1


def rtf_to_text(rtf: bytes) -> str:
    """Text of an RTF document; empty for what is none. Line ends are LF, and surrogates are paired."""
    return _read(rtf, html=False)


def rtf_to_html(rtf: bytes) -> str | None:
    """The HTML inside an RTF document that was made from HTML, None for any other."""
    return _read(rtf, html=True) if _FROM_HTML.search(rtf[:_ANNOUNCED_OCTETS]) else None


def _read(rtf: bytes, *, html: bool) -> str:
    if not rtf.lstrip().startswith(b"{\\rtf"):
        return ""
    reader = _Reader(html=html)
    for match in _tokens(rtf):
        reader.take(match)
    return reader.text()


def _tokens(rtf: bytes) -> Iterator[re.Match[bytes]]:
    """Tokens in order, without the binary data behind `\\bin`; an octet that begins none is skipped."""
    if b"\\bin" not in rtf:
        yield from _TOKEN.finditer(rtf)
        return
    position = 0
    while (match := _TOKEN.search(rtf, position)) is not None:
        yield match
        position = match.end()
        if match.group(1) == b"bin" and match.group(2):
            position += max(0, int(match.group(2)))


class _Reader:
    """State of the walk: the groups it is in, octets not yet decoded, and how many to skip behind `\\u`."""

    def __init__(self, *, html: bool) -> None:
        self.html = html
        self.pieces: list[str] = []
        self.pending = bytearray()
        self.groups = [_Group()]
        self.codepage = "cp1252"
        self.fonts: dict[int, str] = {}
        self.font = 0
        self.skip = 0

    def take(self, match: re.Match[bytes]) -> None:
        word, number, octet, symbol, brace, text = match.groups()
        if octet is not None:
            self._octets(bytes([int(octet, 16)]))
            return
        if text is not None:
            self._octets(text.replace(b"\r", b"").replace(b"\n", b""))
            return
        if self.pending:
            self._flush()
        self.skip = 0
        if brace == b"{":
            self.groups.append(self.groups[-1])
        elif brace == b"}":
            if len(self.groups) > 1:
                self.groups.pop()
        elif symbol is not None:
            self._symbol(symbol)
        else:
            self._word(word, int(number) if number else None)

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._change(silent=True)
        else:
            self._write(_SYMBOLS.get(symbol, symbol.decode("latin-1")))

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _SILENT:
            self._change(silent=True)
        elif word == b"htmltag":
            self._change(silent=not self.html or self.groups[-2:][0].silent, tag=True)
        elif word == b"htmlrtf":
            self._change(rtf_only=number != 0)
        elif word in _BREAKS:
            self._write(_BREAKS[word])
        elif word in _SIGNS:
            self._write(_SIGNS[word])
        elif number is not None:
            self._numbered(word, number)

    def _numbered(self, word: bytes, number: int) -> None:
        if word == b"u":
            self._write(chr(number % 0x10000))
            self.skip = self.groups[-1].skipped_after_unicode
        elif word == b"uc":
            self._change(skipped_after_unicode=min(max(number, 0), _MOST_SKIPPED))
        elif word == b"ansicpg":
            self.codepage = codec_for(f"cp{number}") or "cp1252"
        elif word == b"f":
            self.font = number
            self._change(codepage=self.fonts.get(number))
        elif word == b"fcharset" and number in _FONT_CHARSETS:
            self.fonts[self.font] = _FONT_CHARSETS[number]

    def _change(self, **changes: Any) -> None:
        self.groups[-1] = replace(self.groups[-1], **changes)

    def _octets(self, octets: bytes) -> None:
        kept = octets[self.skip :]
        self.skip = max(0, self.skip - len(octets))
        if self._shows():
            self.pending += kept

    def _shows(self) -> bool:
        group = self.groups[-1]
        return not group.silent and not (self.html and group.rtf_only)

    def _write(self, text: str) -> None:
        if self._shows():
            self.pieces.append(text if not self.html or self.groups[-1].tag else escape(text, quote=False))

    def _flush(self) -> None:
        codepage = self.codepage if self.groups[-1].tag else self.groups[-1].codepage or self.codepage
        self._write(decode(bytes(self.pending), codepage, detection_octets=0).text)
        self.pending.clear()

    def text(self) -> str:
        self._flush()
        joined = "".join(self.pieces)
        return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
