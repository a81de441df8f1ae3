"""Work on hostile octets in a child process that may be killed: one mail costs a restart, never the worker.

A module gives such work as `jobs(**options)`: named functions from octets and a few values to a value. The parent names
the module, sends octets, and unpickles nothing but the classes it allows. A child that uses up its processor time,
memory or the clock is ended.
"""

import enum
import importlib
import io
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeVar, cast

Answer = TypeVar("Answer")
_ROOT = Path(__file__).resolve().parents[1]
_FRAME = struct.Struct(">Q")
_START = "import sys; from forwarding.limited_child import serve; serve(int(sys.argv[1]))"
_BUFFER_OCTETS = 64 * 1024
_START_SECONDS = 30.0  # on the clock, for the interpreter and its modules
_ANSWER_FACTOR = 4  # an answer may be this many times the mail, plus the margin below
_ANSWER_MARGIN_OCTETS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one mail may cost in the child (`memory_octets`: of address space), and how long a child lives."""

    cpu_seconds: int = 5
    wall_seconds: float = 30.0
    memory_octets: int = 512 * 1024 * 1024
    mails_per_child: int = 5_000


class ChildStopped(Exception):
    """The child ended, or had to be ended, before it answered."""


class LimitedChild(Generic[Answer]):
    """The jobs of one module, done in a child process that is started when needed; safe to share between threads.

    `answer`: the class of all answers; `holding`: the classes they may hold, by their module. `options` are given to the
    module's `jobs`. `niceness`, as of nice(2): what nobody waits for gives way to others.
    """

    def __init__(
        self,
        module: str,
        answer: type[Answer],
        holding: Mapping[str, set[str]],
        limits: ChildLimits,
        *,
        niceness: int = 0,
        **options: Any,
    ) -> None:
        self.limits = limits
        self.restarts = 0
        self._setup = pickle.dumps((module, limits.cpu_seconds, limits.memory_octets, niceness, options))
        self._answer = answer
        self._holding = holding
        self._process: _Process | None = None
        self._lock = threading.Lock()

    def ask(self, job: str, raw: bytes, *values: Any) -> Answer:
        """The answer of a job; raises ChildStopped when there is none."""
        with self._lock:
            process = self._process
            if process is not None and (process.answered >= self.limits.mails_per_child or process.is_gone()):
                self._end()
            try:
                if self._process is None:
                    self._process = _Process(self.limits.wall_seconds)
                    self._process.start(self._setup)
                return unpickled(self._process.ask(pickle.dumps((job, values)), raw), self._answer, self._holding)
            except ChildStopped:
                self.restarts += 1
                self._end()
                raise

    @property
    def pid(self) -> int | None:
        """The process there is now."""
        return self._process.process.pid if self._process else None

    def close(self) -> None:
        """End the child; a later `ask` starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _Process:
    """The parent's side of one child process."""

    def __init__(self, wall_seconds: float) -> None:
        self.wall_seconds = wall_seconds
        self.answered = 0
        self.socket, theirs = socket.socketpair()
        # Not our own environment: it holds the keys and the database's address, and the child reads hostile octets.
        environment = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-c", _START, str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, cwd=_ROOT, env=environment
        )
        theirs.close()

    def start(self, setup: bytes) -> None:
        """Wait until the child is ready: what it takes to get there is not the first mail's fault."""
        deadline = time.monotonic() + _START_SECONDS
        self._send(deadline, setup)
        self._receive(deadline, 0)

    def ask(self, request: bytes, raw: bytes) -> bytes:
        """Send one mail and wait for the answer, at most `wall_seconds`."""
        deadline = time.monotonic() + self.wall_seconds
        self._send(deadline, request, raw)
        answer = self._receive(deadline, len(raw) * _ANSWER_FACTOR + _ANSWER_MARGIN_OCTETS)
        self.answered += 1
        return answer

    def is_gone(self) -> bool:
        """True when the process ended between two mails, which is not the fault of the next one."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill the process and wait for it."""
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def _send(self, deadline: float, *payloads: bytes) -> None:
        """Each payload as a frame, in one go unless the last one is large."""
        *small, large = payloads
        head = b"".join(_FRAME.pack(len(payload)) + payload for payload in small) + _FRAME.pack(len(large))
        try:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            if len(large) <= _BUFFER_OCTETS:
                self.socket.sendall(head + large)
            else:
                self.socket.sendall(head)
                self.socket.sendall(large)
        except OSError as error:
            raise ChildStopped("the child does not take the mail") from error

    def _receive(self, deadline: float, maximum: int) -> bytes:
        (length,) = _FRAME.unpack(self._exactly(_FRAME.size, deadline))
        if length > maximum:
            raise ChildStopped("the answer is too long")
        return self._exactly(length, deadline)

    def _exactly(self, length: int, deadline: float) -> bytes:
        buffer = bytearray(length)
        view, taken = memoryview(buffer), 0
        while taken < length:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ChildStopped("the child takes too long")
            try:
                self.socket.settimeout(remaining)
                count = self.socket.recv_into(view[taken:])
            except OSError as error:
                raise ChildStopped("the child does not answer") from error
            if count == 0:
                raise ChildStopped("the child ended")
            taken += count
        return bytes(buffer)


def unpickled(octets: bytes, kind: type[Answer], holding: Mapping[str, set[str]]) -> Answer:
    """The answer a child sent, built of the classes it may hold; raises ChildStopped for anything else."""
    try:
        answer = _Unpickler(octets, holding).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ValueError, TypeError, IndexError) as error:
        raise ChildStopped("the answer is none") from error
    if not isinstance(answer, kind):
        raise ChildStopped("the answer is another")
    return answer


class _Unpickler(pickle.Unpickler):
    def __init__(self, octets: bytes, holding: Mapping[str, set[str]]) -> None:
        super().__init__(io.BytesIO(octets))
        self.holding = holding

    def find_class(self, module: str, name: str) -> Any:
        if name not in self.holding.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")
        return super().find_class(module, name)


def serve(descriptor: int) -> None:
    """The child: do jobs on mails from the socket `descriptor` until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    stream = cast(BinaryIO, connection.makefile("rwb", buffering=_BUFFER_OCTETS))
    setup = _frame(stream)
    if setup is None:
        return
    module, cpu_seconds, memory_octets, niceness, options = pickle.loads(setup)  # noqa: S301 - written by our parent
    os.nice(niceness)
    jobs = importlib.import_module(module).jobs(**options)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_octets, memory_octets))
    _answer(stream, b"")
    while _serve_one(stream, jobs, cpu_seconds):
        pass


def _serve_one(stream: BinaryIO, jobs: Mapping[str, Callable[..., object]], cpu_seconds: int) -> bool:
    """One mail, of which nothing is kept; False when there is none to come."""
    request, raw = _frame(stream), _frame(stream)
    if request is None or raw is None:
        return False
    job, values = pickle.loads(request)  # noqa: S301 - written by our parent
    _allow_cpu(cpu_seconds)
    _answer(stream, _pickled(jobs[job](raw, *values)))
    return True


def _pickled(answer: object) -> bytes:
    octets = io.BytesIO()
    _Pickler(octets, protocol=5).dump(answer)
    return octets.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:
        """Members of enumerations by class and value: Python 3.11.0 to 3.11.3 would name `getattr`, which no answer may."""
        return (type(value), (value.value,)) if isinstance(value, enum.Enum) else NotImplemented


def _answer(stream: BinaryIO, answer: bytes) -> None:
    stream.write(_FRAME.pack(len(answer)))
    stream.write(answer)
    stream.flush()


def _frame(stream: BinaryIO) -> bytes | None:
    header = stream.read(_FRAME.size)
    return stream.read(*_FRAME.unpack(header)) if len(header) == _FRAME.size else None


def _allow_cpu(seconds: int) -> None:
    """Let the kernel end this process when the next mail uses more than `seconds` of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))
