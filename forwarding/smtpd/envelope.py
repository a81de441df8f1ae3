"""What is known about a message besides its octets, and the two seams behind which the database lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from forwarding.smtpd.body import Body
from forwarding.smtpd.forwarded import Client
from forwarding.smtpd.replies import Reply


@dataclass(frozen=True)
class Recipient:
    """A recipient that leads to an inbox, or to an organization only: then it is a return path and has no inbox.

    `argument`: as written in RCPT; `address`: normalised, without tag; `tag`: what stood behind the first "+", or "".
    """

    argument: str
    address: str
    organization_id: int
    inbox_id: int | None
    service_address_id: int | None
    tag: str = ""


@dataclass(frozen=True)
class Found:
    """The address leads somewhere."""

    recipient: Recipient


@dataclass(frozen=True)
class Refused:
    """The address is answered with `reply`. `recipient`: whom it would have led to, when it is a key of ours."""

    reply: Reply
    recipient: Recipient | None = None


Resolution = Found | Refused


@dataclass(frozen=True)
class Envelope:
    """The SMTP envelope of one message.

    `peer_ip`, `peer_port` and `helo` are the sender's, also behind a proxy (port 0: unknown); `tls` is "version/cipher"
    or ""; `mail_from` is "" for the null sender; `mail_options` are MAIL's parameters as written, names in upper case;
    `received_at` is aware.
    """

    peer_ip: str
    peer_port: int
    helo: str
    tls: str
    mail_from: str
    mail_options: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    received_at: datetime


@dataclass
class Transaction:
    """A message under way. Fields as in Envelope; `client` also names the one that a server in front speaks for."""

    mail_from: str
    mail_options: tuple[str, ...]
    smtputf8: bool
    client: Client
    recipients: list[Recipient] = field(default_factory=list)


@dataclass(frozen=True)
class Refusal:
    """Mail that was not taken, though its recipients lead somewhere: what they are told when they look for it.

    `peer_ip`, `helo` and `mail_from` as in Envelope; `at` is aware.
    """

    reply: Reply
    recipients: tuple[Recipient, ...]
    peer_ip: str
    helo: str
    mail_from: str
    at: datetime


class TemporaryFailure(Exception):
    """The database cannot be asked just now. Any other exception is answered alike, but logged as an error of ours."""


class Directory(Protocol):
    """Knows which addresses lead to an inbox."""

    async def resolve(self, argument: str, smtputf8: bool) -> Resolution:
        """Look `argument`, the text between the brackets of RCPT, up. Any exception is answered 451, never 550."""
        ...


class Spool(Protocol):
    """Keeps messages."""

    async def store(self, envelope: Envelope, body: Body) -> None:
        """Return only after `body` and `envelope` are committed for all recipients. Any exception is answered 451."""
        ...


class Refusals(Protocol):
    """Remembers what was refused."""

    def note(self, refusal: Refusal) -> None:
        """Take `refusal` at once: nobody waits for it, and nothing is raised."""
        ...

    def close(self) -> None:
        """Write what was taken and is not written yet. Blocks."""
        ...


class Unnoted:
    """Refusals that nobody wants to know of."""

    def note(self, refusal: Refusal) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing to do."""
