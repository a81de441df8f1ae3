"""A whole product of its own beside any other: real processes with servers of their own, for pictures and tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kundomail.local import embedded, paths, postgres, stack
from kundomail.local.errors import LocalError
from kundomail.local.service import Service
from kundomail.local.supervisor import Supervisor

if TYPE_CHECKING:
    import psycopg2.extensions

START_SECONDS = 180.0
COMMAND_SECONDS = 60.0
LAST_LINES = 60


class Product:
    """A running product: web at `url`, SMTP at `smtp_port`, and every process by its name. Made by `product()`."""

    def __init__(
        self, checkout: Path, place: Path, *, demo: bool, later: Collection[str], environment: Mapping[str, str]
    ) -> None:
        self.place = place
        self.http_port, self.smtp_port, self.sink_port, self.dns_port = _free_ports(4)
        self._plan = stack.Plan(checkout, "127.0.0.1", self.http_port, self.smtp_port, self.sink_port, self.dns_port)
        self.url = self._plan.url
        self.environment = {
            "KUNDOMAIL_LOCAL": "1",
            "DATABASE_URL": paths.database_url(place),
            "REDIS_URL": paths.redis_url(place),
            "HTTP_PORT": str(self.http_port),
            "SMTP_PORT": str(self.smtp_port),
            "RELAY_URL": f"smtp://127.0.0.1:{self.sink_port}",
            "DNS_AUTHORITATIVE_PORT": str(self.dns_port),
            "DNS_RESOLVERS": f"127.0.0.1:{self.dns_port}",
            "DEMO_DNS_STATE_FILE": str(place / "demo-dns.json"),
            "DEMO_SINK_DIRECTORY": str(place / "sink"),
            "SERVICE_DKIM_KEY_FILE": str(place / "service-dkim.pem"),
            "UNDO_SEND_SECONDS": "1",
            **environment,
        }
        self.lines: list[str] = []
        self._demo, self._names_of_later = demo, later
        self._later: list[Service] = []
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="product", daemon=True)
        self._supervisor = Supervisor(lambda name, line: self.lines.append(f"{name} | {line}"))

    def start(self) -> None:
        """Start everything and wait until it answers. Raises LocalError with the last lines."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure:
            raise LocalError("\n".join(["The product did not start:", *self.lines[-LAST_LINES:]])) from self._failure

    def start_later(self) -> None:
        """Start what was left for later; a second call does nothing."""
        later, self._later = self._later, []
        asyncio.run_coroutine_threadsafe(self._supervisor.start_all(later), self._loop).result(START_SECONDS)

    def stop(self) -> None:
        """Stop everything, in reverse order."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def kill(self, name: str) -> int:
        """SIGKILL one process, and give its number; the supervisor starts it again. Raises LookupError."""
        pid = self._supervisor.pid(name)
        if pid is None:
            raise LookupError(f"{name} is not running")
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, name: str) -> int | None:
        """The number of a process, or None while it is not running."""
        return self._supervisor.pid(name)

    def manage(self, *arguments: str) -> str:
        """Run a management command beside the product; gives what it prints. Raises LocalError with that."""
        command = [sys.executable, str(self._plan.checkout / "manage.py"), *arguments]
        environment = stack.child_environment({**os.environ, **self.environment})
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if result.returncode:
            raise LocalError(f"manage.py {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def rows(self, sql: str) -> list[tuple]:
        """Rows of the product's database, seen by the superuser: across organizations, past row-level security."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _connect(self) -> psycopg2.extensions.connection:
        """Connect as superuser; a server that is just being started again is waited for."""
        import psycopg2

        cluster = embedded.instance(self.place).cluster
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return cluster.connect(paths.DATABASE)
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._supervise())
        except BaseException as error:  # noqa: BLE001  (handed to the thread that waits in start())
            self._failure = error
            self._ready.set()

    async def _supervise(self) -> None:
        servers = embedded.instance(self.place)
        async with self._supervisor as supervisor:
            await supervisor.start(servers.postgres_service())
            await asyncio.to_thread(postgres.provision, servers.cluster)
            await supervisor.start(servers.valkey_service())
            with _environment(self.environment):
                for command in (("migrate", "--noinput", "--verbosity=0"), *([("demo_data",)] if self._demo else [])):
                    await supervisor.complete(stack.manage(self._plan, command[0], *command))
                services = stack.services(self._plan)
            self._later = [service for service in services if service.name in self._names_of_later]
            await supervisor.start_all(service for service in services if service.name not in self._names_of_later)
            self._ready.set()
            await self._stop.wait()


@contextmanager
def product(
    checkout: Path,
    place: Path,
    *,
    demo: bool = False,
    later: Collection[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """A product of `checkout`'s code, running; nothing of it stays behind but the folder `place`. Raises LocalError.

    `place` stands for a checkout whose embedded servers nobody else uses. `demo` loads the demo's data; services named
    in `later` wait for start_later(). `environment` overrides single variables.
    """
    place.mkdir(parents=True, exist_ok=True)
    running = Product(checkout, place, demo=demo, later=later, environment=environment or {})
    try:
        running.start()
        yield running
    finally:
        running.stop()
        for directory in (paths.socket_directory(place), paths.state_directory(place)):
            shutil.rmtree(directory.parent, ignore_errors=True)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Services copy the environment when they are planned."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
