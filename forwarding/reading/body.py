"""Which parts are the text of a mail, and which are attachments (RFC 8621, section 4.1.4, with repairs)."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html import escape, unescape

from forwarding.reading.charsets import decode, is_binary
from forwarding.reading.flowed import unflow
from forwarding.reading.html_text import HtmlText, Mark, html_to_text
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Attachment
from forwarding.reading.storable import pg_text
from forwarding.reading.structure import Part
from forwarding.reading.transfer import split_footer
from forwarding.reading.uuencoded import encoded_files, encoded_ranges

_READABLE_TYPES = ("text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain", "text/unknown")
_MEDIA = ("image/", "audio/", "video/")
_HTML_START = re.compile(r"\s{0,200}(?:<!doctype html|<html|<head|<body)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^<>]*>")
_FRAGMENT_START = re.compile(r"\s{0,200}<(?:div|p|table|span|center|meta|style|br|h[1-6])\b[^<>]*>", re.IGNORECASE)
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_LINK = re.compile(r"<\s{0,3}(?:https?://|mailto:|www\.)[^\s<>\"]+\s{0,3}>", re.IGNORECASE)
_READABLE = re.compile(rb"[\t\x20-\x7e]{6,}")
_READABLE_OCTETS = 65_536
_PREAMBLE = re.compile(
    r"\s*(?:--|this is a (?:multi-?part|mime)|this message is in mime|.{0,40}mime[- ](?:encapsulated|format)).*",
    re.IGNORECASE,
)
_SAME = 0.97  # share of words by which two alternatives count as one text
_FRAME = 0.25  # HTML with fewer words than this share of the plain text is only its frame
_TOKEN_WORDS = 20  # fewer words than this, and than a share of the HTML's, only tell that the mail is HTML
_TOKEN = 1 / 3
_OWN_RUNS = 0.5  # share of its runs of words the HTML lacks by which plain text says something of its own
_SHOWS = re.compile(r"<\s{0,9}(?:img|svg|video|audio|picture|object|input|button)\b|background", re.IGNORECASE)


@dataclass(slots=True)
class Selection:
    """Leaves chosen for the text view, for the HTML view, and the rest; a picture shown in place may be in all three."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Body:
    """What is searched and folded (`text` with marks in it) and what is displayed (`html`, raw, or None).

    `other_text` is the alternative that is not the text, where it says something else. `attached_too` are the parts not
    shown in full; `files` stand encoded in the text; `charset` is the codec of the text.
    """

    text: str
    html: str | None
    marks: tuple[Mark, ...] = ()
    defects: tuple[str, ...] = ()
    attached_too: tuple[Part, ...] = ()
    charset: str = ""
    other_text: str = ""
    files: tuple[Attachment, ...] = ()


def select_parts(root: Part) -> Selection:
    """Sort the leaves below `root` into text view, HTML view and attachments."""
    chooser = _Chooser()
    selection = chooser.selection
    chooser.walk([root], "mixed", selection.text, selection.html, in_alternative=False)
    if not selection.text and not selection.html:
        _promote(selection)
    return selection


def _promote(selection: Selection) -> None:
    """Where nothing is shown, text of another type than plain and HTML is, unless it is sent as a file."""
    for part in selection.attachments:
        if part.content_type in _READABLE_TYPES and part.disposition.value != "attachment" and not _is_file(part):
            selection.attachments.remove(part)
            selection.text.append(part)
            return


def shown_as(part: Part) -> str:
    """The type by which a leaf is shown: a multipart without parts is text."""
    if part.leftover:
        return "message/rfc822"
    return "text/plain" if part.content_type.startswith("multipart/") else part.content_type


class _Chooser:
    """RFC 8621's algorithm; a list that is None means: this branch does not feed that view."""

    def __init__(self) -> None:
        self.selection = Selection()

    def walk(
        self,
        parts: list[Part],
        container: str,
        text: list[Part] | None,
        html: list[Part] | None,
        *,
        in_alternative: bool,
    ) -> None:
        text_length = len(text) if text is not None else -1
        html_length = len(html) if html is not None else -1
        for position, part in enumerate(parts):
            if part.is_multipart:
                inner = part.content_type.partition("/")[2]
                alternative = in_alternative or inner == "alternative"
                children = _root_first(part) if inner == "related" else part.children
                self.walk(children, inner, text, html, in_alternative=alternative)
            elif not _is_inline(part, container, first=position == 0):
                self.selection.attachments.append(part)
            elif container == "alternative":
                self._alternative_leaf(part, text, html)
            else:
                text, html = self._leaf(part, text, html, in_alternative=in_alternative)
        if container == "alternative" and text is not None and html is not None:
            _complete(text, text_length, html, html_length)

    def _alternative_leaf(self, part: Part, text: list[Part] | None, html: list[Part] | None) -> None:
        kind = shown_as(part)
        if kind == "text/plain" and text is not None:
            text.append(part)
        elif kind == "text/html" and html is not None:
            html.append(part)
        else:
            self.selection.attachments.append(part)

    def _leaf(
        self, part: Part, text: list[Part] | None, html: list[Part] | None, *, in_alternative: bool
    ) -> tuple[list[Part] | None, list[Part] | None]:
        kind = shown_as(part)
        if in_alternative and kind == "text/plain":
            html = None
        elif in_alternative and kind == "text/html":
            text = None
        if text is not None:
            text.append(part)
        if html is not None:
            html.append(part)
        if kind.startswith(_MEDIA) or (text is None and html is None):
            self.selection.attachments.append(part)
        return text, html


def _root_first(related: Part) -> list[Part]:
    """Parts of a multipart/related, the one it shows first (RFC 2387): named by `start`, else HTML behind pictures."""
    parts = related.children
    start = related.kind.get("start").strip("<> ")
    named = [part for part in parts if start and start.encode() in part.fields.first("content-id")]
    if not named and not parts[0].is_multipart and shown_as(parts[0]) not in ("text/html", "text/plain"):
        named = [part for part in parts if shown_as(part) == "text/html"]
    return [*named[:1], *(part for part in parts if part is not named[0])] if named else parts


def _is_inline(part: Part, container: str, *, first: bool) -> bool:
    kind = shown_as(part)
    media = kind.startswith(_MEDIA)
    if part.disposition.value == "attachment" or not (media or kind in ("text/plain", "text/html")):
        return False
    if container == "related" and not first:
        return False
    return first or media or not _is_file(part)


def _is_file(part: Part) -> bool:
    return bool(part.disposition.get("filename") or part.kind.get("name"))


def _complete(text: list[Part], text_length: int, html: list[Part], html_length: int) -> None:
    """An alternative that offered only one form serves both views."""
    if len(text) == text_length and len(html) != html_length:
        text.extend(html[html_length:])
    elif len(html) == html_length and len(text) != text_length:
        html.extend(text[text_length:])


def read_body(root: Part, selection: Selection, limits: Limits) -> Body:
    """Decode the chosen parts into the text and the HTML of the mail."""
    reader = _BodyReader(limits)
    body = reader.read(selection)
    if not body.text.strip() and body.html is None and (named := reader.named_text(selection)):
        return replace(body, text=named, defects=(*body.defects, "named_text_shown"))
    if root.is_multipart and not body.text.strip() and body.html is None and not selection.attachments:
        around = _around_parts(root, limits)
        return Body(around, None, defects=(*body.defects, "text_outside_parts")) if around else body
    return body


def _around_parts(root: Part, limits: Limits) -> str:
    """Where all parts are empty, what stands before and behind them is all there is to show."""
    before = root.raw[root.body : root.children[0].start]
    behind = root.raw[root.children[-1].end : root.end]
    octets = (before + b"\n" + behind)[: limits.shown_text_octets]
    lines = pg_text(decode(octets, detection_octets=limits.detection_octets).text).split("\n")
    return "\n".join(line for line in lines if not _PREAMBLE.match(line)).strip("\n")


class _BodyReader:
    """Decodes every chosen part once and keeps what it found wrong."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.decoded: dict[int, tuple[str, bool]] = {}
        self.defects: list[str] = []
        self.attached_too: list[Part] = []
        self.files: list[Attachment] = []
        self.charset = ""

    def read(self, selection: Selection) -> Body:
        html = self._html(selection.html)
        chosen, other = self._text(selection.text), ""
        if html is not None and [id(part) for part in selection.text] != [id(part) for part in selection.html]:
            shown = html_to_text(html)
            if not _WORD.search(shown.text) and chosen.text.strip() and not _SHOWS.search(html):
                html = None  # nobody would see anything
            else:
                chosen, other = _chosen(chosen, shown)
        if html is not None and not chosen.text.strip():
            chosen = HtmlText(unescape(_TAG.sub(" ", html)).strip(), ())
        return Body(
            chosen.text[: self.limits.text_characters],
            html,
            chosen.marks,
            tuple(dict.fromkeys(self.defects)),
            tuple(self.attached_too),
            self.charset,
            other[: self.limits.text_characters],
            tuple(self.files[: self.limits.uuencoded_files]),
        )

    def named_text(self, selection: Selection) -> str:
        """Text sent under a file name but not as an attachment; it stays one, and is shown where nothing else is."""
        kinds = ("text/plain", "text/html")
        parts = (part for part in selection.attachments if part.disposition.value != "attachment")
        return next(
            (text for part in parts if shown_as(part) in kinds and (text := self._piece(part).text).strip()), ""
        )

    def _text(self, parts: list[Part]) -> HtmlText:
        text = ""
        marks: list[Mark] = []
        for part in parts:
            piece = HtmlText("", ()) if shown_as(part).startswith(_MEDIA) else self._piece(part)
            if not piece.text:
                continue
            text += "" if not text or text.endswith("\n") else "\n"
            marks += [Mark(mark.start + len(text), mark.end + len(text), mark.kind) for mark in piece.marks]
            text += piece.text
        return HtmlText(text, tuple(marks))

    def _piece(self, part: Part) -> HtmlText:
        content, is_html = self._content(part)
        if is_html:
            return html_to_text(content)
        return HtmlText(content, tuple(Mark(start, end, "encoded") for start, end in encoded_ranges(content)))

    def _html(self, parts: list[Part]) -> str | None:
        contents = [self._content(part) for part in parts if not shown_as(part).startswith(_MEDIA)]
        if not any(is_html for _, is_html in contents):
            return None
        return "\n".join(content if is_html else _as_html(content) for content, is_html in contents)

    def _content(self, part: Part) -> tuple[str, bool]:
        """Decoded text of a part and whether it is HTML."""
        if id(part) not in self.decoded:
            self.decoded[id(part)] = self._decode(part)
        return self.decoded[id(part)]

    def _decode(self, part: Part) -> tuple[str, bool]:
        octets = _plainly(part)
        if is_binary(octets, part.kind.get("charset")):
            self.attached_too.append(part)
            self.defects.append("binary_text")
            return "\n".join(found.decode() for found in _READABLE.findall(octets[:_READABLE_OCTETS])), False
        is_html = shown_as(part) == "text/html"
        if not is_html:
            self.files += encoded_files(octets, self.limits)
        if len(octets) > self.limits.shown_text_octets:
            octets = octets[: self.limits.shown_text_octets]
            self.attached_too.append(part)
            self.defects.append("text_too_long")
        decoded = decode(octets, part.kind.get("charset"), html=is_html, detection_octets=self.limits.detection_octets)
        self.charset = self.charset or decoded.used
        if decoded.overruled:
            self.defects.append("charset_overruled")
        text = pg_text(decoded.text)
        if part.content_type.startswith("multipart/"):
            text = _without_delimiters(text, part.kind.get("boundary"))
        if part.content_type in ("text/enriched", "text/richtext"):
            return html_to_text(text).text, False  # RFC 1896: tags in angles, as in HTML
        if not is_html and (_HTML_START.match(text) or ("content-type" not in part.fields and _is_fragment(text))):
            return text, True
        if part.kind.get("format").lower() == "flowed" and not is_html:
            text = unflow(text, delete_space=part.kind.get("delsp").lower() == "yes")
        return text, is_html


def _chosen(plain: HtmlText, shown: HtmlText) -> tuple[HtmlText, str]:
    """The text of a mail out of its alternatives, and the other one where that says something else.

    What is searched and folded should be what is shown, the HTML: plain text serves while it says the same or more, and
    where it says something of its own. Link targets that a program wrote out, in angles, do not count as saying more.
    """
    if not plain.text.strip() or not shown.text.strip() or plain.text == shown.text:
        return (plain if plain.text.strip() else shown), ""
    plain_words, shown_words = _WORD.findall(plain.text), _WORD.findall(shown.text)
    plain_counts, shown_counts = Counter(plain_words), Counter(shown_words)
    if _covers(plain_counts, shown_counts):
        beside_links = Counter(_WORD.findall(_LINK.sub(" ", plain.text)))
        says_more = not _covers(shown_counts, plain_counts) and _covers(shown_counts, beside_links)
        return (shown if says_more else plain), ""
    if len(shown_words) <= _FRAME * len(plain_words):
        return plain, shown.text if _has_own_words(shown_words, plain_words) else ""
    own = _has_own_words(plain_words, shown_words)
    if not own or (len(plain_words) < _TOKEN_WORDS and len(plain_words) < _TOKEN * len(shown_words)):
        return shown, plain.text if own else ""
    return plain, shown.text


def _has_own_words(words: list[str], others: list[str]) -> bool:
    """True when more than half of the runs of three words are not in the other text; of few words, of the pairs.

    In a long text most pairs of common words occur by chance.
    """
    length = 3 if len(words) >= _TOKEN_WORDS else min(2, len(words))
    runs, other_runs = (set(zip(*(text[start:] for start in range(length)), strict=False)) for text in (words, others))
    return len(runs - other_runs) > _OWN_RUNS * len(runs)


def _covers(whole: Counter[str], part: Counter[str]) -> bool:
    """True when nearly all words of `part` are in `whole`."""
    return (whole & part).total() >= _SAME * part.total()


def _without_delimiters(text: str, boundary: str) -> str:
    """A multipart without parts is shown as text, but not the delimiters that stand in it."""
    if not boundary:
        return text
    return "\n".join(line for line in text.split("\n") if not line.startswith(f"--{boundary}"))


def _plainly(part: Part) -> bytes:
    """Octets of a text part; text that is called base64 but is none stays as it is, and so does a footer below base64."""
    if part.encoding == "base64":
        head = part.raw[part.body : min(part.end, part.body + 1000)].strip().partition(b"\n")[0].strip()
        if head and not _BASE64_LINE.fullmatch(head):
            return part.raw[part.body : part.end]
        footer = split_footer(part.raw[part.body : part.end])[1]
        return part.octets() + (b"\n" + footer if footer else b"")
    return part.octets()


def _is_fragment(text: str) -> bool:
    """True for HTML without its outer elements; only asked where no type is declared."""
    return _FRAGMENT_START.match(text) is not None and text.rstrip().endswith(">")


def _as_html(text: str) -> str:
    return f'<div style="white-space:pre-wrap">{escape(text, quote=False)}</div>'
