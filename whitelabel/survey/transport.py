"""Asking many servers at once: UDP with a pool of random ports, TCP on truncation, retries, politeness.

`Transport.ask` takes a batch of questions and returns one `Reply` per question; it never raises for what a
server does. Unchanged replies skip the decoder: a reply that equals an earlier one to the same question octet for octet
(but for ID and case), from whichever server, is answered from memory.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Protocol

import dns.exception

from whitelabel.survey import wire
from whitelabel.survey.limits import REMEMBERED_REPLIES, REMEMBERED_VARIANTS, Memory, remember
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.values import Outcome, Question, Reply, Server

RECEIVE_OCTETS = 65_535
_Expiring = deque[tuple[float, "_Pending", int]]
"""(loop time, question, message ID of the try) in the order of sending; every try in one queue has the same patience."""
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
Accept = Callable[[Reply], bool]


class Ask(NamedTuple):
    """One question to one server; `flags` are `wire.FLAGS_AUTHORITATIVE`, `_RECURSIVE` or `_UNCHECKED`."""

    server: Server
    question: Question
    flags: int = wire.FLAGS_AUTHORITATIVE


class Asker(Protocol):
    """Whatever carries questions to servers."""

    @property
    def settings(self) -> SurveySettings:
        """The limits it works within."""

    async def ask(self, asks: Sequence[Ask], *, deadline: float, accept: Accept | None = None) -> list[Reply]:
        """See `Transport.ask`."""


class _Socket:
    """One bound UDP socket on a random port and the queries that wait on it."""

    __slots__ = ("sent", "udp", "waiting")

    def __init__(self, family: int) -> None:
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        self.waiting: dict[int, _Pending] = {}
        self.sent = 0


class _Batch:
    """The questions of one call of `ask` and what came back."""

    def __init__(self, count: int, future: asyncio.Future[None], accept: Accept | None) -> None:
        self.replies: list[Reply | None] = [None] * count
        self.missing = count
        self.future = future
        self.accept = accept

    def deliver(self, position: int, reply: Reply) -> None:
        self.replies[position] = reply
        self.missing -= 1
        if self.missing == 0 or (self.accept is not None and self.accept(reply)):
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_result(None)


class _Pending:
    """One question under way."""

    __slots__ = (
        "ask",
        "batch",
        "edns",
        "handle",
        "key",
        "message_id",
        "mixed_case",
        "position",
        "question",
        "reason",
        "socket",
        "tries",
    )

    def __init__(self, ask: Ask, batch: _Batch, position: int) -> None:
        self.ask = ask
        self.key = ask.server.key
        self.batch = batch
        self.position = position
        self.tries = 0
        self.edns = True
        self.mixed_case = True
        self.reason = ""
        self.question = b""
        self.message_id = -1
        self.socket: _Socket | None = None
        self.handle: asyncio.TimerHandle | None = None

    def awaits(self, message_id: int) -> bool:
        """Whether the try with that ID is still the one whose answer is waited for."""
        return self.socket is not None and self.message_id == message_id


class Transport:
    """Use as `async with Transport(settings, memory) as transport`; belongs to one event loop."""

    def __init__(self, settings: SurveySettings, memory: Memory) -> None:
        self.settings = settings
        self.memory = memory
        self.queries = 0
        self._sockets: dict[int, list[_Socket]] = {socket.AF_INET: [], socket.AF_INET6: []}
        self._queue: deque[_Pending] = deque()
        self._expiring: dict[float, _Expiring] = {patience: deque() for patience in settings.try_seconds}
        self._clock: asyncio.TimerHandle | None = None
        self._in_flight: set[_Pending] = set()
        self._tcp: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Transport:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._clock is not None:
            self._clock.cancel()
        for task in self._tcp:
            task.cancel()
        await asyncio.gather(*self._tcp, return_exceptions=True)
        for pool in self._sockets.values():
            while pool:
                self._close(pool.pop())

    async def ask(self, asks: Sequence[Ask], *, deadline: float, accept: Accept | None = None) -> list[Reply]:
        """One reply per ask, in order. `deadline` is on the loop's clock; `accept` ends the wait at the first reply
        it is true for. Whatever has not come by then is a timeout."""
        if not asks:
            return []
        batch = _Batch(len(asks), self._loop.create_future(), accept)
        pending = [_Pending(ask, batch, position) for position, ask in enumerate(asks)]
        for one in pending:
            self._admit(one)
        end = self._loop.call_at(deadline, batch.end)  # the unanswered questions are reported as timeouts below
        try:
            await batch.future
        finally:
            end.cancel()
            for one in pending:
                if batch.replies[one.position] is None:
                    self._forget(one)
        return [reply or Reply(Outcome.TIMEOUT, reason="deadline") for reply in batch.replies]

    # --- sending ---------------------------------------------------------------------------------------------

    def _admit(self, one: _Pending) -> None:
        if len(self._in_flight) >= self.settings.in_flight:
            self._queue.append(one)
            return
        self._in_flight.add(one)
        now = time.monotonic()
        if self.memory.breaker.open(one.key, now):
            self._finish(one, Reply(Outcome.TIMEOUT, reason="circuit open"))
            return
        wait = 0.0 if one.ask.flags else self.memory.buckets.reserve(one.key, now)
        if wait:
            one.handle = self._loop.call_later(wait, self._send, one)
        else:
            self._send(one)

    def _send(self, one: _Pending) -> None:
        """Send the next try, or give up when all were used."""
        self._release(one)
        if one.tries >= len(self.settings.try_seconds):
            self.memory.breaker.failed(one.key, time.monotonic())
            self._finish(one, Reply(Outcome.TIMEOUT, reason=one.reason or "no answer"))
            return
        try:
            self._transmit(one)
        except (dns.exception.DNSException, UnicodeError):
            self._finish(one, Reply(Outcome.ERROR, reason="name"))
        except BlockingIOError:
            self._wait_for_answer(one)  # the send buffer is full: as good as lost, the next try follows
        except OSError as error:
            outcome = Outcome.NOT_TESTED if error.errno in NO_ROUTE else Outcome.ERROR
            self._finish(one, Reply(outcome, reason=errno.errorcode.get(error.errno or 0, "network")))

    def _transmit(self, one: _Pending) -> None:
        used = self._socket(socket.AF_INET6 if ":" in one.ask.server.address else socket.AF_INET)
        message_id = wire.random_id()
        while message_id in used.waiting:
            message_id = wire.random_id()
        query = wire.prepare(one.ask.question, one.ask.flags)
        data, one.question = query.encode(message_id, mixed_case=one.mixed_case, edns=one.edns)
        one.socket, one.message_id = used, message_id
        used.waiting[message_id] = one
        used.sent += 1
        self.queries += 1
        used.udp.sendto(data, one.key)
        self._wait_for_answer(one)

    def _wait_for_answer(self, one: _Pending) -> None:
        patience = self.settings.try_seconds[one.tries]
        one.tries += 1
        when = self._loop.time() + patience
        self._expiring[patience].append((when, one, one.message_id))
        if self._clock is None:
            self._clock = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        """Send the questions again whose tries have run out, and wake for the next: one timer serves all of them."""
        now = self._loop.time()
        for queue in self._expiring.values():
            while queue and (queue[0][0] <= now or not queue[0][1].awaits(queue[0][2])):
                _when, one, message_id = queue.popleft()
                if one.awaits(message_id):
                    self._send(one)
        following = min((queue[0][0] for queue in self._expiring.values() if queue), default=None)
        self._clock = None if following is None else self._loop.call_at(following, self._expire)

    def _socket(self, family: int) -> _Socket:
        """A random socket of the pool; sockets that sent enough are replaced, so ports keep changing."""
        pool = self._sockets[family]
        if len(pool) < self.settings.sockets_per_family:
            opened = _Socket(family)
            try:
                opened.udp.bind(("", 0))
            except OSError:
                opened.udp.close()
                raise
            self._loop.add_reader(opened.udp, self._readable, opened)
            pool.append(opened)
            return opened
        position = wire.random_choice(len(pool))
        chosen = pool[position]
        if chosen.sent >= self.settings.queries_per_socket and not chosen.waiting:
            self._close(pool.pop(position))
            return self._socket(family)
        return chosen

    def _close(self, used: _Socket) -> None:
        self._loop.remove_reader(used.udp)
        used.udp.close()

    # --- receiving -------------------------------------------------------------------------------------------

    def _readable(self, used: _Socket) -> None:
        while True:
            try:
                data, sender = used.udp.recvfrom(RECEIVE_OCTETS)
            except OSError:
                return  # nothing more to read, or answering the last reply has closed this socket
            if len(data) >= wire.HEADER_OCTETS:
                one = used.waiting.get(int.from_bytes(data[:2]))
                if one is not None and sender[:2] == one.key:
                    self._received(one, data)

    def _received(self, one: _Pending, data: bytes) -> None:
        """Act on a datagram with the right ID from the right address; anything wrong is ignored (CVE-2023-29483)."""
        if wire.rejects_edns(data) and one.edns and data[4:6] in (b"\0\0", b"\0\1"):
            one.edns = False
            self._again(one)
            return
        repeated = data[wire.HEADER_OCTETS : wire.HEADER_OCTETS + len(one.question)]
        if repeated != one.question:
            if one.mixed_case and repeated.lower() == one.question.lower():
                one.mixed_case = False  # this server does not keep the case: ask once more in lower case
                self._again(one)
            return
        if wire.is_truncated(data):
            self._release(one)
            task = self._loop.create_task(self._over_tcp(one))
            self._tcp.add(task)
            task.add_done_callback(self._tcp.discard)
            return
        try:
            self._finish(one, self._read(one, data))
        except wire.Malformed:
            one.reason = "malformed"

    def _again(self, one: _Pending) -> None:
        one.tries = max(0, one.tries - 1)
        self._send(one)

    def _read(self, one: _Pending, data: bytes) -> Reply:
        key = (one.ask.question, one.ask.flags)
        octets = wire.comparable(data, one.question)
        known = self.memory.last_replies.get(key, ())
        for seen, meaning in known:
            if seen == octets:
                return meaning
        reply = wire.read_reply(data, authoritative=not one.ask.flags, max_records=self.settings.max_records)
        reply = next((meaning for _octets, meaning in known if meaning == reply), reply)
        variants = ((octets, reply), *known)[:REMEMBERED_VARIANTS]
        remember(self.memory.last_replies, key, variants, REMEMBERED_REPLIES)
        return reply

    def _finish(self, one: _Pending, reply: Reply) -> None:
        if one not in self._in_flight:
            return
        if reply.outcome is not Outcome.TIMEOUT:
            self.memory.breaker.answered(one.key)
        if self._retries_servfail(one, reply):
            self._send(one)
            return
        self._forget(one)
        one.batch.deliver(one.position, reply)

    def _retries_servfail(self, one: _Pending, reply: Reply) -> bool:
        """A server failure is asked once more while tries are left: it often is passing."""
        return reply.outcome is Outcome.SERVFAIL and one.tries < len(self.settings.try_seconds)

    def _release(self, one: _Pending) -> None:
        """Stop waiting for a datagram or a timer."""
        if one.handle is not None:
            one.handle.cancel()
            one.handle = None
        if one.socket is not None:
            one.socket.waiting.pop(one.message_id, None)
            one.socket = None

    def _forget(self, one: _Pending) -> None:
        """The question is over (answered, given up or cancelled): its place goes to the next in the queue."""
        self._release(one)
        if one in self._in_flight:
            self._in_flight.discard(one)
            while self._queue and len(self._in_flight) < self.settings.in_flight:
                following = self._queue.popleft()
                if not following.batch.future.done():
                    self._admit(following)

    # --- TCP -------------------------------------------------------------------------------------------------

    async def _over_tcp(self, one: _Pending) -> None:
        try:
            async with asyncio.timeout(self.settings.tcp_seconds):
                reply = await self._tcp_exchange(one)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, wire.Malformed) as error:
            reply = Reply(Outcome.TCP_FAILED, reason=type(error).__name__)
        self._finish(one, reply)

    async def _tcp_exchange(self, one: _Pending) -> Reply:
        """Ask over TCP (RFC 7766); reading stops before an answer longer than `max_octets`."""
        message_id = wire.random_id()
        query = wire.prepare(one.ask.question, one.ask.flags)
        data, question = query.encode(message_id, mixed_case=one.mixed_case, edns=one.edns)
        reader, writer = await asyncio.open_connection(*one.ask.server.key)
        self.queries += 1
        try:
            writer.write(struct.pack("!H", len(data)) + data)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            if not wire.HEADER_OCTETS < length <= self.settings.max_octets:
                raise wire.Malformed("length")
            answer = await reader.readexactly(length)
        finally:
            writer.close()
        repeated = answer[wire.HEADER_OCTETS : wire.HEADER_OCTETS + len(question)]
        if answer[:2] != data[:2] or repeated.lower() != question.lower():
            raise wire.Malformed("question")
        limit = self.settings.max_records
        return wire.read_reply(answer, authoritative=not one.ask.flags, max_records=limit, over_tcp=True)


def in_zone(reply: Reply, zone: str) -> Reply:
    """A referral that does not lead below `zone` means the server does not serve it: upward or sideways is lame."""
    if reply.outcome is Outcome.REFERRAL and not (zone == "." or reply.cut.endswith(f".{zone}")):
        return replace(reply, outcome=Outcome.LAME, reason="upward referral")
    return reply
