"""The process that sanitises: a loop that forks once per mail, so that limits and a crash end one mail only.

Started by `conversations.sanitising_pool` as `python -m conversations.sanitising_child CPU_SECONDS MEMORY_OCTETS`.
Messages both ways are a length (4 octets, network order) and JSON in UTF-8. Imports neither Django nor settings.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from typing import IO, Any

from conversations.sanitising import clean

LENGTH = struct.Struct("!I")
FAILED = {"failed": True}


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one message and flush it."""
    content = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    content = stream.read(length)
    return json.loads(content) if len(content) == length else None


def serve(requests: IO[bytes], answers: IO[bytes], cpu_seconds: int, memory_octets: int) -> None:
    """Answer until the other side closes."""
    while (request := read_message(requests)) is not None:
        write_message(answers, _in_fork(request, cpu_seconds, memory_octets))


def _in_fork(request: dict[str, Any], cpu_seconds: int, memory_octets: int) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _sanitise_and_exit(request, writing, cpu_seconds, memory_octets)
    os.close(writing)
    with open(reading, "rb") as stream:
        answer = read_message(stream)
    os.waitpid(child, 0)
    return answer or FAILED


def _sanitise_and_exit(request: dict[str, Any], writing: int, cpu_seconds: int, memory_octets: int) -> None:
    """In the fork: limits first, then the work. Whatever goes wrong, the fork ends here and answers nothing."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory_octets, memory_octets))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        result = clean(request["html"], request["inline_images"])
        with open(writing, "wb") as stream:
            write_message(stream, {"html": result.html, "blocked_images": result.blocked_images})
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]), int(sys.argv[2]))
