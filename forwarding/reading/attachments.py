"""The leaves that are not text of the mail, as attachments; nothing displayed nowhere is dropped."""

import re
from dataclasses import replace
from urllib.parse import unquote

from forwarding.reading.body import Selection, shown_as
from forwarding.reading.filenames import attachment_name, unique_names
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Attachment
from forwarding.reading.storable import pg_line
from forwarding.reading.structure import Part
from forwarding.reading.words import decode_words

_SOURCES = re.compile(
    r"""(?:src|background|href)\s{0,9}=\s{0,9}["']?([^"'\s>]{1,500})|url\(["']?([^"')\s]{1,500})""", re.IGNORECASE
)
_SOURCE_COUNT = 5_000


def read_attachments(
    selection: Selection, attached_too: tuple[Part, ...], html: str | None, limits: Limits
) -> tuple[Attachment, ...]:
    """Attachments in the order of the mail; text too long to show in full is attached as well."""
    in_place = {id(part) for part in selection.text} | {id(part) for part in selection.html}
    parts = [*selection.attachments, *attached_too]
    referenced = _references(html) if html is not None and parts else frozenset()
    parts.sort(key=lambda part: part.start)
    read = [_attachment(part, referenced, in_place, limits) for part in parts]
    names = unique_names([attachment.name for attachment in read])
    return tuple(replace(one, name=name) for name, one in zip(names, read, strict=True))


def _attachment(part: Part, referenced: frozenset[str], in_place: set[int], limits: Limits) -> Attachment:
    octets = part.octets()
    name = attachment_name(part, octets, limits)
    content_id = pg_line(decode_words(part.fields.first("content-id"))).strip("<> ")
    location = pg_line(decode_words(part.fields.first("content-location")))
    kind = shown_as(part)
    shown = id(part) in in_place and kind.startswith("image/")
    cited = bool({content_id, unquote(content_id), location, name} & referenced - {""}) and _is_picture(kind, name)
    return Attachment(name, kind, octets, content_id, inline=shown or cited)


def placed_in(html: str, attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The attachments of an HTML body that came out of another part: the pictures it shows are inline."""
    referenced = _references(html)
    return tuple(
        replace(one, inline=True)
        if one.derived and {one.content_id, one.name} & referenced - {""} and _is_picture(one.content_type, one.name)
        else one
        for one in attachments
    )


def _is_picture(kind: str, name: str) -> bool:
    return kind.startswith("image/") or name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"))


def _references(html: str) -> frozenset[str]:
    """What the HTML refers to: `cid:` without scheme, url-decoded and as written, and relative names."""
    found: set[str] = set()
    for count, match in enumerate(_SOURCES.finditer(html)):
        if count >= _SOURCE_COUNT:
            break
        target = match.group(1) or match.group(2)
        target = target[4:] if target[:4].lower() == "cid:" else target
        found |= {target.strip("<>"), unquote(target).strip("<>")}
    return frozenset(found)
