"""The octets of one message: in memory while small, in an unnamed temporary file when not."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO

_COPY_OCTETS = 262_144


class Body:
    """A finished message body. Read it from any thread; `close` it once, after the last reading."""

    def __init__(self, octets: bytes, file: IO[bytes] | None, size: int) -> None:
        self._octets = octets
        self._file = file
        self.size = size

    def head(self, octets: int) -> bytes:
        """The first octets, at most `octets`."""
        if self._file is None:
            return self._octets[:octets]
        self._file.seek(0)
        return self._file.read(octets)

    def content(self) -> bytes:
        """The whole message in memory."""
        return self.head(self.size)

    def chunks(self) -> Iterator[bytes]:
        """The whole message piece by piece, from the beginning."""
        if self._file is None:
            yield self._octets
            return
        self._file.seek(0)
        while chunk := self._file.read(_COPY_OCTETS):
            yield chunk

    def sha256(self) -> str:
        """SHA-256 of the octets, in hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Give memory and disk back."""
        self._octets = b""
        if self._file is not None:
            self._file.close()


class BodyWriter:
    """Collects a body that arrives in pieces.

    `add` only collects. Once `size` is above `memory_octets`, `flush` writes what was collected to disk; it blocks,
    so the server calls it in a thread.
    """

    def __init__(self, memory_octets: int, directory: str | None = None) -> None:
        self._memory_octets = memory_octets
        self._directory = directory
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._file: IO[bytes] | None = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Append `piece`."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        self.size += len(piece)

    @property
    def must_flush(self) -> bool:
        """Whether as much is collected as may stay in memory."""
        return self._waiting > self._memory_octets

    def flush(self) -> None:
        """Write what is collected to the temporary file. Raises OSError when the disk is full."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._directory, prefix="smtp-")  # noqa: SIM115  (closed by the body)
        self._file.writelines(self._pieces)
        self._forget()

    def finish(self) -> Body:
        """The body. Blocks only when part of it is on disk already."""
        if self._file is None:
            return Body(b"".join(self._pieces), None, self.size)
        self.flush()
        self._file.flush()
        return Body(b"", self._file, self.size)

    def discard(self) -> None:
        """Drop everything."""
        self._forget()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        self._pieces = []
        self._waiting = 0
