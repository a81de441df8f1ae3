"""One SMTP connection: its way in, its command loop, its bounds and its end. The commands are in `commands`.

aiosmtpd gives the stream, STARTTLS and the PROXY header. Its command loop is not used: it answers an exception with its
text, cancels the work of a peer that hangs up, and has limits that a peer can raise.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import SMTP, TLSSetupException

from forwarding.smtpd import replies
from forwarding.smtpd.door import peer_address, within
from forwarding.smtpd.envelope import TemporaryFailure, Transaction
from forwarding.smtpd.replies import Reply
from forwarding.smtpd.service import Service
from forwarding.smtpd.watch import Watch

log = logging.getLogger(__name__)

_HTTP_VERBS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"})
_IDLE_VERBS = frozenset({"NOOP", "RSET", "VRFY", "EXPN", "HELP"})
# A line without end is read on for so many octets, to answer it at its end; then the peer is no mail server.
_ENDLESS_LINE_OCTETS = 1_048_576
# A closed session is read on for so many octets, so that the kernel does not drop the last reply (see `end`).
_LINGER_OCTETS = 4_194_304


class SessionEnded(Exception):
    """The session has had its last reply."""


class _NoHooks:
    """aiosmtpd looks for hooks here; the commands themselves are overridden instead."""


class Connection(SMTP):
    """The protocol without its commands. `peer` is the sender's (address, port), also behind a proxy; the address as
    `peer_address` writes it."""

    line_length_limit = 65_536  # aiosmtpd's name for the limit of its StreamReader: twice this is buffered at most

    _transaction: Transaction | None = None
    _refused: tuple[Reply, Transaction] | None = None
    """A message whose MAIL was refused, until its sender begins another."""
    _spoken_for: dict[str, str | None]
    """The attributes of XFORWARD."""
    _helo = ""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._limits = service.limits
        self._watch = Watch(loop, self.end)
        self._ended = False
        self._lingered = 0
        self.peer = ("", 0)
        self._slot: int | None = None
        self._waiting_for_command = False
        self._session_deadline = loop.time() + self._limits.session_seconds
        self._commands = self._idle_commands = self._errors = self._unknown = self._unknown_commands = 0
        super().__init__(
            _NoHooks(),
            data_size_limit=self._limits.message_octets,
            enable_SMTPUTF8=True,
            hostname=service.hostname,
            tls_context=service.tls,
            loop=loop,
        )

    # --- What aiosmtpd calls ---------------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Put our watch where aiosmtpd keeps its own timer, which knows only one time for everything."""
        self._timeout_handle = cast(asyncio.TimerHandle, self._watch)

    def data_received(self, data: bytes) -> None:
        """Drop what comes after the last reply."""
        if not self._ended:
            super().data_received(data)
            return
        self._lingered += len(data)
        if self._lingered > _LINGER_OCTETS and self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for another connection."""
        if self._slot is not None:
            self._service.door.leave(self._slot)
            self._slot = None
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """Let a peer that has sent all it wanted still get its replies; aiosmtpd would cancel the session."""
        if self._ended or self._tls_protocol is not None:
            return False
        return asyncio.StreamReaderProtocol.eof_received(self)

    async def push(self, status: Any) -> None:
        """Send one reply line, given without line end."""
        await self._send(status if isinstance(status, bytes) else status.encode("ascii"))

    async def handle_exception(self, error: Exception) -> str:
        """The reply to any error of ours: temporary, and without a word about it."""
        if isinstance(error, TemporaryFailure):
            log.warning("temporary failure: %s", error)
        else:
            log.error("internal error in an SMTP session", exc_info=error)
        return replies.TEMPORARY_FAILURE.line

    async def _handle_client(self) -> None:
        self._service.sessions.add(self)
        try:
            await self._enter()
            while True:
                await self._serve_command()
        except (SessionEnded, TLSSetupException):
            pass
        except Exception:
            log.exception("an SMTP session ended by an internal error")
        finally:
            self._service.sessions.discard(self)
            self.end(None)

    # --- The way in ------------------------------------------------------------------------------------------------

    async def _enter(self) -> None:
        self._watch.wait(self._limits.command_seconds, replies.TIMEOUT)
        if self._service.draining:
            await self.say(replies.SHUTTING_DOWN)
        if self.transport is None:
            raise SessionEnded
        self._set_peer(*self.transport.get_extra_info("peername")[:2])
        await self._read_proxy_header()
        if self._service.has_descriptor(self.transport.get_extra_info("socket").fileno()):
            self._slot = self._service.door.enter(self.peer[0])
        if self._slot is None:
            log.warning("connection refused: too many")
            await self.say(replies.TOO_MANY_CONNECTIONS)
        await self._send(f"220 {self.hostname} ESMTP".encode("ascii"))

    def _set_peer(self, address: str, port: int) -> None:
        self.peer = (str(peer_address(address)), port)

    def _may_speak_for_others(self) -> bool:
        return within(peer_address(self.peer[0]), self._service.xforward_networks)

    async def _read_proxy_header(self) -> None:
        """Take the sender's address from a trusted proxy. A header from anybody else is an unknown command."""
        if not within(peer_address(self.peer[0]), self._service.proxy_networks):
            return
        self._watch.wait(self._limits.proxy_seconds, replies.TIMEOUT)
        try:
            proxy = await get_proxy(self._reader)
        except (ValueError, IndexError, EOFError, OSError, asyncio.LimitOverrunError) as error:
            raise SessionEnded from error
        if not proxy.valid:
            raise SessionEnded
        if proxy.src_addr is not None and proxy.src_port is not None:
            self._set_peer(str(proxy.src_addr), proxy.src_port)
        self._watch.wait(self._limits.command_seconds, replies.TIMEOUT)

    # --- One command -----------------------------------------------------------------------------------------------

    async def _serve_command(self) -> None:
        line = await self._read_line()
        if line is None:
            await self.say(replies.LINE_TOO_LONG)
            return
        verb, argument = _split(line)
        if len(line) > self._longest(verb):
            await self.say(replies.LINE_TOO_LONG)
            return
        await self._check_counts(verb)
        method = self._smtp_methods.get(verb)
        if method is None:
            await self._refuse_verb(verb)
            return
        try:
            await method(argument)
        except (SessionEnded, TLSSetupException):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the peer may retry; it is logged)
            await self.push(await self.handle_exception(error))

    async def _read_line(self) -> bytes | None:
        """The next command line without its end (CRLF, or a bare LF as some senders write); None when too long."""
        left = self._session_deadline - self.loop.time()
        if self._service.draining and self._transaction is None:
            await self.say(replies.SHUTTING_DOWN)
        if left <= 0:
            await self.say(replies.SESSION_TOO_LONG)
        if left < self._limits.command_seconds:
            self._watch.wait(left, replies.SESSION_TOO_LONG)
        else:
            self._watch.wait(self._limits.command_seconds, replies.TIMEOUT)
        self._waiting_for_command = True
        try:
            line = await self._reader.readuntil(b"\n")
            if not line.endswith(b"\r\n"):
                self._service.bare_newlines += 1
            return line.rstrip(b"\r\n")
        except asyncio.LimitOverrunError:
            await self._skip_line()
            return None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise SessionEnded from error
        finally:
            self._waiting_for_command = False

    async def _skip_line(self) -> None:
        """Read on to the end of a line that is too long."""
        skipped = 0
        while skipped < _ENDLESS_LINE_OCTETS:
            try:
                await self._reader.readuntil(b"\n")
                return
            except asyncio.LimitOverrunError as overrun:
                skipped += len(await self._reader.read(overrun.consumed))
        await self.say(replies.ENDLESS_LINE)

    def _longest(self, verb: str) -> int:
        return self._limits.command_octets + (self._limits.mail_parameter_octets if verb == "MAIL" else 0)

    async def _check_counts(self, verb: str) -> None:
        self._commands += 1
        self._idle_commands += verb in _IDLE_VERBS
        if self._commands > self._limits.commands or self._idle_commands > self._limits.noops:
            await self.say(replies.TOO_MANY_COMMANDS)

    async def _refuse_verb(self, verb: str) -> None:
        if verb in _HTTP_VERBS:
            await self.say(replies.NOT_A_WEB_SERVER)
        self._unknown_commands += 1
        last = self._unknown_commands >= self._limits.unknown_commands
        await self.say(replies.TOO_MANY_UNKNOWN_COMMANDS if last else replies.UNKNOWN_COMMAND)

    def message_accepted(self) -> None:
        """A session that delivers mail may go on: only errors are counted over its whole life."""
        self._commands = self._idle_commands = 0

    # --- Replies and the end ---------------------------------------------------------------------------------------

    async def say(self, reply: Reply) -> None:
        """Send a reply. Raises SessionEnded after one that closes, and after too many refusals."""
        reply = self._or_end_of_patience(reply)
        if reply.closes:
            self.end(reply)
            raise SessionEnded
        await self._send(reply.line.encode("ascii"))

    def end(self, reply: Reply | None) -> None:
        """Close the connection, with a last reply or without. Nothing is sent after this.

        Closing a socket with octets unread resets the connection, and the peer may never see the reply: then only our
        direction is closed, and what comes is dropped, for a while.
        """
        if self._ended:
            return
        self._ended = True
        self._watch.cancel()
        if self.transport is None:
            return
        transport = cast(asyncio.Transport, self.transport)
        if reply is not None and not transport.is_closing():
            transport.write(reply.line.encode("ascii") + b"\r\n")
        if reply is not None and self._has_read_ahead() and transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()
        # A peer that does not read its last reply would keep the connection open for ever.
        self.loop.call_later(self._limits.linger_seconds, transport.abort)

    def drain(self) -> None:
        """The server stops: end now if the peer has nothing under way."""
        if self._waiting_for_command and self._transaction is None:
            self.end(replies.SHUTTING_DOWN)

    def shut(self) -> None:
        """The server has waited long enough."""
        self.end(replies.SHUTTING_DOWN)

    # asyncio.StreamReader has no public way to look at its buffer or to give octets back.

    def _has_read_ahead(self) -> bool:
        return bool(self._reader._buffer)  # type: ignore[attr-defined]  # not public

    def _unread(self, octets: bytes) -> None:
        self._reader._buffer[:0] = octets  # type: ignore[attr-defined]  # not public

    async def _send(self, line: bytes) -> None:
        if self._ended:
            raise SessionEnded
        self._writer.write(line + b"\r\n")
        try:
            await self._writer.drain()
        except OSError as error:
            raise SessionEnded from error

    def _or_end_of_patience(self, reply: Reply) -> Reply:
        if reply.code < 500:
            return reply
        self._errors += 1
        self._unknown += reply.code == 550
        if self._unknown > self._limits.unknown_recipients:
            return replies.TOO_MANY_UNKNOWN
        if self._errors > self._limits.errors:
            return replies.TOO_MANY_ERRORS
        return reply


def _split(line: bytes) -> tuple[str, str | None]:
    """The verb in upper case and its argument; octets that are no UTF-8 become lone surrogates."""
    verb, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
    return verb.upper(), argument.strip(" \t") or None
