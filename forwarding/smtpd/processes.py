"""Several processes on one port, kept running, stopped together.

The parent holds the listening sockets: connections that wait for a process that has died are served by its successor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

from forwarding.smtpd.door import Door
from forwarding.smtpd.server import Server
from forwarding.smtpd.service import Service

log = logging.getLogger(__name__)

_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_STOPPING = {signal.SIGTERM, signal.SIGINT}
_LOOK_SECONDS = 1.0
_RESTART_SECONDS = 1.0
_KILL_MARGIN_SECONDS = 10.0

MakeService = Callable[[], Service]
"""Makes a process's service, in that process: database connections and threads do not survive a fork."""


class Processes:
    """One process for each listening socket."""

    def __init__(
        self, listeners: Sequence[socket.socket], door: Door, make_service: MakeService, *, stop_seconds: float
    ) -> None:
        """`stop_seconds`: how long a process may take to stop before it is killed."""
        self._listeners = listeners
        self._door = door
        self._make_service = make_service
        self._stop_seconds = stop_seconds
        self._running: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._lifeline, self._parent_end = os.pipe()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; returns when all processes have ended.

        SIGHUP: they read the certificate anew.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._supervise()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _supervise(self) -> None:
        while True:
            self._start_missing()
            received = signal.sigtimedwait(_SIGNALS, _LOOK_SECONDS)
            if received is not None and received.si_signo in _STOPPING:
                break
            if received is not None and received.si_signo == signal.SIGHUP:
                self._send(signal.SIGHUP)
            self._reap()
        self._stop()

    def _start_missing(self) -> None:
        now = time.monotonic()
        missing = set(range(1, len(self._listeners) + 1)) - set(self._running.values())
        for number in sorted(missing):
            # A process that cannot even start must not be started in a tight loop.
            if now - self._started.get(number, float("-inf")) >= _RESTART_SECONDS:
                self._started[number] = now
                self._running[self._fork(number)] = number

    def _fork(self, number: int) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.close(self._parent_end)
            self._close_listeners(but=self._listeners[number - 1])
            self._door.process = number
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            asyncio.run(_serve(self._make_service, self._listeners[number - 1], self._lifeline))
            code = 0
        except Exception:
            log.exception("SMTP process %d ended", number)
        finally:
            # Nothing of the parent's business (exit handlers, buffers) is this process's.
            os._exit(code)

    def _close_listeners(self, but: socket.socket | None = None) -> None:
        """A port is only closed when every process has closed its copies."""
        for listener in self._listeners:
            if listener is not but:
                listener.close()

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number = self._running.pop(pid, None)
            if number is not None:
                self._door.forget(number)
                code = os.waitstatus_to_exitcode(status)
                log.log(logging.WARNING if code else logging.INFO, "SMTP process %d ended with %d", number, code)

    def _stop(self) -> None:
        self._close_listeners()
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_seconds + _KILL_MARGIN_SECONDS
        while self._running and time.monotonic() < deadline:
            self._reap()
            if self._running:
                signal.sigtimedwait({signal.SIGCHLD}, 0.1)
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._running:
            os.kill(pid, number)


async def _serve(make_service: MakeService, listener: socket.socket, lifeline: int) -> None:
    """Serve until a signal, or until the parent is gone: then the other end of `lifeline` is closed."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(lifeline, stop.set)
    service = make_service()
    loop.add_signal_handler(signal.SIGHUP, service.reload_certificate)
    server = Server(service)
    await server.start(listener)
    await stop.wait()
    loop.remove_reader(lifeline)
    await server.drain()
