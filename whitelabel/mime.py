"""Building a mail from frozen values: what goes out is exactly this. Pure, and the same octets every time.

Guaranteed for any input: only CRLF, no line over 998 octets, 7-bit throughout, every header at most once, and no header
from the input's text (values are cleaned, encoded and folded).

    multipart/mixed
    ├─ multipart/alternative
    │  ├─ text/plain; format=flowed
    │  └─ text/html, or multipart/related with the pictures it shows
    └─ attachments
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from whitelabel import mime_headers, mime_text
from whitelabel.mime_headers import Mailbox

MAX_FILENAME_CHARACTERS = 200
FALLBACK_TYPE = "application/octet-stream"

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_CONTENT_ID = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x7e]{1,200}")
_PATH = re.compile(r"[/\\]")
_FIELD = re.compile(rb"([!-9;-~]+):(?:[^\r\n]|\r\n[ \t])*\r\n")
_OF_ITS_SENDER = (b"dkim-signature", b"date", b"from", b"reply-to")


@dataclass(frozen=True)
class File:
    """An attachment, or with `inline` and a `content_id` (without angle brackets) a picture the HTML shows."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True)
class Letter:
    """A mail before it has octets. Addresses are ASCII; texts may be anything; `date` is aware.

    `message_id`, `in_reply_to` and `references` carry angle brackets. `thread_index` is Outlook's, raw octets.
    `extra` are further (name, value) fields of ours; their values are written as free text.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...]
    subject: str
    text: str
    date: datetime
    message_id: str
    reply_to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    html: str = ""
    files: tuple[File, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_topic: str = ""
    thread_index: bytes = b""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Part:
    """Content headers (name, value) and encoded body of one MIME entity."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


def build(letter: Letter) -> bytes:
    """The mail's octets (RFC 5322, MIME). Raises mime_headers.UnwritableAddress for an address outside ASCII."""
    pictures = tuple(f for f in letter.files if letter.html and f.inline and _CONTENT_ID.fullmatch(f.content_id))
    others = [f for f in letter.files if f not in pictures]
    mark = hashlib.sha256(letter.message_id.encode()).hexdigest()[:16]
    content = _body(letter, pictures, mark)
    if others:
        content = _multipart("mixed", [content, *(_file(f, "attachment") for f in others)], mark)
    fields = [(name, value) for name, value in _fields(letter) if value]
    return _entity([*fields, ("MIME-Version", "1.0"), *content.headers], content.body)


def readdressed(content: bytes, sender: Mailbox, reply_to: Sequence[Mailbox], date: datetime) -> bytes:
    """A built mail as another sender sends it at another time: what `build` gives for the letter with these three changed,
    whether or not `content` was signed. Raises mime_headers.UnwritableAddress."""
    head, _, body = content.partition(b"\r\n\r\n")
    fields = _FIELD.finditer(head + b"\r\n")
    kept = b"".join(field[0] for field in fields if field[1].lower() not in _OF_ITS_SENDER)
    new = [(name, value) for name, value in _sent_by(sender, reply_to, date) if value]
    return _head(new) + kept + b"\r\n" + body


def content_type_of(declared: str) -> str:
    """A declared media type if it may be written, else application/octet-stream.

    message/* and multipart/* may not be base64-encoded (RFC 2046 section 5.2.1): such files travel as plain octets.
    """
    media_type = declared.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(media_type) or media_type.startswith(("message/", "multipart/")):
        return FALLBACK_TYPE
    return media_type


def file_name(name: str) -> str:
    """A file name without path, control characters and excessive length (the ending is kept); never empty."""
    base = _PATH.split(mime_headers.one_line(name))[-1].strip() or "file"
    if len(base) <= MAX_FILENAME_CHARACTERS:
        return base
    stem, dot, ending = base.rpartition(".")
    if not dot or len(ending) > 20:
        return base[:MAX_FILENAME_CHARACTERS]
    return f"{stem[: MAX_FILENAME_CHARACTERS - len(ending) - 1]}.{ending}"


def _fields(letter: Letter) -> Iterator[tuple[str, str]]:
    yield from _sent_by(letter.sender, letter.reply_to, letter.date)
    yield "To", mime_headers.address_list(letter.to, "To") or ("" if letter.cc else "undisclosed-recipients:;")
    yield "Cc", mime_headers.address_list(letter.cc, "Cc")
    yield "Subject", mime_headers.unstructured(letter.subject, "Subject")
    yield "Message-ID", mime_headers.message_ids([letter.message_id])
    yield "In-Reply-To", mime_headers.message_ids([letter.in_reply_to])
    yield "References", mime_headers.message_ids(letter.references)
    yield "Thread-Topic", mime_headers.unstructured(letter.thread_topic, "Thread-Topic")
    yield "Thread-Index", base64.b64encode(letter.thread_index).decode()
    for name, value in letter.extra:
        yield name, mime_headers.unstructured(value, name)


def _sent_by(sender: Mailbox, reply_to: Sequence[Mailbox], date: datetime) -> Iterator[tuple[str, str]]:
    yield "Date", format_datetime(date)
    yield "From", mime_headers.address_list([sender], "From")
    yield "Reply-To", mime_headers.address_list(reply_to, "Reply-To")


def _body(letter: Letter, pictures: Sequence[File], mark: str) -> _Part:
    plain = _text("plain", mime_text.flowed(mime_text.clean(letter.text)), "; format=flowed")
    if not letter.html:
        return plain
    html = _text("html", mime_text.clean(letter.html))
    if pictures:
        html = _multipart("related", [html, *(_picture(f) for f in pictures)], mark, '; type="text/html"')
    return _multipart("alternative", [plain, html], mark)


def _text(subtype: str, text: str, parameters: str = "") -> _Part:
    encoding, octets = mime_text.text_body(text)
    media_type = f"text/{subtype}; charset=utf-8{parameters}"
    return _Part((("Content-Type", media_type), ("Content-Transfer-Encoding", encoding)), octets)


def _picture(file: File) -> _Part:
    part = _file(file, "inline")
    return _Part((*part.headers, ("Content-ID", f"<{file.content_id}>")), part.body)


def _file(file: File, disposition: str) -> _Part:
    name = file_name(file.name)
    media_type = f"{content_type_of(file.content_type)};\r\n {mime_headers.encoded_parameter('name', name)}"
    named = ";\r\n ".join([disposition, *mime_headers.parameter("filename", name)])
    headers = (
        ("Content-Type", media_type),
        ("Content-Disposition", named),
        ("Content-Transfer-Encoding", "base64"),
    )
    return _Part(headers, mime_text.base64_lines(file.content))


def _multipart(subtype: str, parts: Sequence[_Part], mark: str, parameters: str = "") -> _Part:
    """Join parts. No encoded part can hold the boundary: "=_" occurs in neither base64 nor quoted-printable."""
    boundary = f"=_{subtype}_{mark}"
    delimiter = f"--{boundary}\r\n".encode()
    octets = b"".join(delimiter + _entity(part.headers, part.body) + b"\r\n" for part in parts)
    media_type = f'multipart/{subtype}; boundary="{boundary}"{parameters}'
    return _Part((("Content-Type", media_type),), octets + f"--{boundary}--\r\n".encode())


def _entity(headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    return _head(headers) + b"\r\n" + body


def _head(headers: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")
