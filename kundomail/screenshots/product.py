"""A product of its own with the demo's data, for the time its pictures are taken."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kundomail.local import embedded, paths, postgres, stack
from kundomail.local.errors import LocalError
from kundomail.local.service import Service
from kundomail.local.supervisor import Supervisor

START_SECONDS = 180.0
COMMAND_SECONDS = 60.0
LAST_LINES = 40
LATER = ("worker", "beat")
"""What checks DNS; started by start_checking(), so that a page can be seen before the first check."""


class Product:
    """A running product at `url`; made by running()."""

    def __init__(self, checkout: Path, place: Path) -> None:
        """Prepare; `place` is a folder that stands for a checkout nobody else runs."""
        self._checkout, self._place = checkout, place
        http, smtp, sink, dns = _free_ports(4)
        self._plan = stack.Plan(checkout, "127.0.0.1", http, smtp, sink, dns)
        self.url = self._plan.url
        self.environment = {
            "KUNDOMAIL_LOCAL": "1",
            "DATABASE_URL": paths.database_url(place),
            "REDIS_URL": paths.redis_url(place),
            "HTTP_PORT": str(http),
            "SMTP_PORT": str(smtp),
            "RELAY_URL": f"smtp://127.0.0.1:{sink}",
            "DNS_AUTHORITATIVE_PORT": str(dns),
            "DNS_RESOLVERS": f"127.0.0.1:{dns}",
            "DEMO_DNS_STATE_FILE": str(place / "demo-dns.json"),
            "DEMO_SINK_DIRECTORY": str(place / "sink"),
            "SERVICE_DKIM_KEY_FILE": str(place / "service-dkim.pem"),
            "UNDO_SEND_SECONDS": "1",
        }
        self._lines: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="product", daemon=True)
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._failure: Exception | None = None
        self._supervisor = Supervisor(lambda name, line: self._lines.append(f"{name} | {line}"))
        self._later: list[Service] = []

    def start(self) -> None:
        """Start everything except what checks DNS. Raises LocalError with the last lines."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure:
            raise LocalError("\n".join(["The product did not start:", *self._lines[-LAST_LINES:]])) from self._failure

    def start_checking(self) -> None:
        """Start what checks DNS; a second call does nothing."""
        later, self._later = self._later, []
        asyncio.run_coroutine_threadsafe(self._supervisor.start_all(later), self._loop).result(START_SECONDS)

    def stop(self) -> None:
        """Stop everything, in reverse order."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def manage(self, *arguments: str) -> None:
        """Run a management command beside the product. Raises LocalError with what it printed."""
        command = [sys.executable, str(self._checkout / "manage.py"), *arguments]
        environment = stack.child_environment({**os.environ, **self.environment})
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if result.returncode:
            raise LocalError(f"manage.py {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")

    def log(self) -> str:
        """What every process has written so far."""
        return "\n".join(self._lines) + "\n"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._supervise())
        except (LocalError, OSError, subprocess.SubprocessError) as error:
            self._failure = error
            self._ready.set()

    async def _supervise(self) -> None:
        servers = embedded.instance(self._place)
        async with self._supervisor as supervisor:
            await supervisor.start(servers.postgres_service())
            await asyncio.to_thread(postgres.provision, servers.cluster)
            await supervisor.start(servers.valkey_service())
            with _environment(self.environment):
                for command in (("migrate", "--noinput", "--verbosity=0"), ("demo_data",)):
                    await supervisor.complete(stack.manage(self._plan, command[0], *command))
                services = stack.services(self._plan)
            self._later = [service for service in services if service.name in LATER]
            await supervisor.start_all(service for service in services if service.name not in LATER)
            self._ready.set()
            await self._stop.wait()


@contextmanager
def running(checkout: Path) -> Iterator[Product]:
    """A product with the demo's data, running; nothing of it stays behind. Raises LocalError."""
    with tempfile.TemporaryDirectory(prefix="kundomail-screenshots-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # The embedded servers may belong to another account.
        product = Product(checkout, place)
        try:
            product.start()
            yield product
        finally:
            product.stop()
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
