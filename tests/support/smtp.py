"""SMTP by hand: raw sessions, and the real server (or the stock aiosmtpd, as control) on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from forwarding.directory import refusal_of
from forwarding.smtpd.body import Body
from forwarding.smtpd.door import Door, FloodGate
from forwarding.smtpd.envelope import Envelope, Found, Recipient, Refused, Resolution
from forwarding.smtpd.limits import Limits
from forwarding.smtpd.replies import Reply
from forwarding.smtpd.server import Server, listen
from forwarding.smtpd.service import Service
from inboxes.addressing import RecipientKind, match_key

OURS = "mail.kundo.se"
RECIPIENT = f"jobb.lillestad.se@{OURS}"
HOSTNAME = "mx.kundo.se"
PATIENCE_SECONDS = 10.0


class RawSession:
    """One TCP connection on which octets are written exactly as given. Replies are `bytes` with their line ends."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", patience: float = PATIENCE_SECONDS) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), patience, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def send(self, octets: bytes) -> None:
        """Write octets."""
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """The next whole reply, of one or several lines; b"" when the server has closed the connection."""
        lines = b""
        while True:
            line = self._line()
            lines += line
            if not line or line[3:4] != b"-":
                return lines

    def command(self, line: bytes) -> bytes:
        """Send one line (without its end) and return the reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def replies(self, count: int) -> list[bytes]:
        """The next `count` replies."""
        return [self.reply() for _ in range(count)]

    def greet(self) -> RawSession:
        """Read the banner and say EHLO."""
        assert self.reply().startswith(b"220 ")
        assert self.command(b"EHLO client.example").startswith(b"250")
        return self

    def hello(self, *recipients: str, sender: str = "anna@example.org") -> RawSession:
        """Go on to the point where message octets are expected."""
        self.greet()
        self.envelope(*recipients, sender=sender)
        return self

    def envelope(self, *recipients: str, sender: str = "anna@example.org") -> None:
        """MAIL, RCPT and DATA, all accepted."""
        assert self.command(b"MAIL FROM:<%s>" % sender.encode()).startswith(b"250")
        for recipient in recipients or (RECIPIENT,):
            assert self.command(b"RCPT TO:<%s>" % recipient.encode()).startswith(b"250")
        assert self.command(b"DATA").startswith(b"354")

    def start_tls(self) -> None:
        """STARTTLS and the handshake, trusting any certificate."""
        assert self.command(b"STARTTLS").startswith(b"220")
        self.handshake()

    def handshake(self) -> None:
        """The client's side of the TLS handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=HOSTNAME)

    def is_closed(self) -> bool:
        """Whether the server closes the connection within the patience; unread replies are dropped."""
        try:
            while self.socket.recv(65_536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self) -> bytes:
        while b"\n" not in self._read:
            try:
                octets = self.socket.recv(65_536)
            except ConnectionError:
                octets = b""
            if not octets:
                line, self._read = self._read, b""
                return line
            self._read += octets
        line, _, self._read = self._read.partition(b"\n")
        return line + b"\n"


@dataclass(frozen=True)
class Stored:
    """What the spool was given."""

    envelope: Envelope
    content: bytes


class MemorySpool:
    """Keeps messages in a list. `before` is awaited first, to delay or to fail."""

    def __init__(self) -> None:
        self.mails: list[Stored] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def store(self, envelope: Envelope, body: Body) -> None:
        """Keep a copy."""
        if self.before is not None:
            await self.before()
        self.mails.append(Stored(envelope, body.content()))

    def wait(self, count: int = 1, seconds: float = PATIENCE_SECONDS) -> list[Stored]:
        """The mails, once there are `count`."""
        deadline = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < deadline, f"{len(self.mails)} of {count} mails stored"
            time.sleep(0.01)
        return self.mails


class TableDirectory:
    """Recipients from a dict: key → inbox id, or the reply that refuses it. `asked` lists every argument."""

    def __init__(self, keys: dict[str, int | Reply]) -> None:
        self.keys = keys
        self.asked: list[str] = []

    async def resolve(self, argument: str, smtputf8: bool) -> Resolution:
        """As the real directory, without its database."""
        self.asked.append(argument)
        match = match_key(argument, OURS)
        if match.kind not in (RecipientKind.KEY, RecipientKind.OPERATOR):
            return Refused(refusal_of(match.kind))
        entry = self.keys.get(match.key)
        if not isinstance(entry, int):
            return Refused(entry or refusal_of(RecipientKind.UNKNOWN))
        return Found(Recipient(argument, f"{match.key}@{OURS}", 1, entry, entry, match.tag))


@dataclass
class Running:
    """A server that runs in a thread of this process."""

    port: int
    spool: MemorySpool
    directory: TableDirectory
    service: Service | None = None
    drain: Callable[[], None] = field(default=lambda: None)

    def session(self, **options: Any) -> RawSession:
        """A new connection to it."""
        return RawSession(self.port, **options)


@contextmanager
def receiving(limits: Limits | None = None, *, processes_share: Door | None = None, **parts: Any) -> Iterator[Running]:
    """Our server. `parts` replace fields of its Service (`tls`, `proxy_networks`, `own_hosts`, `directory`, …)."""
    limits = limits or Limits()
    directory = parts.pop("directory", None) or TableDirectory({"jobb.lillestad.se": 1, "postmaster": 2, "abuse": 2})
    spool = parts.pop("spool", None) or MemorySpool()
    door = processes_share or Door(limits, parts.pop("wide_networks", ()))
    service = Service(limits, directory, spool, door, FloodGate(limits.flood_per_minute), HOSTNAME, **parts)
    [listener] = listen("127.0.0.1", 0, 1)
    port = listener.getsockname()[1]
    with _loop_in_thread() as loop:
        server = Server(service)
        asyncio.run_coroutine_threadsafe(server.start(listener), loop).result(PATIENCE_SECONDS)

        def drain() -> None:
            asyncio.run_coroutine_threadsafe(server.drain(), loop).result(limits.drain_seconds + PATIENCE_SECONDS)

        try:
            yield Running(port, spool, directory, service, drain)
        finally:
            service.limits = replace(limits, drain_seconds=0, store_seconds=0)
            drain()


@contextmanager
def _loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.run_until_complete(_cancel_all())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _cancel_all() -> None:
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


class _StockHandler:
    """Takes everything, as aiosmtpd does by default."""

    def __init__(self, spool: MemorySpool, failure: Exception | None) -> None:
        self._spool = spool
        self._failure = failure

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep the mail, or fail with the exception given."""
        if self._failure is not None:
            raise self._failure
        if self._spool.before is not None:
            await self._spool.before()
        self._spool.mails.append(Stored(envelope, bytes(envelope.original_content)))
        return "250 OK"


@contextmanager
def stock_server(failure: Exception | None = None, **options: Any) -> Iterator[Running]:
    """aiosmtpd with its default settings: the control that shows what ours must do better."""
    spool = MemorySpool()
    handler = _StockHandler(spool, failure)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    class _Controller(Controller):
        def factory(self) -> SMTP:
            return SMTP(handler, hostname=HOSTNAME, **options)

    controller = _Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield Running(port, spool, TableDirectory({}))
    finally:
        controller.stop()
