"""The commands of the server (RFC 5321 section 4.1, RFC 1870, 3207, 6152, 6531)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from forwarding.smtpd import replies
from forwarding.smtpd.body import Body
from forwarding.smtpd.connection import Connection, SessionEnded
from forwarding.smtpd.envelope import Envelope, Found, Recipient, Refusal, Resolution, TemporaryFailure, Transaction
from forwarding.smtpd.forwarded import OFFERED, Client, read_attributes, spoken_for
from forwarding.smtpd.paths import ForbiddenCharacter, Path, PathSyntaxError, read_path, readable, refuse_forbidden
from forwarding.smtpd.reception import EndlessData, Reception, SlowData
from forwarding.smtpd.replies import Reply
from forwarding.smtpd.tls import described
from forwarding.smtpd.trace import read_trace

_BODY_TYPES = frozenset({"7BIT", "8BITMIME"})
_HELO_CHARACTERS = 255


class ReceivingSMTP(Connection):
    """The server's side of one connection."""

    def _set_rset_state(self) -> None:
        """Called by aiosmtpd at the beginning and after STARTTLS (RFC 3207 section 4.2: forget all)."""
        self._forget_message()
        self._helo = ""

    # --- Greeting --------------------------------------------------------------------------------------------------

    async def smtp_HELO(self, hostname: str | None) -> None:
        """Begin, without extensions."""
        if await self._greeted(hostname):
            await self.push(f"250 {self.hostname}")

    async def smtp_EHLO(self, hostname: str | None) -> None:
        """Begin, and name the extensions. No DSN, CHUNKING or AUTH."""
        if not await self._greeted(hostname):
            return
        extensions = [f"SIZE {self._limits.message_octets}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
        if self._service.tls is not None and self._tls_protocol is None:
            extensions.append("STARTTLS")
        if self._may_speak_for_others():
            extensions.append(OFFERED)
        lines = [self.hostname, *extensions]
        await self.push("".join(f"250-{line}\r\n" for line in lines) + "250 ENHANCEDSTATUSCODES")

    async def _greeted(self, hostname: str | None) -> bool:
        if not hostname:
            await self.say(replies.SYNTAX)
            return False
        self._set_rset_state()
        self._helo = "".join(c if c.isprintable() else "?" for c in hostname[:_HELO_CHARACTERS])
        return True

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """Turn encryption on, once."""
        if arg:
            await self.say(replies.SYNTAX)
        elif self._tls_protocol is not None:
            await self.say(replies.TLS_ALREADY)
        elif self._service.tls is None:
            await self.say(replies.TLS_UNAVAILABLE)
        else:
            await super().smtp_STARTTLS("")

    async def smtp_XFORWARD(self, arg: str | None) -> None:
        """Learn whom a trusted server speaks for, until the end of the next message. To anybody else: no such command."""
        if not self._may_speak_for_others():
            await self._refuse_verb("XFORWARD")
        elif self._transaction is not None:
            await self.say(replies.NESTED_MAIL)
        else:
            await self.say(self._learn_client(arg))

    def _learn_client(self, arg: str | None) -> Reply:
        try:
            attributes = self._spoken_for | read_attributes(arg)
            spoken_for(self._own_client(), attributes)
        except ValueError:
            return replies.SYNTAX
        self._spoken_for = attributes
        return replies.OK

    def _own_client(self) -> Client:
        return Client(*self.peer, self._helo)

    # --- Envelope --------------------------------------------------------------------------------------------------

    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message."""
        if not self._helo:
            await self.say(replies.HELLO_FIRST)
        elif self._transaction is not None:
            await self.say(replies.NESTED_MAIL)
        else:
            await self.say(self._begin(arg))

    def _begin(self, arg: str | None) -> Reply:
        self._refused = None
        try:
            path = read_path(arg, "FROM:")
            sender = readable(path.argument)
            refuse_forbidden(sender, spaces=True)
        except PathSyntaxError:
            return replies.SYNTAX
        except ForbiddenCharacter:
            return replies.MALFORMED_ADDRESS
        refusal = self._refuse_parameters(path)
        if refusal is None and not self._service.has_disk(self.loop.time()):
            refusal = replies.DISK_FULL
        options = tuple(name if value is None else f"{name}={value}" for name, value in path.parameters.items())
        client = spoken_for(self._own_client(), self._spoken_for)
        transaction = Transaction(sender, options, "SMTPUTF8" in path.parameters, client)
        if refusal is not None:
            self._refused = (refusal, transaction)
            return refusal
        self._transaction = transaction
        return replies.SENDER_OK

    def _refuse_parameters(self, path: Path) -> Reply | None:
        for name, value in path.parameters.items():
            if name == "SIZE":
                if value is None or not (value.isascii() and value.isdigit()):
                    return replies.SYNTAX
                if int(value) > self._limits.message_octets:
                    return replies.MESSAGE_TOO_LARGE
            elif name == "BODY":
                if value is None or value.upper() not in _BODY_TYPES:
                    return replies.SYNTAX
            elif name != "SMTPUTF8":
                return replies.UNKNOWN_PARAMETER
            elif value is not None:
                return replies.SYNTAX
        return None

    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient to the message."""
        if self._transaction is None and self._refused is None:
            await self.say(replies.MAIL_FIRST)
            return
        try:
            path = read_path(arg, "TO:")
            refuse_forbidden(path.argument)
        except PathSyntaxError:
            await self.say(replies.SYNTAX)
        except ForbiddenCharacter:
            await self.say(replies.MALFORMED_ADDRESS)
        else:
            transaction = self._transaction
            await self.say(await (self._add_recipient(transaction, path) if transaction else self._refuse_late(path)))

    async def _refuse_late(self, path: Path) -> Reply:
        """MAIL was refused, and a peer that pipelines names the recipient all the same: they may ask about that mail."""
        if self._refused is not None:
            reply, transaction = self._refused
            resolution = await self._resolved(path, transaction)
            if resolution.recipient is not None:
                self._note(reply, transaction, [resolution.recipient])
        return replies.MAIL_FIRST

    async def _resolved(self, path: Path, transaction: Transaction) -> Resolution:
        async with asyncio.timeout(self._limits.resolve_seconds):
            return await self._service.directory.resolve(path.argument, transaction.smtputf8)

    async def _add_recipient(self, transaction: Transaction, path: Path) -> Reply:
        if path.parameters:
            return replies.UNKNOWN_PARAMETER
        if not path.argument:
            return replies.NO_ADDRESS
        if len(transaction.recipients) >= self._limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        resolution = await self._resolved(path, transaction)
        if not isinstance(resolution, Found):
            if resolution.recipient is not None:
                self._note(resolution.reply, transaction, [resolution.recipient])
            return resolution.reply
        recipient = resolution.recipient
        if recipient.inbox_id is not None and not self._service.flood.admit(recipient.inbox_id):
            self._note(replies.FLOOD, transaction, [recipient])
            return replies.FLOOD
        transaction.recipients.append(recipient)
        return replies.RECIPIENT_OK

    async def smtp_RSET(self, arg: str | None) -> None:
        """Forget the message under way."""
        self._forget_message()
        await self.say(replies.OK)

    # --- Message ---------------------------------------------------------------------------------------------------

    async def smtp_DATA(self, arg: str | None) -> None:
        """Receive the message and answer for it only when it is stored."""
        transaction = self._transaction
        if transaction is None:
            await self.say(replies.MAIL_FIRST)
        elif not transaction.recipients:
            await self.say(replies.RECIPIENT_FIRST)
        elif arg:
            await self.say(replies.SYNTAX)
        elif self._has_read_ahead():
            # The peer sends its message whatever we answer: what follows cannot be told from commands.
            await self.say(replies.DATA_TOO_EARLY)
        else:
            await self.say(replies.SEND_DATA)
            reply = await self._receive_message(transaction)
            if reply is not replies.ACCEPTED:
                self._note(reply, transaction, transaction.recipients)
            self._forget_message()
            await self.say(reply)

    def _forget_message(self) -> None:
        self._transaction = None
        self._refused = None
        self._spoken_for = {}

    async def _receive_message(self, transaction: Transaction) -> Reply:
        try:
            body = await self._read_body(transaction)
            if body is None:
                return replies.MESSAGE_TOO_LARGE
            return await self._judge(transaction, body)
        except SessionEnded:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the peer may retry; it is logged)
            return Reply(await self.handle_exception(error))

    async def _read_body(self, transaction: Transaction) -> Body | None:
        """Read to the end of data; None for a message above the limit, which is read but not kept."""
        reception = Reception(self._limits, began=self.loop.time(), directory=self._service.temporary_directory)
        try:
            while reception.rest is None:
                self._watch.wait(self._limits.data_idle_seconds, replies.TIMEOUT)
                await self._take(reception, await self._read_chunk(), transaction)
            self._unread(reception.rest)
            return None if reception.too_large else await reception.finish()
        except BaseException:
            reception.discard()
            raise

    async def _read_chunk(self) -> bytes:
        try:
            chunk = await self._reader.read(self._limits.read_octets)
        except OSError as error:
            raise SessionEnded from error
        if not chunk:
            raise SessionEnded("the peer hung up inside DATA")
        return chunk

    async def _take(self, reception: Reception, chunk: bytes, transaction: Transaction) -> None:
        try:
            await reception.take(chunk, now=self.loop.time())
        except EndlessData:
            self._note(replies.ENDLESS_DATA, transaction, transaction.recipients)
            await self.say(replies.ENDLESS_DATA)
        except SlowData:
            await self.say(replies.TOO_SLOW)

    async def _judge(self, transaction: Transaction, body: Body) -> Reply:
        trace = read_trace(body.head(self._limits.trace_octets), self._service.own_hosts)
        if trace.received > self._limits.received_lines or trace.own >= self._limits.own_received_lines:
            body.close()
            return replies.LOOP
        self._watch.wait(self._limits.store_seconds + self._limits.command_seconds, replies.TIMEOUT)
        # Not awaited itself: a peer that hangs up now, or our patience, does not undo a commit that is on its way.
        storing = self._service.keep(self._store(self._envelope(transaction), body))
        done, _waiting = await asyncio.wait([storing], timeout=self._limits.store_seconds)
        if not done:
            raise TemporaryFailure("the message is not stored yet")
        storing.result()
        self.message_accepted()
        return replies.ACCEPTED

    async def _store(self, envelope: Envelope, body: Body) -> None:
        try:
            await self._service.spool.store(envelope, body)
        finally:
            body.close()

    def _note(self, reply: Reply, transaction: Transaction, recipients: Sequence[Recipient]) -> None:
        """Somebody may ask what became of this mail."""
        self._service.refusals.note(
            Refusal(
                reply=reply,
                recipients=tuple(recipients),
                peer_ip=transaction.client.address,
                helo=transaction.client.helo,
                mail_from=transaction.mail_from,
                at=datetime.now(UTC),
            )
        )

    def _envelope(self, transaction: Transaction) -> Envelope:
        return Envelope(
            peer_ip=transaction.client.address,
            peer_port=transaction.client.port,
            helo=transaction.client.helo,
            tls=described(self.session.ssl if self.session else None),
            mail_from=transaction.mail_from,
            mail_options=transaction.mail_options,
            recipients=tuple(transaction.recipients),
            received_at=datetime.now(UTC),
        )

    # --- The rest --------------------------------------------------------------------------------------------------

    async def smtp_NOOP(self, arg: str | None) -> None:
        """Do nothing."""
        await self.say(replies.OK)

    async def smtp_QUIT(self, arg: str | None) -> None:
        """End."""
        await self.say(replies.BYE)

    async def smtp_HELP(self, arg: str | None) -> None:
        """Point to the standard; a list of commands helps only attackers."""
        await self.say(replies.HELP)

    async def smtp_VRFY(self, arg: str | None) -> None:
        """Tell nothing about addresses (RFC 5321 section 7.3)."""
        await self.say(replies.CANNOT_VERIFY)

    async def smtp_EXPN(self, arg: str | None) -> None:
        """Not offered."""
        await self.say(replies.NOT_OFFERED)

    async def smtp_AUTH(self, arg: str | None) -> None:
        """Never offered on the port for mail from outside."""
        await self.say(replies.NO_AUTHENTICATION if self._tls_protocol is None else replies.NOT_OFFERED)
