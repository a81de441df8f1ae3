"""Second looks at a mail, by other means than the reader under test: what must be in its answer, and what must not."""

import email
import quopri
import re
from collections.abc import Iterator
from email.message import Message

from tests.forwarding.reading.corpora.scoring import Reading, plain

_LONG_LINE = re.compile(r"[^\n]{30,}")
_REPLACEMENT_SOURCES = (b"\xef\xbf\xbd", b"&#65533;", b"&#xfffd;", b"\xff\xfd", b"\xfd\xff")


def unstorable(reading: Reading) -> list[str]:
    """Characters PostgreSQL refuses, or that no screen shows: NUL, surrogates, C1 controls."""
    bad = re.compile("[\x00\x80-\x9f\ud800-\udfff]")
    return [string for string in reading.strings if bad.search(string)]


def new_replacements(raw: bytes, reading: Reading) -> bool:
    """True when U+FFFD is in the answer and none was in the mail."""
    if not any("\ufffd" in string for string in reading.strings):
        return False
    sources = [raw, *(_payload(part) for part in _own_parts(email.message_from_bytes(raw)))]
    return not any(mark in source.lower() for mark in _REPLACEMENT_SOURCES for source in sources)


def lost_body(raw: bytes, reading: Reading) -> bool:
    """True when the mail has text on its own level and the answer shows none."""
    if reading.text.strip():
        return False
    return any(_words_of(part) for part in _own_parts(email.message_from_bytes(raw)) if _is_body(part))


def leaked_lines(raw: bytes, reading: Reading) -> list[str]:
    """Long lines of attached messages that stand in the text of the mail, though its own text lacks them."""
    message = email.message_from_bytes(raw)
    own = "\n".join(plain(_text(part)) for part in _own_parts(message))
    lines = {line.strip() for part in _attached_texts(message) for line in _LONG_LINE.findall(_text(part))}
    return sorted(line for line in lines if line and line in reading.text and line not in own)


def has_attached_mail(raw: bytes) -> bool:
    """True when a message is attached with text of its own."""
    return any(True for _ in _attached_texts(email.message_from_bytes(raw)))


def _own_parts(message: Message) -> Iterator[Message]:
    """Leaves of the mail itself, without those of attached messages."""
    if message.get_content_maintype() == "multipart" and isinstance(message.get_payload(), list):
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _own_parts(part)
    elif not message.get_content_type().startswith("message/"):
        yield message


def _attached_texts(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if part.get_content_type() == "message/rfc822" and isinstance(part.get_payload(), list):
            for inner in part.get_payload():
                if isinstance(inner, Message):
                    yield from (leaf for leaf in _own_parts(inner) if leaf.get_content_type() == "text/plain")


def _is_body(part: Message) -> bool:
    if part.get_content_type() not in ("text/plain", "text/html") or part.get_filename():
        return False
    return "attachment" not in str(part.get("content-disposition", "")).lower()


def _words_of(part: Message) -> bool:
    text = _text(part)
    return bool(re.search(r"\w", plain(text) if part.get_content_type() == "text/html" else text))


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    if part.get_content_maintype() == "multipart":  # the standard library gave up on it: look into its octets
        return quopri.decodestring(str(part.get_payload()).encode("utf-8", "replace")).decode("utf-8", "replace")
    charset = str(part.get_content_charset() or "utf-8")
    try:
        return _payload(part).decode(charset, "replace")
    except (LookupError, ValueError):
        return _payload(part).decode("latin-1")
