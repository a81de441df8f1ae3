"""The whole product as real processes with servers of their own, for tests that walk through it or kill parts of it."""

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
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extensions

from kundomail.local import embedded, paths, postgres, stack
from kundomail.local.supervisor import Supervisor

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0


class Product:
    """A running product: web at `url`, SMTP at `smtp_port`, and every process by its name."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        """Prepare; `place` stands for a checkout whose embedded servers nobody else uses."""
        self.place = place
        ports = _free_ports(4)
        self.http_port, self.smtp_port, self.sink_port, self.dns_port = ports
        self.url = f"http://localhost:{self.http_port}"
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
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="product", daemon=True)
        self.supervisor: Supervisor | None = None

    def start(self) -> None:
        """Start everything and wait until it answers. Raises what went wrong, with the last lines."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure:
            raise RuntimeError("the product did not start:\n" + "\n".join(self.lines[-60:])) from self._failure

    def stop(self) -> None:
        """Stop everything, in reverse order."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def kill(self, name: str) -> int:
        """SIGKILL one process, and give its number; the supervisor starts it again."""
        assert self.supervisor is not None
        pid = self.supervisor.pid(name)
        assert pid is not None, f"{name} is not running"
        os.kill(pid, signal.SIGKILL)
        return pid

    def manage(self, *arguments: str) -> str:
        """Run a management command beside the product; gives what it prints."""
        command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        environment = {**os.environ, **self.environment}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def rows(self, sql: str) -> list[tuple]:
        """Rows of the product's database, seen by the superuser: across organizations, past row-level security."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def _connect(self) -> psycopg2.extensions.connection:
        """Connect as superuser; a server that is just being started again is waited for."""
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
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self._failure = error
            self._ready.set()

    async def _supervise(self) -> None:
        instance = embedded.instance(self.place)
        plan = stack.Plan(CHECKOUT, "127.0.0.1", self.http_port, self.smtp_port, self.sink_port, self.dns_port)
        async with Supervisor(lambda name, line: self.lines.append(f"{name} | {line}")) as self.supervisor:
            await self.supervisor.start(instance.postgres_service())
            await asyncio.to_thread(postgres.provision, instance.cluster)
            await self.supervisor.start(instance.valkey_service())
            with _environment(self.environment):
                await self.supervisor.complete(stack.manage(plan, "migrate", "migrate", "--noinput", "--verbosity=0"))
                services = stack.services(plan)
            await self.supervisor.start_all(services)
            self._ready.set()
            await self._stop.wait()


@contextmanager
def product(place: Path, **environment: str) -> Iterator[Product]:
    """A running product; what its servers left behind is removed."""
    place.mkdir(parents=True, exist_ok=True)
    running = Product(place, environment)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        for directory in (paths.socket_directory(place), paths.state_directory(place)):
            shutil.rmtree(directory.parent, ignore_errors=True)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `condition` holds; fails after `seconds` with `what` was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Services copy the environment when they are planned."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
