"""HTML mail to plain text, in one linear pass over the tags; for search, text view and folding of quotes.

No tree is built, so depth costs nothing. Quotes (`blockquote`) become lines with `> `, as in plain mail; where a mail
program marks its quote or signature in another way, the place is reported as a mark.
"""

import re
from dataclasses import dataclass
from html import unescape
from typing import Literal

MarkKind = Literal["quoted", "signature", "encoded"]

_SPACE = re.compile(r"[\t\r\n\f][ \t\r\n\f]*+| [ \t\r\n\f]++")  # all white space but a single space
_RAW_TEXT = {"script", "style", "title", "noframes", "iframe", "xml"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
_BLOCKS = {
    "div", "tr", "li", "dt", "dd", "address", "article", "aside", "center", "footer", "header", "main", "nav", "section",
    "fieldset", "figure", "figcaption", "caption", "body", "html", "thead", "tbody", "tfoot", "details", "summary", "form",
    "option", "head",
}  # fmt: skip
_ACTIVE = _RAW_TEXT | _PARAGRAPHS | _BLOCKS | {"br", "hr", "img", "td", "th"}  # no other tag changes the text
_ALT = re.compile(r"""\salt\s{0,9}=\s{0,9}(?:"([^"]{1,40})"|'([^']{1,40})'|([^\s>]{1,40}))""", re.IGNORECASE)
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:_-]{0,40})")
# A tag as it should be: no quoted attribute holds its end.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)([^>\"]*+(?:\"[^>\"]*+\"[^>\"]*+)*+)>")
# Containers in which mail programs put what they quote; Outlook draws a line above its header block.
_QUOTE_MARK = re.compile(
    r"gmail_quote|gmail_extra|yahoo_quoted|protonmail_quote|moz-cite-prefix|divRplyFwdMsg|appendonsend"
    r"|zmail_extra|OLK_SRC_BODY_SECTION|ms-outlook-mobile-reference-message|x_divRplyFwdMsg|WordSection1_quote"
    r"|border:\s?none;\s?border-top:\s?solid\s#(?:E1E1E1|B5C4DF)",
    re.IGNORECASE,
)
_SIGNATURE_MARK = re.compile(
    r"gmail_signature|moz-signature|ms-outlook-mobile-signature|protonmail_signature_block", re.IGNORECASE
)
# What the patterns above have in common, so that most attributes need no pattern.
_MARK_HINTS = (
    "quote",
    "signature",
    "rplyfwd",
    "appendonsend",
    "olk_src",
    "reference-message",
    "cite-prefix",
    "mail_extra",
    "border-top",
)
_NO_QUOTE = re.compile(r"border:\s?(?:none|0|medium none)|gmail_indent", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_TAGS = 100_000  # markup behind this many tags is only removed
_RULE = "-" * 32


@dataclass(frozen=True, slots=True)
class Mark:
    """A range of characters that is a quote or signature to the sender's mail program, or an encoded file."""

    start: int
    end: int
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class HtmlText:
    """Text of an HTML document and the marks in it."""

    text: str
    marks: tuple[Mark, ...]


def html_to_text(html: str) -> HtmlText:
    """Convert `html` to text; total on any input, linear in its length."""
    converter = _Converter(html)
    converter.run()
    return converter.result()


class _Converter:
    """Writes lines while it walks over the tags."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.last_close = html.rfind(">")
        self.last_comment_close = html.rfind("-->")
        self.lines: list[str] = []
        self.line: list[str] = []
        self.blank_wanted = False
        self.quotes: list[bool] = []
        self.lists: list[int] = []
        self.pre = 0
        self.depth = 0
        self.marks: list[tuple[int, int, MarkKind]] = []  # first line, line behind, kind
        self.open_marks: list[tuple[int, int, MarkKind]] = []  # depth, first line, kind
        self.unclosed_raw: set[str] = set()

    def run(self) -> None:
        position = 0
        for _ in range(_TAGS):
            at = self.html.find("<", position)
            if at < 0 or at > self.last_close:
                break
            if at > position:
                self._text(self.html[position:at])
            position = self._markup(at)
        rest = self.html[position:]
        self._text(_ANY_TAG.sub(" ", rest) if self.html.find("<", position, self.last_close) >= 0 else rest)
        self._break()
        while self.open_marks:
            self._close_mark()

    def _markup(self, at: int) -> int:
        """Handle what begins with `<` at `at`; return where to go on."""
        if (tag := _TAG.match(self.html, at)) is not None:
            return self._tag(tag.group(2).lower(), tag.group(3), tag.end(), closing=tag.group(1) == "/")
        following = self.html[at + 1 : at + 2]
        if following in ("!", "?"):
            return self._declaration(at)
        match = _NAME.match(self.html, at + 1)
        if match is None:
            self._text("<")
            return at + 1
        close = self._tag_end(match.end())
        return self._tag(match.group(1).lower(), self.html[match.end() : close], close, closing=following == "/")

    def _tag(self, name: str, attributes: str, behind: int, *, closing: bool) -> int:
        """Handle one tag that ends at `behind`; return where to go on."""
        if name not in _ACTIVE:
            return behind
        if closing:
            self._end(name)
            return behind
        self._start(name, attributes)
        return self._behind_raw_text(name, behind) if name in _RAW_TEXT else behind

    def _declaration(self, at: int) -> int:
        if self.html.startswith("<!--", at):
            return self.html.find("-->", at + 4) + 3 if at + 4 <= self.last_comment_close else at + 4
        return self.html.find(">", at) + 1

    def _tag_end(self, position: int) -> int:
        """Behind the `>` that ends a tag; one inside of a quoted attribute does not."""
        close = self.html.find(">", position)
        if self.html.count('"', position, close) % 2:
            quote = self.html.find('"', close, close + 2000)
            beyond = self.html.find(">", quote, quote + 2000) if quote >= 0 else -1
            close = beyond if beyond >= 0 else close
        return close + 1

    def _behind_raw_text(self, name: str, position: int) -> int:
        if name in self.unclosed_raw:
            return position
        match = re.compile(f"</{name}[^>]*>", re.IGNORECASE).search(self.html, position)
        if match is None:
            self.unclosed_raw.add(name)
            return position
        return match.end()

    def _text(self, raw: str) -> None:
        text = unescape(raw) if "&" in raw else raw
        if self.pre:
            first, *others = text.replace("\r\n", "\n").split("\n")
            self.line.append(first)
            for other in others:
                self._break(force=True)
                self.line.append(other)
            return
        text = _SPACE.sub(" ", text)
        if not self.line or self.line[-1].endswith(" "):
            text = text.removeprefix(" ")
        if text:
            self.line.append(text)

    def _start(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break(force=True)
        elif name == "img":
            self._picture(attributes)
        elif name == "hr":
            self._break()
            self.line.append(_RULE)
            self._break()
        elif name in _PARAGRAPHS or name in _BLOCKS:
            self._block(name, attributes)
        elif name in ("td", "th"):
            self._text(" ")
        if name == "div":
            self._open_mark(attributes)

    def _block(self, name: str, attributes: str) -> None:
        self._break()
        self.blank_wanted = self.blank_wanted or (name in _PARAGRAPHS and bool(self.lines))
        if name == "blockquote":
            self.quotes.append(not _NO_QUOTE.search(attributes[:2000]))
        elif name in ("ul", "ol"):
            self.lists.append(0 if name == "ol" else -1)
        elif name == "pre":
            self.pre += 1
        elif name == "li":
            self._list_item()

    def _list_item(self) -> None:
        if self.lists and self.lists[-1] >= 0:
            self.lists[-1] += 1
            self.line.append(f"{self.lists[-1]}. ")
        else:
            self.line.append("* ")

    def _end(self, name: str) -> None:
        if name in _PARAGRAPHS or name in _BLOCKS:
            self._break()
            self.blank_wanted = self.blank_wanted or (name in _PARAGRAPHS and bool(self.lines))
        if name == "blockquote" and self.quotes:
            self.quotes.pop()
        elif name in ("ul", "ol") and self.lists:
            self.lists.pop()
        elif name == "pre":
            self.pre = max(0, self.pre - 1)
        elif name in ("td", "th"):
            self._text(" ")
        if name == "div":
            self.depth -= 1
            while self.open_marks and self.depth <= self.open_marks[-1][0]:
                self._close_mark()

    def _open_mark(self, attributes: str) -> None:
        if match := _mark_kind(attributes[:2000]):
            self._break()
            self.open_marks.append((self.depth, len(self.lines), match))
        self.depth += 1

    def _close_mark(self) -> None:
        self._break()
        _, first, kind = self.open_marks.pop()
        self.marks.append((first, len(self.lines), kind))

    def _picture(self, attributes: str) -> None:
        """Emoji are often pictures whose text is the alternative."""
        match = _ALT.search(attributes[:4000])
        text = unescape(next((group for group in match.groups() if group), "")) if match else ""
        if 0 < len(text) <= 8 and not any(character.isascii() for character in text):
            self.line.append(text)

    def _break(self, *, force: bool = False) -> None:
        """End the current line; an empty one is written only when `force` says that it shows."""
        if not self.line and not force:
            return
        content = "".join(self.line).replace("\xa0", " ").rstrip()
        if not content and not force:
            self.line.clear()
            return
        prefix = "> " * sum(self.quotes[:20]) if self.quotes else ""
        if self.blank_wanted and self.lines and self.lines[-1].strip("> "):
            self.lines.append(prefix.rstrip())
        self.blank_wanted = False
        self.lines.append(f"{prefix}{content}".rstrip())
        self.line.clear()

    def result(self) -> HtmlText:
        offsets, total = [0], 0
        for line in self.lines:
            total += len(line) + 1
            offsets.append(total)
        marks = tuple(Mark(offsets[first], offsets[behind], kind) for first, behind, kind in sorted(self.marks))
        return HtmlText("\n".join(self.lines) + ("\n" if self.lines else ""), marks)


def _mark_kind(attributes: str) -> MarkKind | None:
    lowered = attributes.lower()
    if not any(hint in lowered for hint in _MARK_HINTS):
        return None
    if _QUOTE_MARK.search(attributes):
        return "quoted"
    return "signature" if _SIGNATURE_MARK.search(attributes) else None
