"""The HTML half of an answer, made from the same text as the plain half. Pure.

No style sheet, no image, no script: escaped text, line breaks and links, and a mark by which the customer's answer is known.
"""

from __future__ import annotations

import re
from html import escape

_LINK = re.compile(r"https?://[^\s<>\"'`{}|\\^]{1,2000}")
_TRAILING = ".,;:!?)]}*_"
_TEXT_STYLE = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.5"
_QUOTE_STYLE = "margin:0;padding-left:1em;border-left:2px solid #ccc"


def outgoing_html(body: str, signature: str, quoted: str, marker: str) -> str:
    """A small HTML document. `marker` (letters, digits, colon, dots) is put where clients keep it when they quote."""
    pieces = [f"<div>{_lines(body)}</div>"]
    if signature:
        pieces.append(f'<div style="color:#555"><br>-- <br>{_lines(signature)}</div>')
    pieces.append(f"<!--{marker}-->")
    if quoted:
        attribution, _, text = quoted.partition("\n")
        pieces.append(
            f'<br><div>{_lines(attribution)}</div>\n<blockquote type="cite" style="{_QUOTE_STYLE}">'
            f"{_lines(_unmarked(text))}</blockquote>"
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


def _lines(text: str) -> str:
    return "<br>\n".join(_spaced(_linked(line)) for line in text.split("\n"))


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
