"""A bound on what a request may carry, before anything else looks at it.

Django's ASGI handler writes a whole body to a temporary file before the session is read: without a bound anybody could
fill the disk (in a container the memory) behind any URL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_TOO_LARGE = b"The request is larger than the service accepts.\n"


class BodyLimit:
    """An ASGI application before another: a request body of more than `octets` is answered 413 (RFC 9110, 15.5.14)."""

    def __init__(self, application: Application, octets: int) -> None:
        self._application = application
        self._octets = octets

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif _announced(scope) > self._octets:
            await _refuse(send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand the body on piece by piece. A chunked body has no announced length: it ends where it is too long."""
        left, answered = self._octets, False

        async def counting() -> Message:
            nonlocal left
            if left < 0:
                return {"type": "http.disconnect"}
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self._application(scope, counting, noting)
        if left < 0 and not answered:
            await _refuse(send)


def _announced(scope: Any) -> int:
    """Content-Length; 0 where there is none. The server has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"%d" % len(_TOO_LARGE)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})
