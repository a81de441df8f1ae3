"""An SMTP connection to the relay in which every wait ends: smtplib's commands, and a time for each part of the talk.

A relay that sends or reads an octet now and then must not hold the worker; one that is only slow must not hold it unheard.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from whitelabel.relay import Envelope

DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
GREETING = 220
PIECE_OCTETS = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class RelayAddress:
    """Where the relay is and how to talk to it; `from_settings` reads RELAY_URL and its companions."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    ehlo_name: str = "localhost"
    timeout_seconds: float = 60
    session_seconds: float = 60
    envelope_seconds: float = 240
    content_seconds: float = 900
    dot_seconds: float = 600
    beat_seconds: float = 10
    mails_per_connection: int = 100
    idle_seconds: float = 20

    @classmethod
    def from_settings(cls) -> RelayAddress:
        """The relay of this installation. Raises ValueError for a RELAY_URL with an unknown scheme or without host."""
        url = urlsplit(settings.RELAY_URL)
        if url.scheme not in DEFAULT_PORTS or not url.hostname:
            raise ValueError("RELAY_URL is smtp://host, smtp+starttls://user:password@host or smtps://…")
        return cls(
            scheme=url.scheme,
            host=url.hostname,
            port=url.port or DEFAULT_PORTS[url.scheme],
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            ca_file=settings.RELAY_CA_FILE,
            ehlo_name=settings.RELAY_EHLO_NAME or settings.MAIL_DOMAIN,
            timeout_seconds=settings.RELAY_TIMEOUT_SECONDS,
            session_seconds=settings.RELAY_SESSION_SECONDS,
            envelope_seconds=settings.RELAY_ENVELOPE_SECONDS,
            content_seconds=settings.RELAY_CONTENT_SECONDS,
            dot_seconds=settings.RELAY_DOT_SECONDS,
            beat_seconds=settings.RELAY_BEAT_SECONDS,
            mails_per_connection=settings.RELAY_MAILS_PER_CONNECTION,
            idle_seconds=settings.RELAY_IDLE_SECONDS,
        )


class Session(smtplib.SMTP):
    """An SMTP session in which what `allow` was called for has its time, from the greeting on."""

    def __init__(self, address: RelayAddress, tls: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(
            local_hostname=address.ehlo_name, timeout=min(address.timeout_seconds, address.session_seconds)
        )
        self._tls_context = tls
        self.address = address
        self.announced: Envelope | None = None
        """What MAIL, RCPT and DATA have been sent for, ahead of their replies."""
        self.waiting: Callable[[], None] = lambda: None
        """Called every `beat_seconds` of a wait."""
        self.allow(address.session_seconds)

    def allow(self, seconds: float, *, silence: float | None = None) -> None:
        """Let what follows take this long, with pauses of at most `silence` seconds (default: `timeout_seconds`)."""
        self._beaten = time.monotonic()
        self._deadline = self._beaten + seconds
        self._silence = silence or self.address.timeout_seconds

    def patiently(self, act: Callable[[socket.socket], T]) -> T:
        """Do what may block. Raises TimeoutError when the relay pauses too long or all of it takes too long."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        until = min(time.monotonic() + self._silence, self._deadline)
        while (now := time.monotonic()) < until:
            if now - self._beaten >= self.address.beat_seconds:
                self._beaten = now
                self.waiting()
            self.sock.settimeout(min(until - now, self.address.beat_seconds))
            with contextlib.suppress(TimeoutError):
                return act(self.sock)
        raise TimeoutError("the relay takes too long")

    def pour(self, octets: bytes) -> Iterator[int]:
        """Send in pieces; yields before each how many octets may have left when it has been sent. Raises OSError."""
        left = memoryview(octets)
        while left:
            piece = left[:PIECE_OCTETS]
            yield len(octets) - len(left) + len(piece)
            left = left[self._send_some(piece) :]

    def _send_some(self, piece: memoryview) -> int:
        return self.patiently(lambda sock: sock.send(piece))

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect and read the greeting. Raises OSError, SMTPConnectError for any greeting but 220."""
        # starttls checks the certificate against this name, which smtplib sets only when it connects by itself.
        self._host = host
        code, text = super().connect(host, port, source_address)
        if code != GREETING:
            raise smtplib.SMTPConnectError(code, text)
        return code, text

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; smtplib forgets the reader when a connection or TLS begins."""
        if self.file is None and self.sock is not None:
            self.file = _Reader(self)  # all that smtplib calls
        return super().getreply()


class TlsSession(Session):
    """The same where TLS comes before the first octet."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        return self._tls_context().wrap_socket(connection, server_hostname=host)


class _Reader:
    """Reads reply lines for smtplib."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._octets = b""

    def readline(self, limit: int) -> bytes:
        """The next line with its end; less at `limit` octets or when the relay has hung up. Raises TimeoutError."""
        while b"\n" not in self._octets[:limit] and len(self._octets) < limit:
            octets = self._session.patiently(lambda sock: sock.recv(4096))
            if not octets:
                break
            self._octets += octets
        end = min(self._octets.find(b"\n") + 1 or limit, limit)
        line, self._octets = self._octets[:end], self._octets[end:]
        return line

    def close(self) -> None:
        """Nothing to close: the socket is smtplib's."""
