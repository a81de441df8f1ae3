"""The one gate every string passes before it may become a column of PostgreSQL."""

import re

# NUL cannot be stored; surrogates cannot be encoded; other C0 and C1 controls show as nothing or as boxes.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAKS = re.compile("\r\n|\r|\x0c|\x0b")


def _windows_1252(code: int) -> str:
    """C1 controls in mail are nearly always Windows-1252 punctuation under a wrong label."""
    return bytes([code]).decode("cp1252", "ignore")


_REPLACEMENTS: dict[int, str] = {
    **{code: "" for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "",
    0xFEFF: "",
    **{code: _windows_1252(code) for code in range(0x80, 0xA0)},
}


def _without_surrogates(text: str) -> str:
    """Surrogate pairs (from CESU-8 or UTF-16 escapes) become the characters they stand for, lone ones U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def pg_text(text: str) -> str:
    """Return `text` without anything PostgreSQL or a screen cannot hold; line ends become LF."""
    # Most mail needs no more than this, and replacing character by character is slow.
    text = text.replace("\r\n", "\n")
    if not _UNSTORABLE.search(text):
        return text
    if _SURROGATE.search(text):
        text = _without_surrogates(text)
    return _LINE_BREAKS.sub("\n", text).translate(_REPLACEMENTS)


def pg_line(text: str) -> str:
    """As `pg_text`, for values of one line: line breaks and tabs become single spaces."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return pg_text(text).replace("\n", " ").replace("\t", " ").strip()
