"""Rich Text Format to plain text: enough to show and search what Outlook wrote."""

import re

from forwarding.reading.charsets import codec_for

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}]+)", re.DOTALL
)
_BREAKS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t"}
_SIGNS = {
    b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•",
}  # fmt: skip
# Groups that hold no text of the document.
_SILENT = {
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"generator", b"listtable",
    b"listoverridetable", b"rsidtbl", b"themedata", b"xmlnstbl", b"mmathPr", b"latentstyles", b"datastore", b"htmltag",
}  # fmt: skip


def rtf_to_text(rtf: bytes) -> str:
    """Text of an RTF document in one linear pass; empty for what is none."""
    if not rtf.lstrip().startswith(b"{\\rtf"):
        return ""
    reader = _Reader()
    for match in _TOKEN.finditer(rtf):
        reader.take(match)
    return reader.text()


class _Reader:
    """State of the walk: which groups are silent, the code page, and what to skip behind `\\u`."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.pending = bytearray()
        self.silent_groups: list[bool] = [False]
        self.codepage = "cp1252"
        self.skip = 0
        self.skip_after_unicode = 1

    def take(self, match: re.Match[bytes]) -> None:
        word, number, octet, symbol, brace, text = match.groups()
        if octet is not None:
            self._octets(bytes([int(octet, 16)]))
            return
        if text is not None:
            self._octets(text.replace(b"\r", b"").replace(b"\n", b""))
            return
        self._flush()
        if brace == b"{":
            self.silent_groups.append(self.silent_groups[-1])
        elif brace == b"}":
            if len(self.silent_groups) > 1:
                self.silent_groups.pop()
        elif symbol is not None:
            self._symbol(symbol)
        else:
            self._word(word, number)

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.silent_groups[-1] = True
        else:
            shown = {b"~": "\xa0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n"}
            self._write(shown.get(symbol, symbol.decode("latin-1")))

    def _word(self, word: bytes, number: bytes | None) -> None:
        if word in _SILENT:
            self.silent_groups[-1] = True
        elif word in _BREAKS:
            self._write(_BREAKS[word])
        elif word in _SIGNS:
            self._write(_SIGNS[word])
        elif word == b"u" and number is not None:
            self._write(chr(int(number) % 0x10000))
            self.skip = self.skip_after_unicode
        elif word == b"uc" and number is not None:
            self.skip_after_unicode = min(int(number) % 0x100, 4)
        elif word == b"ansicpg" and number is not None:
            self.codepage = codec_for(f"cp{int(number)}") or "cp1252"

    def _octets(self, octets: bytes) -> None:
        kept = octets[self.skip :]
        self.skip = max(0, self.skip - len(octets))
        if not self.silent_groups[-1]:
            self.pending += kept

    def _write(self, text: str) -> None:
        if not self.silent_groups[-1]:
            self.pieces.append(text)

    def _flush(self) -> None:
        if self.pending:
            self.pieces.append(self.pending.decode(self.codepage, "replace"))
            self.pending.clear()

    def text(self) -> str:
        self._flush()
        joined = "".join(self.pieces)
        return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
