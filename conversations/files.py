"""What an attached file may be called and served as. Pure."""

from __future__ import annotations

import re

from conversations.plain_text import visible_controls

NAME_CHARACTERS = 150
# Types a browser may be told about. The rest, HTML, SVG and XML above all, is "octets".
SAFE_TYPES = frozenset(
    {
        "application/pdf",
        "application/zip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/tiff",
        "image/heic",
        "text/plain",
        "text/csv",
        "text/calendar",
        "audio/mpeg",
        "video/mp4",
    }
)
OCTETS = "application/octet-stream"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def served_type(declared: str) -> str:
    """The Content-Type a file is served with: the declared one if it is known to be harmless, else octets."""
    name = declared.partition(";")[0].strip().lower()
    return name if name in SAFE_TYPES else OCTETS


def image_type(content: bytes) -> str | None:
    """The type of a picture by its first octets, whatever it says of itself; None for what is not shown inside mail."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if content.startswith(signature)), None)


def download_name(name: str) -> str:
    """A file name without paths, controls or characters that reverse it; never empty. The ending is kept when cut."""
    cleaned = _FORBIDDEN.sub("_", visible_controls(name).replace("\N{REPLACEMENT CHARACTER}", "_")).strip(" .")
    if len(cleaned) <= NAME_CHARACTERS:
        return cleaned or "attachment"
    stem, dot, ending = cleaned.rpartition(".")
    return (
        stem[: NAME_CHARACTERS - len(ending) - 1] + dot + ending
        if dot and len(ending) < 10
        else cleaned[:NAME_CHARACTERS]
    )
