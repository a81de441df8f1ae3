"""The template tags of the interface, available in every template (the library is a builtin).

Leaves are simple tags (`icon`, `state`, `button`, `copy`, …); containers are block tags (`card`, `dialog`, `menu`,
`banner`). Every one renders one template of `templates/components/`. The page /components/ shows all of them.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Textarea
from django.template.defaultfilters import stringfilter
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext
from lucide.templatetags.lucide import lucide

from conversations.plain_text import visible_controls
from kundomail import moments

register = template.Library()

Text = str | Promise

ICON_SIZE_PX = 18
AVATAR_TONES = 6
COUNT_SHOWN_MAX = 999
STATES = ("right", "waiting", "wrong", "unchecked", "unasked")

# The five symbols are drawn, not taken from the icon set: their outer forms differ (disc, ring with hands, square,
# empty ring, ring with a question mark), so they stay apart in grey and at 16 px.
_SYMBOLS = {
    "right": '<circle cx="10" cy="10" r="9" fill="currentColor"/><path class="mark" d="M6 10.4l2.7 2.7L14 7.6"/>',
    "waiting": '<circle cx="10" cy="10" r="8" stroke="currentColor"/><path d="M10 5.6V10l3 1.8" stroke="currentColor"/>',
    "wrong": '<rect x="1.5" y="1.5" width="17" height="17" rx="4" fill="currentColor"/>'
    '<path class="mark" d="M7 7l6 6M13 7l-6 6"/>',
    "unchecked": '<circle cx="10" cy="10" r="8" stroke="currentColor"/>',
    "unasked": '<circle cx="10" cy="10" r="8" stroke="currentColor"/>'
    '<path d="M7.9 8.1a2.2 2.2 0 1 1 3.1 2.3c-.7.4-1 .7-1 1.4M10 14.2v.1" stroke="currentColor"/>',
}


def state_word(kind: str) -> str:
    """Return the word of a state in the active language; ValueError for a state that is none of the five."""
    match kind:
        case "right":
            return pgettext("state", "Right")
        case "waiting":
            return pgettext("state", "Waiting")
        case "wrong":
            return pgettext("state", "Wrong")
        case "unchecked":
            return pgettext("state", "Not checked")
        case "unasked":
            return pgettext("state", "Could not ask")
    raise ValueError(f"{kind!r} is not a state: choose one of {', '.join(STATES)}")


@lru_cache(maxsize=512)
def _icon(name: str, size: int, label: str) -> SafeString:
    names: dict[str, str] = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    drawing = lucide(name, size=size, stroke_width="1.75", **{"class": "icon"}, **names)
    return mark_safe(drawing)  # noqa: S308 - lucide escapes the attributes it writes


@register.filter
@stringfilter
def visible(text: str) -> str:
    """What somebody outside wrote, a name, a subject, an address, with marks for characters that turn text around."""
    return visible_controls(text)


@register.filter
@stringfilter
def breakable(address: str) -> SafeString:
    """An address as `visible`, that too narrow a line breaks after its @ or before a dot and not in the middle of a word."""
    return _breaking(r"(?<=@)|(?=\.)", visible_controls(address))


def _breaking(where: str, text: str) -> SafeString:
    """A text that too narrow a line breaks at matches of the pattern `where`, which match nothing but places."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in re.split(where, text)))


@register.simple_tag
def icon(name: str, *, size: int = ICON_SIZE_PX, label: Text = "") -> SafeString:
    """Draw a lucide icon inline. Without `label` it is decoration and hidden from screen readers."""
    return _icon(name, size, str(label))


@register.simple_tag
def symbol(kind: str, *, label: Text | None = None, size: int = 20) -> SafeString:
    """Draw a state symbol alone. `label` is its accessible name (default: the word); "" hides it, when a word follows."""
    word = state_word(kind)
    name = word if label is None else str(label)
    spoken = format_html('role="img" aria-label="{}"', name) if name else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="symbol symbol-{}" {} viewBox="0 0 20 20" width="{}" height="{}" fill="none" stroke-width="1.75"'
        ' stroke-linecap="round" stroke-linejoin="round">{}</svg>',
        kind, spoken, size, size, mark_safe(_SYMBOLS[kind]),  # noqa: S308 - one of five drawings of ours
    )  # fmt: skip


@register.simple_tag
def state(kind: str, label: Text = "", *, size: int = 18) -> SafeString:
    """Draw a state symbol with its word, or with `label` in its place."""
    return format_html(
        '<span class="state state-{}">{}<span>{}</span></span>',
        kind, symbol(kind, label="", size=size), label or state_word(kind),
    )  # fmt: skip


def attributes(pairs: Mapping[str, object]) -> SafeString:
    """Turn keyword arguments into HTML attributes: `_` becomes `-`, True a bare attribute; None and False are left out."""
    kept = [
        (name.rstrip("_").replace("_", "-"), value) for name, value in pairs.items() if value not in (None, False, "")
    ]
    return format_html_join(
        "",
        "{}",
        (
            (format_html(" {}", name) if value is True else format_html(' {}="{}"', name, value),)
            for name, value in kept
        ),
    )


@register.simple_tag
def button(
    label: Text,
    *,
    kind: str = "secondary",
    icon: str = "",
    href: str = "",
    small: bool = False,
    icon_only: bool = False,
    key: str = "",
    busy: bool = False,
    disabled: bool = False,
    because: str = "",
    class_: str = "",
    **extra: object,
) -> SafeString:
    """Render a button, or with `href` a link that looks like one. Everything in `extra` becomes an attribute.

    kind: primary, secondary, quiet, danger. `because` is the id of the element that says why it is disabled: such a
    button keeps its place in the tab order. `key` shows and registers a keyboard shortcut.
    """
    if key:
        extra |= {"data_shortcut": key, "aria_keyshortcuts": key}
    extra |= {"aria_busy": "true"} if busy else {}
    extra |= {"aria_disabled": "true", "aria_describedby": because} if disabled and because else {}
    return SafeString(
        render_to_string(
            "components/button.html",
            {
                "label": label, "kind": kind, "icon_name": icon, "href": href, "small": small, "icon_only": icon_only, "key": key,
                "disabled": disabled and not because, "classes": class_, "type": extra.pop("type", "button"), "extra": attributes(extra),
            },
        ).strip()
    )  # fmt: skip


def _widget_kind(bound: BoundField) -> str:
    match bound.field.widget:
        case CheckboxInput():
            return "checkbox"
        case RadioSelect() | CheckboxSelectMultiple():
            return "choices"
        case Select():
            return "select"
        case Textarea():
            return "textarea"
    return "input"


def _dress_choices(bound: BoundField) -> None:
    """Give each radio button or checkbox of a group its class: the group's own attributes do not reach them."""
    css = "checkbox" if isinstance(bound.field.widget, CheckboxSelectMultiple) else "radio"
    for option in bound.subwidgets:
        option.data["attrs"] |= {"class": css}


@register.simple_tag
def field(
    bound: BoundField, *, label: Text = "", switch: bool = False, addition: Text = "", class_: str = "", **extra: object
) -> SafeString:
    """Render a form field with its label above, help and errors below, all tied together for screen readers.

    A checkbox is rendered with its label beside it, or as a switch with `switch=True`. `addition` is fixed text after
    an input ("@lillestad.se"). `label` takes the place of the form's own. `extra` becomes attributes of the control.
    The first wrong field of a form gets the focus.
    """
    kind = _widget_kind(bound)
    own = bound.field.widget.attrs.get("class", "")
    css = "switch" if switch else {"checkbox": "checkbox", "choices": ""}.get(kind, kind)
    spoken = " ".join(
        name
        for name, there in ((f"{bound.auto_id}_help", bound.help_text), (f"{bound.auto_id}_error", bound.errors))
        if there
    )
    if str(bound.field.widget.attrs.get("placeholder", "")).startswith(str(bound.label)):  # allauth says it twice.
        bound.field.widget.attrs.pop("placeholder", None)
    if label:
        bound.label = str(label)
    attrs: dict[str, Any] = {name.rstrip("_").replace("_", "-"): value for name, value in extra.items()}
    attrs |= {"class": f"{css} {class_} {own}".strip(), "aria-describedby": spoken or None}
    attrs |= {"role": "switch"} if switch else {}
    attrs |= {"aria-invalid": "true"} if bound.errors else {}
    if wrong := next((each.name for each in bound.form if each.errors), ""):  # Where one goes on writing.
        attrs["autofocus"] = True if bound.name == wrong else None
    if kind == "choices":
        _dress_choices(bound)
    control = bound.as_widget(attrs={name: value for name, value in attrs.items() if value is not None})
    return SafeString(
        render_to_string(
            "components/field.html",
            {"bound": bound, "kind": "switch" if switch else kind, "control": control, "addition": addition},
        )
    )


@register.simple_tag
def copy(value: object, *, label: Text = "", large: bool = False, inline: bool = False, id: str = "") -> SafeString:  # noqa: A002
    """Render a value with a copy button. What is copied is exactly `value`; `label` names it for screen readers.

    An address that is too long for its line breaks after the @.
    """
    shown = _breaking(r"(?<=@)", str(value))
    found = {"value": str(value), "shown": shown, "label": label, "large": large, "inline": inline, "id": id}
    return SafeString(render_to_string("components/copy.html", found).strip())


def _tone(name: str) -> int:
    """The tone of a name: a hash that spreads, since the last bits of a checksum put most short names on one tone."""
    return int.from_bytes(blake2b(name.casefold().encode(), digest_size=4).digest(), "big") % AVATAR_TONES


@register.simple_tag
def avatar(name: str, *, size: str = "", decorative: bool = False) -> SafeString:
    """Draw a person as initials on one of six tones, always the same for the same name. Empty name: a dashed ring."""
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    letters = (
        (words[0][0] + (words[-1][0] if len(words) > 1 and "@" not in name else "")).upper()
        if words
        else ("?" if name else "")
    )
    tone = f"tone-{_tone(name)}" if name else "avatar-none"
    spoken = (
        mark_safe('aria-hidden="true"')
        if decorative
        else format_html('role="img" aria-label="{0}" title="{0}"', name or gettext("Unassigned"))
    )
    return format_html(
        '<span class="avatar {} {}" {}>{}</span>', tone, f"avatar-{size}" if size else "", spoken, letters
    )


@register.simple_tag
def count(number: int, label: Text = "", *, strong: bool = False) -> SafeString:
    """Show a number, at most 999+. `label` says to screen readers what is counted. Zero shows nothing."""
    if not number:
        return SafeString("")
    shown = f"{number}" if number <= COUNT_SHOWN_MAX else f"{COUNT_SHOWN_MAX}+"
    spoken = format_html('<span class="visually-hidden"> {}</span>', label) if label else ""
    return format_html('<span class="count{}">{}{}</span>', " count-strong" if strong else "", shown, spoken)


@register.simple_tag
def badge(label: Text, kind: str = "", *, icon: str = "") -> SafeString:
    """Show a short word about a thing. kind: empty, accent, right, waiting, wrong, note."""
    drawing = _icon(icon, 13, "") if icon else ""
    return format_html(
        '<span class="badge{}">{}<span class="clip">{}</span></span>', f" badge-{kind}" if kind else "", drawing, label
    )


@register.simple_tag
def key(name: str) -> SafeString:
    """Show a keyboard key."""
    return format_html('<kbd class="key">{}</kbd>', name)


@register.simple_tag
def time(value: datetime | None, style: str = "relative") -> SafeString:
    """Show a time; the exact one appears on hover, and the page keeps it current.

    style: relative ("4 min ago", after a day the date), list (10:42, Mon, 12 Mar), exact (12 March 2026 10:42).
    """
    if value is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}" data-time="{}">{}</time>',
        value.isoformat(timespec="seconds"), moments.exact(value), style, moments.shown(value, style),
    )  # fmt: skip


@register.simple_block_tag(end_name="endcard")
def card(
    content: str,
    title: Text = "",
    *,
    text: Text = "",
    id: str = "",  # noqa: A002 - the name of the HTML attribute
    plain: bool = False,
    level: int = 2,
) -> SafeString:
    """Wrap content in a card. `plain` leaves out the padding (for rows and tables). Write a <footer> with `{% cardfooter %}`."""
    body, _mark, footer = content.partition(FOOTER)
    found = {
        "title": title,
        "text": text,
        "id": id,
        "plain": plain,
        "level": level,
        "body": SafeString(body),
        "footer": SafeString(footer.strip()),
    }
    return SafeString(render_to_string("components/card.html", found))


FOOTER = "<!--footer-->"


@register.simple_tag
def cardfooter() -> SafeString:
    """Mark where the footer of the surrounding card begins."""
    return SafeString(FOOTER)


@register.simple_block_tag(end_name="enddialog")
def dialog(content: str, id: str, title: Text, *, wide: bool = False) -> SafeString:  # noqa: A002
    """Wrap content in a modal dialog; `data-open-dialog="<id>"` on a button opens it."""
    return SafeString(
        render_to_string(
            "components/dialog.html", {"id": id, "title": title, "wide": wide, "content": SafeString(content)}
        )
    )


@register.simple_block_tag(end_name="endmenu")
def menu(
    content: str,
    id: str,  # noqa: A002 - the name of the HTML attribute
    label: Text,
    *,
    icon: str = "ellipsis",
    text: bool = False,
    kind: str = "quiet",
    small: bool = False,
) -> SafeString:
    """A button with a menu behind it. Write `.menu-item` links or buttons inside. `text` shows the label beside the icon."""
    found = {
        "id": id,
        "label": label,
        "icon_name": icon,
        "text": text,
        "kind": kind,
        "small": small,
        "content": SafeString(content),
    }
    return SafeString(render_to_string("components/menu.html", found))


@register.simple_block_tag(end_name="endbanner")
def banner(content: str, kind: str = "info", title: Text = "", *, live: bool = False) -> SafeString:
    """A message that belongs to the page: kind info, warning, error or right. `{% cardfooter %}` begins its actions."""
    body, _mark, actions = content.partition(FOOTER)
    found = {
        "kind": kind,
        "title": title,
        "live": live,
        "body": SafeString(body),
        "actions": SafeString(actions.strip()),
    }
    return SafeString(render_to_string("components/banner.html", found))


@register.simple_block_tag(end_name="endempty")
def empty(content: str, title: Text, *, icon: str = "inbox", level: int = 2) -> SafeString:
    """An empty state: what is true, and the one next step as content."""
    found = {"title": title, "icon_name": icon, "level": level, "content": SafeString(content)}
    return SafeString(render_to_string("components/empty.html", found))
