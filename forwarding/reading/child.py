"""Reading in a child process that may be killed: one hostile mail costs a restart, never the worker.

The parent sends octets and gets a pickled `ReadMail`; it unpickles nothing but the values of this package. A child that
uses up its processor time, memory or the clock is ended, and the mail goes one step down the ladder:
full reading, then headers only, then the envelope.
"""

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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forwarding.reading.limits import Limits
from forwarding.reading.mail import ReadMail
from forwarding.reading.reader import read_envelope, read_headers, read_mail

_ROOT = Path(__file__).resolve().parents[2]
_FRAME = struct.Struct(">Q")
_FULL, _HEADERS = b"f", b"h"
_START = "import sys; from forwarding.reading.child import serve; serve(int(sys.argv[1]))"
_ANSWER_FACTOR = 4  # an answer may be this many times the mail, plus the margin below
_ANSWER_MARGIN_OCTETS = 64 * 1024 * 1024
_ALLOWED = {
    "forwarding.reading.mail": {"Address", "Attachment", "CalendarEvent", "ReadMail", "TextRange"},
    "datetime": {"datetime", "date", "timedelta", "timezone"},
}


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one mail may cost in the child, and how long a child lives."""

    cpu_seconds: int = 5
    wall_seconds: float = 30.0
    memory_octets: int = 1024 * 1024 * 1024
    mails_per_child: int = 5_000
    reading: Limits = field(default_factory=Limits)


class ChildStopped(Exception):
    """The child ended, or had to be ended, before it answered."""


class Reader:
    """Reads mails in a child process that is started when needed; safe to share between threads."""

    def __init__(self, limits: ChildLimits | None = None) -> None:
        self.limits = limits or ChildLimits()
        self.restarts = 0
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def read(self, raw: bytes) -> ReadMail:
        """Read one mail; never raises on any octets. A mail that stops the child is read by headers, or not at all."""
        with self._lock:
            try:
                return self._ask(_FULL, raw)
            except ChildStopped:
                return self._read_less(raw)

    def close(self) -> None:
        """End the child; a later `read` starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_less(self, raw: bytes) -> ReadMail:
        try:
            mail = self._ask(_HEADERS, raw)
        except ChildStopped:
            mail = read_envelope(raw)
        return replace(mail, defects=(*mail.defects, "reading_stopped"))

    def _ask(self, stage: bytes, raw: bytes) -> ReadMail:
        if self._child is not None and (self._child.answered >= self.limits.mails_per_child or self._child.is_gone()):
            self._end()
        if self._child is None:
            self._child = _Child(self.limits)
        try:
            return self._child.ask(stage, raw)
        except ChildStopped:
            self.restarts += 1
            self._end()
            raise

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """The parent's side of one child process."""

    def __init__(self, limits: ChildLimits) -> None:
        self.limits = limits
        self.answered = 0
        self.socket, theirs = socket.socketpair()
        # Not our own environment: it holds the keys and the database's address, and the child reads hostile octets.
        environment = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-c", _START, str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, cwd=_ROOT, env=environment
        )
        theirs.close()
        self._send(pickle.dumps(asdict(limits)), time.monotonic() + limits.wall_seconds)

    def ask(self, stage: bytes, raw: bytes) -> ReadMail:
        """Send one mail and wait for the answer, at most `wall_seconds`."""
        deadline = time.monotonic() + self.limits.wall_seconds
        self._send(stage + raw, deadline)
        answer = self._receive(deadline, len(raw) * _ANSWER_FACTOR + _ANSWER_MARGIN_OCTETS)
        self.answered += 1
        return _unpickled(answer)

    def is_gone(self) -> bool:
        """True when the process ended between two mails, which is not the fault of the next one."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill the process and wait for it."""
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def _send(self, payload: bytes, deadline: float) -> None:
        try:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            self.socket.sendall(_FRAME.pack(len(payload)))
            self.socket.sendall(payload)
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


class _Unpickler(pickle.Unpickler):
    """Builds the values of this package and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if name not in _ALLOWED.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is no value of a mail")
        return super().find_class(module, name)


def _unpickled(answer: bytes) -> ReadMail:
    try:
        mail = _Unpickler(io.BytesIO(answer)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ValueError, TypeError, IndexError) as error:
        raise ChildStopped("the answer is no mail") from error
    if not isinstance(mail, ReadMail):
        raise ChildStopped("the answer is no mail")
    return mail


def serve(descriptor: int) -> None:
    """The child: read mails from the socket `descriptor` until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    stream = connection.makefile("rwb")
    settings = _frame(stream)
    if settings is None:
        return
    given = pickle.loads(settings)  # noqa: S301 - written by our parent
    limits = Limits(**given.pop("reading"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_octets"], given["memory_octets"]))
    while (request := _frame(stream)) is not None:
        _allow_cpu(given["cpu_seconds"])
        read = read_mail if request[:1] == _FULL else read_headers
        answer = pickle.dumps(read(request[1:], limits), protocol=5)
        stream.write(_FRAME.pack(len(answer)))
        stream.write(answer)
        stream.flush()


def _frame(stream: io.BufferedRWPair) -> bytes | None:
    header = stream.read(_FRAME.size)
    return stream.read(*_FRAME.unpack(header)) if len(header) == _FRAME.size else None


def _allow_cpu(seconds: int) -> None:
    """Let the kernel end this process when the next mail uses more than `seconds` of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))
