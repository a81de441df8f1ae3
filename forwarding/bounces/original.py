"""The returned mail inside a report: which of our messages came back, and to whom it was addressed."""

import re
from dataclasses import dataclass

from forwarding.bounces.addresses import addresses_in
from forwarding.bounces.parts import Fields, Part, PartLimits, split_fields, value_of
from forwarding.bounces.phrases import ORIGINAL_FOLLOWS

ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers",
     "text/rfc822-header", "text/rfc822", "message/partial"}
)  # fmt: skip

MAX_RECIPIENTS_CHARACTERS = 64 * 1024
"""Of the recipients that the returned mail names."""

_MESSAGE_ID = re.compile(r"<\s*([^<>\s]{1,990})\s*>")
_QUOTING = re.compile(r"^(?:[ \t]{0,12}[>|][ \t]?){1,3}|^[ \t]{1,12}(?=[A-Za-z-]{2,40}:)")
_HEADER_LINE = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,60}:(?!/)")
_TELLING = frozenset(
    {"received", "message-id", "mime-version", "content-type", "return-path", "dkim-signature", "x-mailer",
     "x-originating-ip", "content-transfer-encoding"}
)  # fmt: skip
_ORDINARY = frozenset({"from", "to", "subject", "date", "cc", "reply-to", "sender", "in-reply-to", "references"})


@dataclass(frozen=True, slots=True)
class Original:
    """What is known of the returned mail; empty values where nothing is."""

    message_id: str = ""
    recipients: tuple[str, ...] = ()
    sender: str = ""
    loop: str = ""
    """The value of its X-Kundo-Loop header."""


def original_of(parts: tuple[Part, ...]) -> Original:
    """The first embedded original among the leaves of a report."""
    found = (original_in(part.body) for part in parts if part.content_type in ORIGINAL_TYPES)
    return next((original for original in found if original != Original()), Original())


def original_in(octets: bytes) -> Original:
    """Read the header of a returned mail. Bodies that stand between its parts and the header are skipped once."""
    fields, rest = split_fields(octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), PartLimits())
    if not _is_header(fields) and rest:
        fields, _body = split_fields(rest, PartLimits())
    return original_from(fields)


def original_from(fields: Fields) -> Original:
    """The original described by header fields."""
    named = ", ".join(value for name, value in fields if name in ("to", "cc"))
    recipients = addresses_in(named[:MAX_RECIPIENTS_CHARACTERS])
    message_id = _MESSAGE_ID.search(value_of(fields, "message-id"))
    senders = addresses_in(value_of(fields, "from")) or addresses_in(value_of(fields, "return-path"))
    return Original(
        message_id=message_id[1] if message_id else "",
        recipients=recipients,
        sender=senders[0] if senders else "",
        loop=value_of(fields, "x-kundo-loop"),
    )


def _is_header(fields: Fields) -> bool:
    return any(name in _TELLING or name in _ORDINARY for name, _ in fields)


def split_narrative(text: str, max_lines: int = 4_000) -> tuple[str, Original]:
    """Split the words of a report from the original quoted beneath them.

    The original begins at a line that announces it, or at a run of at least three header lines of which one could
    only be a mail header (Received, Message-ID, ...); indented or quoted or not.
    """
    lines = text.splitlines()[:max_lines]
    bare = [_QUOTING.sub("", line) for line in lines]
    announced = next((number for number, line in enumerate(lines) if _announces(line)), len(lines))
    start, original = _find_header(bare, announced)
    return "\n".join(lines[: min(start, announced)]), original


def _announces(line: str) -> bool:
    return len(line) < 120 and any(words in line.casefold() for words in ORIGINAL_FOLLOWS)


def _find_header(lines: list[str], announced: int) -> tuple[int, Original]:
    """The line where the header of the original begins and what it says; the number of lines when there is none."""
    start = 0
    while start < len(lines):
        end = _header_run(lines, start)
        names = [line.partition(":")[0].lower() for line in lines[start:end] if _HEADER_LINE.match(line)]
        known = [name for name in names if name in _TELLING or name in _ORDINARY]
        if len(known) >= 2 and (start > announced or (len(known) >= 3 and any(name in _TELLING for name in known))):
            fields, _rest = split_fields("\n".join(lines[start:end]).encode("utf-8", "replace"), PartLimits())
            return start, original_from(fields)
        start = max(end, start + 1)
    return len(lines), Original()


def _header_run(lines: list[str], start: int) -> int:
    """The end of the run of header lines (with continuations) that begins at `start`; `start` when there is none."""
    position = start
    while position < len(lines):
        line = lines[position]
        continuation = position > start and line[:1] in (" ", "\t") and line.strip() != ""
        if not continuation and not _HEADER_LINE.match(line):
            break
        position += 1
    return position
