"""The relay: one SMTP connection to the server that carries our mail into the world, used again from mail to mail.

A transaction has one recipient, because each recipient has a return path of its own. Where the relay takes commands
together, those of the next mail travel with the content of this one: one round trip a mail. What matters most about a failure is
whether the relay may have taken the mail over: that is so only between the final dot and the reply to it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from whitelabel.relay_session import RelayAddress, Session, TlsSession

MAX_REPLY_CHARACTERS = 500
GOODBYE_SECONDS = 2

ACCEPTED, SEND_CONTENT, CLOSING = 250, 354, 421
GO_ON_CODES = (ACCEPTED, 251, 252, SEND_CONTENT)
# Replies that are about us and the relay, not about the mail: the mail must not be given up for them (RFC 4954, 3207).
RELAY_TROUBLE_CODES = (CLOSING, 454, 530, 534, 535, 538)

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESS = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")


class RelayUnavailable(ConnectionError):
    """No session with the relay: refused, unreachable, not trusted, or not letting us in. The text says which."""


class Outcome(StrEnum):
    """What became of one transaction."""

    ACCEPTED = "accepted"
    LATER = "later"
    """Certainly not taken over, may work later."""
    REFUSED = "refused"
    """Certainly not taken over, and never will be."""
    UNKNOWN = "unknown"
    """The connection broke between the final dot and the reply: taken over or not."""


@dataclass(frozen=True)
class Reply:
    """Outcome, enhanced status code (RFC 3463) and text of the relay's answer. `trouble`: the session itself failed."""

    outcome: Outcome
    status: str
    text: str
    trouble: bool = False


@dataclass(frozen=True)
class Envelope:
    """Who a mail comes from and goes to, and how many octets it has."""

    sender: str
    recipient: str
    octets: int

    @property
    def is_writable(self) -> bool:
        """Whether the addresses can stand in SMTP commands."""
        return bool(_ADDRESS.fullmatch(self.recipient) and _ADDRESS.fullmatch(self.sender))


class Relay:
    """A session with the relay that opens when needed. Not safe for several threads."""

    def __init__(self, address: RelayAddress) -> None:
        self.address = address
        self._smtp: Session | None = None
        self._mails = 0
        self._used_at = 0.0

    def open(self) -> Session:
        """A session that is ready. Raises RelayUnavailable."""
        worn = self._mails >= self.address.mails_per_connection
        if self._smtp is not None and (worn or time.monotonic() - self._used_at > self.address.idle_seconds):
            self.close()
        if self._smtp is None:
            self._smtp = self._connect()
            self._mails, self._used_at = 0, time.monotonic()
        return self._smtp

    def close(self) -> None:
        """Say goodbye, if there is somebody to say it to."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        if smtp.announced:
            # The relay waits for content, or soon will: only a broken connection says that none comes.
            smtp.close()
            return
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.allow(GOODBYE_SECONDS)
            smtp.quit()
        smtp.close()

    def send(
        self,
        envelope_sender: str,
        recipient: str,
        content: bytes,
        *,
        following: Envelope | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> Reply:
        """Hand over one mail for one recipient. `content` has CRLF line ends. Raises RelayUnavailable, before MAIL.

        `following` is what will be sent next, if that is known: sending another mail instead costs a new connection.
        `waiting` is called every RELAY_BEAT_SECONDS while the relay takes its time.
        """
        envelope = Envelope(envelope_sender, recipient, len(content))
        if not envelope.is_writable:
            return Reply(Outcome.REFUSED, "5.1.3", "the address cannot be written in SMTP")
        if self._smtp is not None and self._smtp.announced not in (None, envelope):
            self._drop()
        smtp = self.open()
        stage = _Stage()
        try:
            smtp.waiting = waiting
            reply = _transaction(smtp, envelope, content, following if self._takes(smtp, following) else None, stage)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            outcome = Outcome.UNKNOWN if stage.dot_sent else Outcome.LATER
            return Reply(outcome, "4.4.2", f"connection lost: {_text(error)}", trouble=True)
        self._mails += 1
        self._used_at = time.monotonic()
        if reply.trouble:
            self._drop()
        return reply

    def _takes(self, smtp: Session, following: Envelope | None) -> bool:
        """Whether one more mail may be announced on this connection."""
        room = self._mails + 1 < self.address.mails_per_connection
        return following is not None and following.is_writable and room and smtp.has_extn("pipelining")

    def _drop(self) -> None:
        """Forget a session that is broken."""
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None

    def _connect(self) -> Session:
        address = self.address
        smtp = (TlsSession if address.scheme == "smtps" else Session)(address, self._tls)
        try:
            smtp.connect(address.host, address.port)
            smtp.ehlo_or_helo_if_needed()
            if address.scheme == "smtp+starttls":
                # Raises when the relay does not offer it: mail and password never fall back to plain text.
                smtp.starttls(context=self._tls())
                smtp.ehlo()
            if address.user:
                smtp.login(address.user, address.password)
        except (OSError, smtplib.SMTPException) as error:
            smtp.close()
            raise RelayUnavailable(f"{address.host}:{address.port}: {_text(error)}") from error
        return smtp

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.address.ca_file or None)


@dataclass
class _Stage:
    """How far a transaction came; `dot_sent` as soon as the final dot may be on its way."""

    dot_sent: bool = False


def _transaction(smtp: Session, envelope: Envelope, content: bytes, following: Envelope | None, stage: _Stage) -> Reply:
    address = smtp.address
    smtp.allow(address.envelope_seconds)
    refused = _announce(smtp, envelope)
    if refused is not None:
        return refused
    stuffed = _stuffed(content)
    # Content may begin a group of commands, and DATA end it (RFC 2920, 3.1).
    commands = "".join(f"{command}\r\n" for command in _commands(smtp, following)) if following else ""
    smtp.allow(address.content_seconds)
    for sent in smtp.pour(stuffed + commands.encode("ascii")):
        stage.dot_sent = sent >= len(stuffed)
    smtp.announced = following
    # Giving up early is what makes duplicates, so RFC 5321 (4.5.3.2.6) asks for ten minutes here.
    smtp.allow(address.dot_seconds, silence=address.dot_seconds)
    code, text = smtp.getreply()
    if code == ACCEPTED:
        return Reply(Outcome.ACCEPTED, _status(code, text), _shown(code, text))
    return _refusal(code, text)


def _announce(smtp: Session, envelope: Envelope) -> Reply | None:
    """MAIL, RCPT and DATA; None when the content may follow. The session is ready for another mail otherwise."""
    refused: Reply | None = None
    code = 0
    for code, text in _replies(smtp, envelope):
        if code not in GO_ON_CODES:
            refused = refused or _refusal(code, text)
    if refused and code == SEND_CONTENT:
        # Commands sent together are all answered; a server that asks for content nobody wants gets none (RFC 2920, 3.1).
        code, _ = smtp.docmd(".")
    if refused and code != CLOSING:
        smtp.rset()
    return refused


def _commands(smtp: Session, envelope: Envelope) -> tuple[str, str, str]:
    size = f" SIZE={envelope.octets}" if smtp.has_extn("size") else ""
    return f"MAIL FROM:<{envelope.sender}>{size}", f"RCPT TO:<{envelope.recipient}>", "DATA"


def _replies(smtp: Session, envelope: Envelope) -> Iterator[tuple[int, bytes]]:
    """Give commands and yield their replies: all at once where the relay offers it (RFC 2920), else until one is refused."""
    commands = _commands(smtp, envelope)
    together = smtp.has_extn("pipelining")
    if together and not smtp.announced:
        smtp.send("".join(f"{command}\r\n" for command in commands))
    smtp.announced = None
    for command in commands:
        code, text = smtp.getreply() if together else smtp.docmd(command)
        yield code, text
        if code == CLOSING or not (together or code in GO_ON_CODES):
            return


def _stuffed(content: bytes) -> bytes:
    """Transparency of RFC 5321 section 4.5.2, and the final dot."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _refusal(code: int, text: bytes) -> Reply:
    trouble = code in RELAY_TROUBLE_CODES
    later = trouble or code < 500
    return Reply(Outcome.LATER if later else Outcome.REFUSED, _status(code, text), _shown(code, text), trouble)


def _status(code: int, text: bytes) -> str:
    match = _ENHANCED.match(text.decode("utf-8", "replace"))
    return match[1] if match else f"{code // 100}.0.0"


def shown(text: str) -> str:
    """A relay's words as they may be stored and shown: printable, on one line, not too long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:MAX_REPLY_CHARACTERS]


def _shown(code: int, text: bytes) -> str:
    return shown(f"{code} {text.decode('utf-8', 'replace')}")


def _text(error: Exception) -> str:
    return (str(error) or type(error).__name__).replace("\0", " ")[:MAX_REPLY_CHARACTERS]
