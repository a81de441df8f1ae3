"""Locks that end with the process holding them (flock), so that no crash leaves a stale one behind."""

import fcntl
import os
import time
from pathlib import Path

from kundomail.local.errors import LocalError


class Locked(LocalError):
    """Somebody else holds the lock."""


class FileLock:
    """An flock on `path`. Several holders may share it when every one of them asked for `shared`.

    The descriptor may be handed to a child (`pass_fds`): then the lock lives as long as parent or child does.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """Open the lock file, creating it; nothing is locked yet."""
        self.path = path
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def descriptor(self) -> int:
        """Number of the open file, for `pass_fds`."""
        if self._descriptor is None:
            raise ValueError(f"the lock {self.path} is closed")
        return self._descriptor

    def acquire(self, timeout_seconds: float = 0) -> None:
        """Take the lock, waiting at most `timeout_seconds`; raises Locked when it stays taken."""
        deadline = time.monotonic() + timeout_seconds
        while not self.try_acquire():
            if time.monotonic() >= deadline:
                raise Locked(f"{self.path} is locked by another process.")
            time.sleep(0.05)

    def try_acquire(self) -> bool:
        """Take the lock if it is free; says whether it is ours now."""
        try:
            fcntl.flock(self.descriptor, self._operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock up and keep the file open, to take it again later."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up this process's hold; a child that got the descriptor keeps its own."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
