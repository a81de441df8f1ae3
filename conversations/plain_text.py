"""A mail's text as safe HTML: escaped first, then addresses made links, quoted parts marked. Pure.

Links are found in the raw text and each piece is escaped by itself, so nothing in the text can become markup
(CVE-2023-43770 was a linkifier that edited escaped text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

_LINK = re.compile(
    r"(?P<web>https?://[^\s<>\"'`{}|\\^\x00-\x20\x7f-\xa0]{1,2000})"
    r"|(?P<mail>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}>'\"*_"
# Characters that reorder or hide the text around them: shown as marks, because addresses are forged with them.
_INVISIBLE = {
    **dict.fromkeys(
        [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C], "\N{REPLACEMENT CHARACTER}"
    ),
    **dict.fromkeys([0x200B, 0x2060, 0xFEFF], None),
}
_CONTROLS = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F], "\N{REPLACEMENT CHARACTER}")


@dataclass(frozen=True)
class Part:
    """A stretch of a mail's text. kind: visible, quoted or signature."""

    kind: str
    html: SafeString


def visible_controls(text: str) -> str:
    """Show characters that reorder text as a mark and leave out those of no width. For names, subjects and addresses too."""
    return text.translate(_INVISIBLE | _CONTROLS)


def parts(text: str, ranges: Sequence[tuple[int, int, str]], limit: int) -> list[Part]:
    """Split the first `limit` characters of a mail's text by its ranges (start, end, kind); without ranges all is visible."""
    return [
        Part(kind, linked(text[start : min(end, limit)].strip("\r\n")))
        for start, end, kind in ranges or [(0, len(text), "visible")]
        if start < limit and text[start:end].strip()
    ]


def linked(text: str) -> SafeString:
    """Escape a text and make links of its web and mail addresses."""
    # Every piece is escaped on its own.
    return mark_safe("".join(_pieces(visible_controls(text))))  # noqa: S308


def _pieces(text: str) -> Iterator[str]:
    position = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_TRAILING)
        yield escape(text[position : match.start()])
        yield _anchor(address, is_mail=match["mail"] is not None)
        position = match.start() + len(address)
    yield escape(text[position:])


def _anchor(address: str, *, is_mail: bool) -> str:
    if is_mail:
        return format_html('<a href="mailto:{0}">{0}</a>', address)
    return format_html('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>', address)
