"""The values that reading a mail produces; they hold no reference to the raw octets' parser."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

RangeKind = Literal["visible", "quoted", "signature"]
Stage = Literal["full", "headers", "envelope"]
Protection = Literal["", "signed", "encrypted"]


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: decoded display name (may be empty) and address as written (may be empty or lack a domain)."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not shown as text, after transfer decoding.

    `inline` is true for pictures placed in the message; `derived` for parts we unpacked from another part (TNEF).
    `content_id` is without angle brackets, empty when there is none.
    """

    name: str
    content_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False
    derived: bool = False


@dataclass(frozen=True, slots=True)
class TextRange:
    """Half-open range of character offsets into `ReadMail.text`."""

    start: int
    end: int
    kind: RangeKind


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """First event of a text/calendar part (RFC 5545); times are aware, or dates for whole days, or naive if floating."""

    method: str
    uid: str
    summary: str
    starts: datetime | date | None
    ends: datetime | date | None
    location: str
    organizer: Address | None
    status: str


@dataclass(frozen=True, slots=True)
class ReadMail:
    """One mail, read. Every string is storable in PostgreSQL: no NUL, no surrogate, no C1 control.

    `ranges` cover `text` in order and without gaps. `other_text` is searched with it: what the HTML says where the plain
    alternative says something else, or the other way round. `content_hash` is hexadecimal SHA-256 over what the author wrote,
    so that it survives forwarding. `stage` tells how far down the ladder reading had to go.
    """

    sender: Address | None = None
    senders: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""
    html: str | None = None
    other_text: str = ""
    ranges: tuple[TextRange, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    content_hash: str = ""
    thread_topic: str = ""
    thread_index: bytes = b""
    calendar: CalendarEvent | None = None
    protection: Protection = ""
    defects: tuple[str, ...] = ()
    stage: Stage = "full"

    @property
    def visible_text(self) -> str:
        """What the author wrote in this mail, as far as it can be told."""
        return self._text_of({"visible"})

    @property
    def quoted_text(self) -> str:
        """What the display folds: quoted mail and signatures. With `visible_text` it makes up all of `text`."""
        return self._text_of({"quoted", "signature"})

    def header(self, name: str) -> str:
        """Decoded value of the first header called `name` (any case), empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all_headers(self, name: str) -> tuple[str, ...]:
        """Decoded values of every header called `name` (any case), in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    def _text_of(self, kinds: set[RangeKind]) -> str:
        return "".join(self.text[part.start : part.end] for part in self.ranges if part.kind in kinds)
