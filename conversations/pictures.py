"""Pictures inside the text of a mail we write. Pure.

A picture stands where its file's name is written in brackets, with what it shows behind a colon if one likes:
[map.png] or [map.png: the way to the baths]. So a text with pictures is still a text, in a draft, in the plain half of
the mail and without scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conversations.files import image_type
from whitelabel.mime import File

_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_NAMED = re.compile(r"\[([^\[\]\n:]{1,200}\.(?:png|jpe?g|gif|webp))(?::[^\[\]\n]*)?\]", re.IGNORECASE)


@dataclass(frozen=True)
class Picture:
    """A picture of the mail: what stands for it in the text (without brackets), its Content-ID, and its name."""

    mark: str
    content_id: str
    name: str


def in_text(files: Iterable[File], text: str, key: str) -> tuple[File, ...]:
    """The files, those that the text names as inline pictures with a Content-ID. `key` is unique to the mail."""
    return tuple(
        replace(file, inline=True, content_id=f"{number}.{key}@picture")
        if not file.inline and is_picture(file.content) and _mark(file.name).search(text)
        else file
        for number, file in enumerate(files, 1)
    )


def is_picture(content: bytes) -> bool:
    """Whether mail programs show it, by its octets."""
    return image_type(content) is not None


def lost(text: str, names: Iterable[str]) -> list[str]:
    """Pictures that a text names and nobody has attached."""
    there = set(names)
    return [name for name in dict.fromkeys(match[1] for match in _NAMED.finditer(text)) if name not in there]


def kept_id(content_id: str, otherwise: str) -> str:
    """The Content-ID of a picture that came with a mail, if it may be written again."""
    bare = content_id.strip("<> ")
    return bare if _CONTENT_ID.fullmatch(bare) else otherwise


def of_files(files: Sequence[File]) -> tuple[Picture, ...]:
    """The pictures among files, by their names."""
    return tuple(Picture(file.name, file.content_id, file.name) for file in files if file.inline)


def quoted(files: Sequence[File]) -> tuple[Picture, ...]:
    """The pictures of a mail that is quoted: mail programs write [cid:…] where one stood."""
    return tuple(Picture(f"cid:{file.content_id}", file.content_id, file.name) for file in files if file.inline)


def split(text: str, pictures: Sequence[Picture]) -> list[tuple[str, Picture | None, str]]:
    """(text before, picture, what it shows) for each mark, then (the rest, None, "")."""
    found = sorted(
        ((match, picture) for picture in pictures for match in _mark(picture.mark).finditer(text)),
        key=lambda pair: pair[0].start(),
    )
    pieces: list[tuple[str, Picture | None, str]] = []
    position = 0
    for match, picture in found:
        if match.start() >= position:
            pieces.append((text[position : match.start()], picture, (match[1] or "").strip() or picture.name))
            position = match.end()
    return [*pieces, (text[position:], None, "")]


def _mark(name: str) -> re.Pattern[str]:
    return re.compile(rf"\[{re.escape(name)}(?::([^\[\]\n]*))?\]")
