"""Everything on one machine: start it in order, say where it is, keep it running, and stop it all."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kundomail.local import embedded, paths, postgres, running, stack
from kundomail.local.account import server_account
from kundomail.local.directories import make_private
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock
from kundomail.local.supervisor import Supervisor

NAME_COLUMNS = 9


class AlreadyRunning(LocalError):
    """Another process runs this checkout."""


def plan_from(checkout: Path, environment: Mapping[str, str]) -> stack.Plan:
    """Read the documented variables. A relay or resolvers of one's own replace the demo's."""
    return stack.Plan(
        checkout=checkout,
        http_address=environment.get("HTTP_ADDRESS", "127.0.0.1"),
        http_port=int(environment.get("HTTP_PORT", "8000")),
        smtp_port=int(environment.get("SMTP_PORT", "2525")),
        sink_port=_sink_port(environment.get("RELAY_URL", "smtp://127.0.0.1:2526")),
        dns_port=None if environment.get("DNS_RESOLVERS") else int(environment.get("DNS_AUTHORITATIVE_PORT", "5300")),
    )


def _sink_port(relay_url: str) -> int | None:
    """The demo sink stands in for a relay on this machine's unprivileged ports; any other relay is somebody's own."""
    relay = urlsplit(relay_url)
    return relay.port if relay.hostname in ("127.0.0.1", "localhost") and (relay.port or 0) >= 1024 else None


def run(plan: stack.Plan, welcome: Sequence[str]) -> None:
    """Run everything until Ctrl-C, SIGTERM or SIGHUP, and print `welcome` when all is up.

    Raises AlreadyRunning, or LocalError when a server does not start.
    """
    sockets = paths.socket_directory(plan.checkout)
    make_private(sockets, server_account())
    with FileLock(running.lock_path(plan.checkout)) as lock:
        if not lock.try_acquire():
            raise AlreadyRunning(f"KundoMail is already running: {lock.path.read_text().strip()}")
        stack.refuse_used_ports(plan.ports())
        lock.path.write_text(f"{plan.url} (process {os.getpid()}). Stop it there with Ctrl-C, or kill {os.getpid()}.\n")
        running.remember(plan.checkout, os.environ)
        asyncio.run(_supervise(plan, welcome))


async def _supervise(plan: stack.Plan, welcome: Sequence[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Supervisor(report) as supervisor:
        stopping = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(_bring_up(supervisor, plan))
        await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            for line in welcome:
                report("up", line)
            await stopping
        starting.cancel()
        report("up", "Stopping.")
    report("up", "Stopped.")


async def _bring_up(supervisor: Supervisor, plan: stack.Plan) -> None:
    """Servers, then the database's contents, then the processes of the product."""
    instance = None
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        report("up", "Starting the embedded servers.")
        instance = embedded.instance(plan.checkout)
    if instance and not os.environ.get("DATABASE_URL"):
        await supervisor.start(instance.postgres_service())
        await asyncio.to_thread(postgres.provision, instance.cluster)
    if instance and not os.environ.get("REDIS_URL"):
        await supervisor.start(instance.valkey_service())
    report("up", "Bringing the database up to date.")
    await supervisor.complete(stack.manage(plan, "migrate", "migrate", "--noinput", "--verbosity=0"))
    await supervisor.complete(stack.manage(plan, "demo", "demo_data"))
    report("up", "Starting the processes.")
    await supervisor.start_all(stack.services(plan))


def report(name: str, line: str) -> None:
    """Print one line of a process behind the time and its name."""
    print(f"{time.strftime('%H:%M:%S')} {name:<{NAME_COLUMNS}}| {line}", file=sys.stdout, flush=True)
