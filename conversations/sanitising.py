"""A mail's HTML made harmless: an allow-list of elements, attributes, addresses and styles. Pure, but not cheap.

nh3 is quadratic in nesting, so untrusted input goes through `conversations.sanitising_pool`, which runs `clean` in a
process with limits. Links and images are rewritten while nh3 filters, never in its output: editing serialised HTML
is how sanitised markup has come back to life elsewhere (CVE-2024-42009).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import nh3

from conversations.mail_styles import filter_style

TAGS = frozenset(
    """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn
    div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q
    rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul
    var wbr
    """.split()
)
REMOVED_WITH_CONTENT = frozenset(
    """
    script style title head noscript noembed noframes template textarea select option selectedcontent math svg xmp
    plaintext iframe object embed applet audio video canvas
    """.split()
)
_CELL = {"bgcolor", "width", "height", "align", "valign", "colspan", "rowspan", "scope", "headers", "border"}
_ROW = {"bgcolor", "align", "valign", "height"}
ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title", "align"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "border"},
    "table": {"bgcolor", "width", "height", "align", "cellpadding", "cellspacing", "border"},
    "thead": _ROW,
    "tbody": _ROW,
    "tfoot": _ROW,
    "tr": _ROW,
    "td": _CELL,
    "th": _CELL,
    "col": {"width", "align", "valign"},
    "colgroup": {"width", "align", "valign"},
    "font": {"color", "face", "size"},
    "ol": {"type", "start"},
    "ul": {"type"},
    "li": {"type", "value"},
}
NUMBERS = frozenset({"width", "height", "border", "cellpadding", "cellspacing", "colspan", "rowspan", "start", "value"})
SCHEMES = {"http", "https", "mailto", "tel", "cid"}
LINK_SCHEMES = ("http://", "https://", "mailto:", "tel:")
_NUMBER = re.compile(r"\d{1,4}(px|%)?")
_WORDS = re.compile(r"[\w #,.%+-]{0,100}")
_CONTROLS_AND_SPACES = re.compile(r"[\x00-\x20\x7f-\x9f]")


@dataclass(frozen=True)
class SanitisedHtml:
    """What may be shown, and how many remote images were left out."""

    html: str
    blocked_images: int


class CannotSanitise(Exception):
    """The HTML needs more time or memory than it may have. The text view still works."""


def clean(html: str, inline_images: Mapping[str, str]) -> SanitisedHtml:
    """Reduce `html` to what is harmless. `inline_images` maps Content-IDs (without <>) to the addresses to show them from."""
    rewriting = _Rewriting(inline_images)
    cleaned = nh3.clean(
        html.replace("\x00", ""),
        tags=set(TAGS),
        clean_content_tags=set(REMOVED_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=rewriting.attribute,
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes=SCHEMES,
        # The filter has decided about every href and src by then; what is relative is our own address of an image.
        url_relative="pass_through",
    )
    return SanitisedHtml(cleaned, rewriting.blocked_images)


class _Rewriting:
    """nh3's attribute filter: called for every attribute that passed the allow-list; None drops it."""

    def __init__(self, inline_images: Mapping[str, str]) -> None:
        self.inline_images = inline_images
        self.blocked_images = 0

    def attribute(self, tag: str, name: str, value: str) -> str | None:
        match name:
            case "style":
                return filter_style(value) or None
            case "href":
                return _link(value)
            case "src":
                return self._image(value)
            case "alt" | "title":
                return value
        allowed = _NUMBER if name in NUMBERS else _WORDS
        return value if allowed.fullmatch(value.strip()) else None

    def _image(self, value: str) -> str | None:
        address = _CONTROLS_AND_SPACES.sub("", value)
        scheme, _colon, rest = address.partition(":")
        if scheme.lower() == "cid":
            return self.inline_images.get(unquote(rest).strip("<>"))
        self.blocked_images += scheme.lower() in ("http", "https")
        return None


def _link(value: str) -> str | None:
    address = _CONTROLS_AND_SPACES.sub("", value)
    return address if address.lower().startswith(LINK_SCHEMES) else None
