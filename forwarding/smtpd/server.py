"""One process that listens, and how it stops."""

from __future__ import annotations

import asyncio
import logging
import socket

from forwarding.smtpd.commands import ReceivingSMTP
from forwarding.smtpd.service import Service

log = logging.getLogger(__name__)

_BACKLOG = 511
# asyncio accepts this many connections before it lets the first of them speak; a refused one must be closed before
# the next are accepted, or the descriptors kept in reserve are used up by a burst.
_ACCEPTED_AT_ONCE = 16
_LAST_REPLY_SECONDS = 1.0


class Server:
    """Serves one listening socket until `drain`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve `listener`, a bound TCP socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: ReceivingSMTP(self.service, loop), sock=listener, backlog=_ACCEPTED_AT_ONCE
        )
        listener.listen(_BACKLOG)

    async def drain(self) -> None:
        """Stop listening; quiet sessions end now, others after their message, all after `drain_seconds` (421 4.3.2)."""
        self.service.draining = True
        if self._server is not None:
            self._server.close()
        for session in tuple(self.service.sessions):
            session.drain()
        await self._until_empty(self.service.limits.drain_seconds)
        for session in tuple(self.service.sessions):
            session.shut()
        await self._until_empty(_LAST_REPLY_SECONDS)
        await self.service.finish_storing(self.service.limits.store_seconds)
        await asyncio.to_thread(self.service.refusals.close)

    async def _until_empty(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.service.sessions and loop.time() < deadline:
            await asyncio.sleep(0.05)


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind `count` sockets to one address, for as many processes; the kernel spreads connections over them.

    `port` 0 takes a free one. Raises OSError when somebody else listens there, also when that is a server like this:
    SO_REUSEPORT alone would quietly share the port with it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = probe.getsockname()[1]
    return [_bound(family, host, port) for _ in range(count)]


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.setblocking(False)
    listener.listen(_BACKLOG)
    return listener
