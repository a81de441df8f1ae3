"""The load generator: N connections that send a message set as fast as it is accepted, in a process of its own."""

from __future__ import annotations

import json
import pickle
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sent:
    """`seconds` from the first connection to the last 250; latencies from MAIL to 250, in milliseconds."""

    accepted: int
    refused: int
    seconds: float
    median_ms: float
    p99_ms: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.accepted / self.seconds


def wire(message: bytes) -> bytes:
    """The octets of DATA: dots stuffed, end mark behind (RFC 5321 section 4.5.2)."""
    octets = message.replace(b"\r\n.", b"\r\n..")
    return (
        (b"." if octets.startswith(b".") else b"") + octets + (b"" if octets.endswith(b"\r\n") else b"\r\n") + b".\r\n"
    )


def send(file: Path, port: int, recipient: str, *, connections: int, per_connection: int = 0) -> Sent:
    """Send the pickled list of wire messages in `file`; `per_connection` 0 keeps each connection to the end."""
    arguments = [str(file), str(port), recipient, str(connections), str(per_connection)]
    command = [sys.executable, "-m", "bench.sending", *arguments]
    done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=True)
    return Sent(**json.loads(done.stdout))


class _Sender(threading.Thread):
    """One connection."""

    def __init__(
        self, port: int, recipient: str, work: Iterator[bytes], lock: threading.Lock, per_connection: int
    ) -> None:
        super().__init__()
        self._port, self._work, self._lock, self._per_connection = port, work, lock, per_connection
        self._recipient = recipient.encode()
        self._socket: socket.socket | None = None
        self._sent_here = 0
        self.latencies: list[float] = []
        self.refused = 0

    def run(self) -> None:
        while (octets := self._next()) is not None:
            began = time.perf_counter()
            if self._deliver(octets):
                self.latencies.append(time.perf_counter() - began)
            else:
                self.refused += 1
                self._disconnect()
            if self._per_connection and self._sent_here >= self._per_connection:
                self._disconnect()
        self._disconnect()

    def _next(self) -> bytes | None:
        with self._lock:
            return next(self._work, None)

    def _deliver(self, octets: bytes) -> bool:
        try:
            connection = self._socket or self._connect()
            self._sent_here += 1
            steps = (b"MAIL FROM:<%s>" % _author(octets), b"RCPT TO:<%s>" % self._recipient, b"DATA")
            return all(self._command(connection, step) < 400 for step in (*(step + b"\r\n" for step in steps), octets))
        except OSError:
            return False

    def _connect(self) -> socket.socket:
        self._socket = socket.create_connection(("127.0.0.1", self._port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sent_here = 0
        self._reply(self._socket)
        self._command(self._socket, b"EHLO bench.example\r\n")
        return self._socket

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _command(self, connection: socket.socket, octets: bytes) -> int:
        connection.sendall(octets)
        return self._reply(connection)

    def _reply(self, connection: socket.socket) -> int:
        """One command at a time, so a reply ends with what was read when its last line is complete."""
        octets = b""
        while not octets.endswith(b"\r\n") or octets.splitlines()[-1][3:4] == b"-":
            received = connection.recv(65_536)
            if not received:
                raise ConnectionResetError
            octets += received
        return int(octets[:3])


def _author(octets: bytes) -> bytes:
    """The address of From."""
    start = octets.find(b"<", octets.find(b"\r\nFrom: "))
    return octets[start + 1 : octets.find(b">", start)]


def _run(messages: Sequence[bytes], port: int, recipient: str, connections: int, per_connection: int) -> Sent:
    work, lock = iter(messages), threading.Lock()
    senders = [_Sender(port, recipient, work, lock, per_connection) for _ in range(connections)]
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    seconds = time.perf_counter() - began
    latencies = sorted(latency for sender in senders for latency in sender.latencies) or [0.0]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Sent(
        accepted=sum(len(sender.latencies) for sender in senders),
        refused=sum(sender.refused for sender in senders),
        seconds=seconds,
        median_ms=statistics.median(latencies) * 1000,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
    )


if __name__ == "__main__":
    _file, _port, _recipient, _connections, _per_connection = sys.argv[1:]
    _messages = pickle.loads(Path(_file).read_bytes())
    print(json.dumps(asdict(_run(_messages, int(_port), _recipient, int(_connections), int(_per_connection)))))
