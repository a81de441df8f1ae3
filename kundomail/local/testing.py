"""Embedded servers for the tests of a checkout, shared by every test run that needs them at the same time.

A keeper process of its own runs them. Each test run holds a shared lock as long as it lives, and the keeper stops
when nobody has held it for a while; so runs follow each other quickly and none stops the servers of another.
"""

import asyncio
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from psycopg2 import sql

from kundomail.local import embedded, paths, postgres
from kundomail.local.account import server_account
from kundomail.local.directories import make_private
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock
from kundomail.local.supervisor import Supervisor

IDLE_SECONDS = 60.0
USERS_POLL_SECONDS = 1.0
START_SECONDS = 90.0


class TestServers:
    """The servers of one checkout's tests, as a test run sees them."""

    __test__ = False

    def __init__(self, checkout: Path) -> None:
        """Take the checkout whose servers are meant; nothing is started yet."""
        self.checkout = checkout
        self.sockets = paths.socket_directory(checkout, paths.TEST)

    def acquire(self) -> FileLock:
        """Start the servers if they are not running, and keep them until the returned lock is closed.

        Raises LocalError with the keeper's log when they do not start.
        """
        make_private(self.sockets, server_account())
        with FileLock(self.sockets / "start.lock") as start:
            start.acquire(START_SECONDS)
            users = FileLock(self.sockets / "users.lock", shared=True)
            users.acquire(START_SECONDS)
            if not self._is_running():
                self._start_keeper()
        return users

    def _is_running(self) -> bool:
        with FileLock(self.sockets / "keeper.lock") as keeper:
            return not keeper.try_acquire() and (self.sockets / "ready").exists()

    def _start_keeper(self) -> None:
        log = self.sockets / "keeper.log"
        (self.sockets / "ready").unlink(missing_ok=True)
        with log.open("wb") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "kundomail.local.testing", str(self.checkout)],
                cwd=self.checkout,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.sockets / "ready").exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"The servers for the tests did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)


async def keep(checkout: Path, idle_seconds: float = IDLE_SECONDS) -> None:
    """Run the test servers until no test run has needed them for `idle_seconds`."""
    instance = embedded.instance(checkout, paths.TEST)
    with FileLock(instance.sockets / "keeper.lock") as lock, FileLock(instance.sockets / "start.lock") as start:
        lock.acquire(START_SECONDS)
        async with Supervisor(lambda name, line: print(f"{name} | {line}", flush=True)) as supervisor:
            for service in instance.services():
                await supervisor.start(service)
            await asyncio.to_thread(postgres.provision, instance.cluster)
            await asyncio.to_thread(_drop_databases_of_killed_runs, instance.cluster)
            (instance.sockets / "ready").touch()
            await _until_idle(instance.sockets, start, idle_seconds)
            # A run that arrives now waits for `start`, which is held until everything has stopped.
            (instance.sockets / "ready").unlink(missing_ok=True)


def _drop_databases_of_killed_runs(cluster: postgres.Cluster) -> None:
    """No run can have a database before its servers are up, so every test database is a leftover."""
    with closing(cluster.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'")
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


async def _until_idle(sockets: Path, start: FileLock, idle_seconds: float) -> None:
    """Return holding `start` once the lock of the users has been free for `idle_seconds`."""
    last_used = time.monotonic()
    while True:
        await asyncio.sleep(USERS_POLL_SECONDS)
        if not sockets.exists():
            return
        if _is_used(sockets):
            last_used = time.monotonic()
        elif time.monotonic() - last_used >= idle_seconds and start.try_acquire():
            if not _is_used(sockets):
                return
            start.release()


def _is_used(sockets: Path) -> bool:
    with FileLock(sockets / "users.lock") as users:
        return not users.try_acquire()


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1])))
