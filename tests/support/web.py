"""The application behind a real server in this process, for what the test client cannot do: streams and browsers."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvicorn

from conversations.live import LISTEN_SECONDS

START_SECONDS = 20.0
STOP_SECONDS = 10.0


@contextmanager
def serving() -> Iterator[str]:
    """Serve `kundomail.asgi` on a free port of loopback; yields its address. Needs a test with real transactions."""
    from kundomail.asgi import application

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise TimeoutError("the web server did not start")
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            # An open page's event stream would be waited for: what a test still has running ends with the server.
            server.should_exit = server.force_exit = True
            thread.join(STOP_SECONDS)


def wait_until_nobody_listens() -> None:
    """Return when the thread that feeds live pages has ended: its connection would keep the test's database in use."""
    deadline = time.monotonic() + LISTEN_SECONDS + STOP_SECONDS
    while any(thread.name == "live-hints" for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            raise TimeoutError("somebody still listens for live hints")
        time.sleep(0.05)


@dataclass
class EventStream:
    """A stream of server-sent events, read line by line."""

    url: str
    cookie: str = ""
    timeout: float = 10.0
    response: http.client.HTTPResponse = field(init=False)

    def __enter__(self) -> EventStream:
        address = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(address.netloc, timeout=self.timeout)
        self._connection.request("GET", address.path, headers={"Cookie": self.cookie})
        self.response = self._connection.getresponse()
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def line(self) -> str:
        """The next line that is not empty; "" at the end. Raises TimeoutError when none comes."""
        while raw := self.response.readline():
            if raw.strip():
                return raw.decode().strip()
        return ""

    def event(self) -> tuple[str, str]:
        """Name and data of the next event; comments are passed over. ("", "") at the end."""
        name = ""
        while line := self.line():
            key, _colon, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                return name, value
        return "", ""
