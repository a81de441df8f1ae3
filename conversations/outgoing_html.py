"""The HTML half of an answer, made from the same text as the plain half. Pure.

No style sheet, no script, no address of a picture but its Content-ID: escaped text, line breaks and links, and a mark by
which the customer's answer is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from conversations import pictures as marks
from conversations.pictures import Picture

_LINK = re.compile(r"https?://[^\s<>\"'`{}|\\^]{1,2000}")
_TRAILING = ".,;:!?)]}*_"
_TEXT_STYLE = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.5"
_QUOTE_STYLE = "margin:0;padding-left:1em;border-left:2px solid #ccc"
_PICTURE_STYLE = "max-width:100%;height:auto"


def outgoing_html(
    body: str,
    signature: str,
    quoted: str,
    marker: str,
    pictures: Sequence[Picture] = (),
    quoted_pictures: Sequence[Picture] = (),
) -> str:
    """A small HTML document. `marker` (letters, digits, colon, dots) is put where clients keep it when they quote.

    `pictures` stand where the body names them; those of the quoted mail where it does, or below it.
    """
    pieces = [f"<div>{_lines(body, pictures)}</div>"]
    if signature:
        pieces.append(f'<div style="color:#555"><br>-- <br>{_lines(signature)}</div>')
    pieces.append(f"<!--{marker}-->")
    if quoted:
        attribution, _, text = quoted.partition("\n")
        unnamed = [each for each in quoted_pictures if f"[{each.mark}" not in text]
        below = "".join(f"<br>\n{_picture(each, each.name)}" for each in unnamed)
        pieces.append(
            f'<br><div>{_lines(attribution)}</div>\n<blockquote type="cite" style="{_QUOTE_STYLE}">'
            f"{_lines(_unmarked(text), quoted_pictures)}{below}</blockquote>"
        )
    content = "\n".join(pieces)
    head = '<head><meta charset="utf-8"></head>'
    return f'<!DOCTYPE html>\n<html>{head}<body>\n<div id="{marker}" style="{_TEXT_STYLE}">\n{content}\n</div>\n</body></html>\n'


def _unmarked(quoted: str) -> str:
    """Take one level of "> " away where every line has it: the block quote shows it."""
    lines = quoted.split("\n")
    if not all(line.startswith(">") for line in lines):
        return quoted
    return "\n".join(line[1:].removeprefix(" ") if not line.startswith(">>") else line[1:] for line in lines)


def _lines(text: str, pictures: Sequence[Picture] = ()) -> str:
    return "<br>\n".join(_line(line, pictures) for line in text.split("\n"))


def _line(line: str, pictures: Sequence[Picture]) -> str:
    return "".join(
        _spaced(_linked(text)) + (_picture(picture, shows) if picture else "")
        for text, picture, shows in marks.split(line, pictures)
    )


def _picture(picture: Picture, shows: str) -> str:
    return f'<img src="cid:{escape(picture.content_id)}" alt="{escape(shows)}" style="{_PICTURE_STYLE}">'


def _linked(line: str) -> str:
    pieces, position = [], 0
    for match in _LINK.finditer(line):
        address = match[0].rstrip(_TRAILING)
        end = match.start() + len(address)
        pieces += [escape(line[position : match.start()]), f'<a href="{escape(address)}">{escape(address)}</a>']
        position = end
    return "".join([*pieces, escape(line[position:])])


def _spaced(html: str) -> str:
    """Keep indentation and double spaces, which HTML would fold."""
    indent = len(html) - len(html.lstrip(" "))
    return "&nbsp;" * indent + html[indent:].replace("  ", " &nbsp;")
