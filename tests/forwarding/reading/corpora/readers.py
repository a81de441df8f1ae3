"""Readers to measure: ours, and the standard library's and others' in typical use."""

import dataclasses
import email
import importlib.util
from collections.abc import Callable, Iterator
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr

from forwarding.reading import ReadMail
from forwarding.reading.limits import Limits
from forwarding.reading.reader import read_in_full
from tests.forwarding.reading.corpora.scoring import Reading, plain

Reader = Callable[[bytes], Reading]


def ours(raw: bytes) -> Reading:
    """This project's reader; a fault in it is raised, not hidden by the ladder."""
    read = read_in_full(raw, Limits())
    sender = read.sender
    return Reading(
        name=sender.name if sender else "",
        address=sender.address if sender else "",
        subject=read.subject,
        text=read.text,
        visible=read.visible_text,
        attachments=tuple(one.name for one in read.attachments if not one.derived),
        strings=tuple(_strings(read)),
    )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, ReadMail) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        for each in dataclasses.fields(value):
            yield from _strings(getattr(value, each.name))


def compat32(raw: bytes) -> Reading:
    """`email` with its old policy and `walk()`, as most programs use it."""
    message = email.message_from_bytes(raw)
    name, address = parseaddr(str(make_header(decode_header(message.get("From", "")))))
    subject = str(make_header(decode_header(message.get("Subject", ""))))
    texts: list[str] = []
    html: list[str] = []
    files: list[str] = []
    for part in message.walk():
        kind = part.get_content_type()
        if part.get_filename() or (not kind.startswith(("text/", "multipart/"))):
            files.append(str(part.get_filename() or ""))
        elif kind == "text/plain":
            texts.append(_decoded(part))
        elif kind == "text/html":
            html.append(_decoded(part))
    text = "\n".join(texts) if "".join(texts).strip() else plain("\n".join(html))
    return _reading(name, address, subject, text, files)


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(part.get_content_charset() or "utf-8", "replace") if isinstance(payload, bytes) else ""


def default_policy(raw: bytes) -> Reading:
    """`email` with its new policy and `get_body()`."""
    message = email.message_from_bytes(raw, policy=policy.default)
    sender = message["From"]
    first = sender.addresses[0] if sender is not None and sender.addresses else None
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body is not None else ""
    if body is not None and body.get_content_type() == "text/html":
        text = plain(text)
    files = [str(part.get_filename() or "") for part in message.iter_attachments()] if message.is_multipart() else []
    name, address = (first.display_name, first.addr_spec) if first else ("", "")
    return _reading(name, address, str(message["Subject"] or ""), text, files)


def mail_parser(raw: bytes) -> Reading:
    """The package mail-parser."""
    import mailparser

    message = mailparser.parse_from_bytes(raw)
    name, address = message.from_[0] if message.from_ else ("", "")
    text = "\n".join(message.text_plain) or plain("\n".join(message.text_html))
    subject = message.subject  # a list where the header is there twice
    subject = subject if isinstance(subject, str) else "\n".join(subject)
    return _reading(name, address, subject, text, [str(one["filename"]) for one in message.attachments])


def fast_mail_parser(raw: bytes) -> Reading:
    """The package fast-mail-parser."""
    import fast_mail_parser as fast

    message = fast.parse_email(raw)
    sender = message.from_
    name, address = (sender.display_name or "", sender.address or "") if sender is not None else ("", "")
    text = "\n".join(message.text_plain) or plain("\n".join(message.text_html))
    return _reading(name, address, message.subject or "", text, [one.filename or "" for one in message.attachments])


def _reading(name: str, address: str, subject: str, text: str, files: list[str]) -> Reading:
    return Reading(name, address, subject, text, text, tuple(files), (name, address, subject, text, *files))


def available() -> dict[str, Reader]:
    """Readers by the name they have in the table; those not installed are left out."""
    always = {"KundoMail": ours, "email, compat32": compat32, "email, policy.default": default_policy}
    packages = {"mailparser": ("mail-parser", mail_parser), "fast_mail_parser": ("fast-mail-parser", fast_mail_parser)}
    return always | {name: reader for module, (name, reader) in packages.items() if importlib.util.find_spec(module)}
