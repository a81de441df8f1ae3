"""Starts services in order, restarts the ones that die, and stops them in reverse order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock
from kundomail.local.service import Service, dies_with_parent

READY_POLL_SECONDS = 0.05
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 15.0
STEADY_SECONDS = 30.0
"""A process that lived this long starts over with the first backoff when it dies."""
LOCK_WAIT_SECONDS = 60.0
LINE_MAX_OCTETS = 65536
LAST_LINES_SECONDS = 1.0
"""How long the output of a process that has ended is still read."""

Report = Callable[[str, str], None]
"""Takes the name of a process and one line of text."""


@dataclass
class _Running:
    """What the supervisor knows about one service."""

    service: Service
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    keeper: "asyncio.Task[None] | None" = None


class Supervisor:
    """Owner of a set of processes; use as `async with`, which stops them all on leaving."""

    def __init__(self, report: Report) -> None:
        """Take the function that receives every line the processes write, and the supervisor's own as "up"."""
        self._report = report
        self._running: list[_Running] = []
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def pid(self, name: str) -> int | None:
        """Process number of a service by name, or None while it is not running."""
        for running in self._running:
            if running.service.name == name and running.process and running.process.returncode is None:
                return running.process.pid
        return None

    async def start_all(self, services: Iterable[Service]) -> None:
        """Start services stage by stage; see start()."""
        for _, stage in groupby(sorted(services, key=_stage), key=_stage):
            await asyncio.gather(*(self.start(service) for service in stage))

    async def start(self, service: Service) -> None:
        """Start a service and wait until it is ready; from then on it is restarted whenever it dies.

        Raises LocalError when an essential service dies or is not ready in time. Another one is left to its
        restarts, and the start goes on without it.
        """
        running = _Running(service)
        self._running.append(running)
        running.keeper = asyncio.create_task(self._keep(running))
        waits = {asyncio.create_task(event.wait()) for event in (running.ready, running.failed)} | {running.keeper}
        await asyncio.wait(waits, timeout=service.start_seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits - {running.keeper}:
            wait.cancel()
        if running.keeper.done():
            running.keeper.result()  # Raises what prepare() raised.
        if running.ready.is_set():
            return
        if service.essential:
            raise LocalError(f"{service.name} did not start; its last lines are above.")
        self._report("up", f"{service.name} is not ready; the start goes on without it.")

    async def complete(self, service: Service) -> None:
        """Run a command to its end. Raises LocalError when it fails."""
        running = _Running(service)
        self._running.append(running)
        code = await self._run_once(running)
        self._running.remove(running)
        if code != 0 and not self._stopping.is_set():
            raise LocalError(f"{service.name} failed ({_describe(code)}); its last lines are above.")

    async def stop(self) -> None:
        """Stop everything, the highest stage first, waiting for each stage before the next."""
        self._stopping.set()
        for stage in sorted({running.service.stage for running in self._running}, reverse=True):
            await asyncio.gather(*(self._stop_one(each) for each in self._running if each.service.stage == stage))
        self._running.clear()

    async def _keep(self, running: _Running) -> None:
        """Run one service again and again, waiting longer after each early death."""
        name, backoff = running.service.name, BACKOFF_FIRST_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once(running)
            running.ready.clear()
            running.failed.set()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_SECONDS:
                backoff = BACKOFF_FIRST_SECONDS
            self._report("up", f"{name} ended ({_describe(code)}); starting it again in {backoff:g} s.")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MAX_SECONDS)

    async def _run_once(self, running: _Running) -> int:
        """Start the process, pass its lines on, and give its exit code when it has ended with all its children."""
        # A pipe of our own: asyncio's would make wait() wait for every child that inherited it.
        output, input_of_child = os.pipe()
        passing = asyncio.create_task(self._pass_lines_on(running.service, output))
        try:
            running.process = await self._spawn(running.service, input_of_child)
        finally:
            os.close(input_of_child)
        watching = asyncio.create_task(self._watch_readiness(running, running.process))
        try:
            return await running.process.wait()
        finally:
            watching.cancel()
            _signal_session(running.process.pid, signal.SIGKILL)
            await asyncio.wait({passing}, timeout=LAST_LINES_SECONDS)
            passing.cancel()

    async def _spawn(self, service: Service, output: int) -> asyncio.subprocess.Process:
        lock = await self._take_lock(service)
        try:
            if service.prepare:
                await asyncio.to_thread(service.prepare)
            return await asyncio.create_subprocess_exec(
                *service.command,
                cwd=service.directory,
                env=dict(service.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C must reach only the supervisor, which knows the order.
                preexec_fn=dies_with_parent(service.stop_signal),
                pass_fds=(lock.descriptor,) if lock else (),
                **(service.account.switch() if service.account else {}),
            )
        finally:
            if lock:
                lock.close()

    async def _take_lock(self, service: Service) -> FileLock | None:
        if service.lock is None:
            return None
        lock = FileLock(service.lock)
        await asyncio.to_thread(lock.acquire, LOCK_WAIT_SECONDS)
        return lock

    async def _watch_readiness(self, running: _Running, process: asyncio.subprocess.Process) -> None:
        check = running.service.is_ready
        while process.returncode is None:
            if check is None or await asyncio.to_thread(check):
                running.ready.set()
                return
            await asyncio.sleep(READY_POLL_SECONDS)

    async def _pass_lines_on(self, service: Service, output: int) -> None:
        """Report whole lines until everybody who can write has gone."""
        stream, loop = asyncio.StreamReader(), asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(output, "rb", buffering=0)
        )
        try:
            await self._report_lines(service, stream)
        finally:
            transport.close()

    async def _report_lines(self, service: Service, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(LINE_MAX_OCTETS):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_MAX_OCTETS:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._report_line(service, line)
        if rest:
            self._report_line(service, rest)

    def _report_line(self, service: Service, octets: bytes) -> None:
        line = octets.decode(errors="replace").rstrip("\r")
        if not service.hushed or service.hushed not in line:
            self._report(service.name, line)

    async def _stop_one(self, running: _Running) -> None:
        process, keeper = running.process, running.keeper
        if process and process.returncode is None:
            await self._end(running.service, process)
            if keeper:
                await asyncio.wait({keeper}, timeout=LAST_LINES_SECONDS)
        if keeper:
            keeper.cancel()
            await asyncio.wait({keeper})

    async def _end(self, service: Service, process: asyncio.subprocess.Process) -> None:
        _send(process, service.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), service.stop_seconds)
        except TimeoutError:
            self._report("up", f"{service.name} did not stop within {service.stop_seconds:g} s and is killed.")
            _signal_session(process.pid, signal.SIGKILL)
            await process.wait()


def _stage(service: Service) -> int:
    return service.stage


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return


def _signal_session(leader: int, number: signal.Signals) -> None:
    """Signal what is left of a service: the process group its leader made."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return


def _describe(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
