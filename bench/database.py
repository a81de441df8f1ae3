"""A durable PostgreSQL of the benchmark's own, with the application's schema: fsync and synchronous_commit are on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

from bench import processes
from kundomail.local import embedded, paths, postgres

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "bench"
_START_SECONDS = 60.0


class Database:
    """An embedded server that is started, and also killed, here. Its files stay for the next time."""

    def __init__(self, name: str) -> None:
        self._instance = embedded.instance(CHECKOUT, name)
        self._service = self._instance.postgres_service()
        self._process: subprocess.Popen[bytes] | None = None
        self._asking: psycopg2.extensions.connection | None = None
        self.url = paths.database_url(CHECKOUT, name)

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        if self._process is None:
            raise RuntimeError("not running")
        return self._process.pid

    def start(self) -> None:
        """Start, after a kill too: then with the recovery that a power cut needs."""
        if self._service.prepare is not None:
            self._service.prepare()
        deadline = time.monotonic() + _START_SECONDS
        while not self._started():
            # Backends of a killed postmaster may hold its shared memory for a moment.
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to every process of the server at once: what was not flushed to disk is gone."""
        for pid in processes.tree(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Stop in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)

    def prepare(self) -> None:
        """Make role, database and schema. Raises RuntimeError."""
        postgres.provision(self._instance.cluster)
        if self.manage("migrate", "--verbosity", "0").wait() != 0:
            raise RuntimeError("the schema could not be made")

    def connect(self) -> psycopg2.extensions.connection:
        """A connection as the application's role."""
        return psycopg2.connect(host=str(self._instance.sockets), user=paths.ROLE, dbname=paths.DATABASE)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a query that sees the queues of all organizations, over one connection that is kept."""
        if self._asking is None:
            self._asking = self.connect()
            self._asking.autocommit = True
        with self._asking.cursor() as cursor:
            cursor.execute("SELECT set_config('app.queue', 'on', false)")
            cursor.execute(sql)
            return list(cursor.fetchall())

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of the application's processes."""
        own = {"DATABASE_URL": self.url, "REDIS_URL": "unix:///nowhere", "KUNDOMAIL_LOCAL": "1", "LOG_LEVEL": "ERROR"}
        return {**os.environ, "PYTHONPATH": str(CHECKOUT), **own, **more}

    def manage(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a management command."""
        return self.python("manage.py", *arguments, **environment)

    def python(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a Python program that uses this database."""
        command = [sys.executable, *arguments]
        return subprocess.Popen(
            command, cwd=CHECKOUT, env=self.environment(**environment), stdout=subprocess.PIPE, text=True
        )

    def _started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            service = self._service
            self._process = subprocess.Popen(
                service.command,
                env=dict(service.environment),
                cwd=service.directory,
                stderr=subprocess.DEVNULL,
                **(service.account.switch() if service.account is not None else {}),
            )
        return self._instance.cluster.is_ready()


@contextmanager
def database(name: str = NAME) -> Iterator[Database]:
    """One that is running and has the schema; stopped at the end."""
    running = Database(name)
    running.start()
    try:
        running.prepare()
        yield running
    finally:
        running.stop()
