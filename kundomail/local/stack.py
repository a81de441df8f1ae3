"""What runs on one machine: the processes of the product in the order they need each other."""

import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kundomail.local.errors import LocalError
from kundomail.local.service import Service

# Stages after the embedded servers (0 and 1): what the others talk to, the workers, and what takes work in.
SURROUNDINGS, WORKERS, FRONTS = 2, 3, 4


@dataclass(frozen=True)
class Port:
    """A loopback port one of the processes listens on, and the variable that moves it."""

    variable: str
    number: int
    kind: socket.SocketKind = socket.SOCK_STREAM


@dataclass(frozen=True)
class Plan:
    """Where the processes listen, and which stand-ins for the outside world are wanted."""

    checkout: Path
    http_address: str = "127.0.0.1"
    http_port: int = 8000
    smtp_port: int = 2525
    sink_port: int | None = 2526
    """None when a relay of one's own is used."""
    dns_port: int | None = 5300
    """None when real resolvers are used."""

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the product."""
        return f"http://localhost:{self.http_port}"

    def ports(self) -> list[Port]:
        """Every port that must be free."""
        ports = [Port("HTTP_PORT", self.http_port), Port("SMTP_PORT", self.smtp_port)]
        if self.sink_port:
            ports.append(Port("RELAY_URL", self.sink_port))
        if self.dns_port:
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            ports += [Port("DNS_AUTHORITATIVE_PORT", self.dns_port, kind) for kind in kinds]
        return ports


def refuse_used_ports(ports: Iterable[Port]) -> None:
    """Raise LocalError for the first port that another program holds, with the variable that chooses another."""
    for port in ports:
        with socket.socket(socket.AF_INET, port.kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, port.kind == socket.SOCK_STREAM)
            try:
                probe.bind(("127.0.0.1", port.number))
            except OSError as error:
                raise LocalError(
                    f"Port {port.number} cannot be used: {error.strerror}. "
                    f"Stop the program that uses it, or set {port.variable} to another one."
                ) from error


def answers(port: int) -> Callable[[], bool]:
    """Give a readiness check: something on this machine accepts connections on `port`."""

    def check() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
        return True

    return check


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process: the caller's, in local mode, with lines that are not held back.

    Celery's warning about root is for servers; here everything belongs to whoever tries the product.
    """
    quiet = "ignore:You're running the worker"
    return {**environment, "KUNDOMAIL_LOCAL": "1", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": quiet}


def manage(plan: Plan, name: str, *arguments: str) -> Service:
    """A management command that runs once, for Supervisor.complete()."""
    command = (sys.executable, str(plan.checkout / "manage.py"), *arguments)
    return Service(name, command, child_environment(os.environ), plan.checkout, stage=WORKERS)


def services(plan: Plan) -> list[Service]:
    """Every process of the product, without the embedded servers."""
    return [*_surroundings(plan), *_workers(plan), *_fronts(plan)]


def _surroundings(plan: Plan) -> Iterable[Service]:
    if plan.sink_port:
        yield _command(plan, "sink", SURROUNDINGS, "demo_sink", is_ready=answers(plan.sink_port))
    if plan.dns_port:
        yield _command(plan, "dns", SURROUNDINGS, "demo_dns", "serve", is_ready=answers(plan.dns_port))


def _workers(plan: Plan) -> Iterable[Service]:
    yield _command(plan, "filing", WORKERS, "file_mail")
    yield _command(plan, "delivery", WORKERS, "deliver_mail")
    arguments = ["worker", "--concurrency=2", "--loglevel=INFO", "--without-gossip", "--without-mingle"]
    yield _module(plan, "worker", WORKERS, "celery", "--quiet", "-A", "kundomail", *arguments)


def _fronts(plan: Plan) -> Iterable[Service]:
    yield _command(plan, "smtp", FRONTS, "receive_mail", is_ready=answers(plan.smtp_port))
    yield _module(plan, "beat", FRONTS, "celery", "--quiet", "-A", "kundomail", "beat", "--loglevel=INFO")
    arguments = ["uvicorn", "kundomail.asgi:application", "--host", plan.http_address, "--port", str(plan.http_port)]
    # An open page with live updates would hold up the stop for ever.
    arguments += ["--timeout-graceful-shutdown", "3", "--lifespan", "off", "--no-access-log", "--no-server-header"]
    arguments += ["--log-level", "warning"]
    yield _module(plan, "web", FRONTS, *arguments, is_ready=answers(plan.http_port))


def _command(plan: Plan, name: str, stage: int, *arguments: str, is_ready: Callable[[], bool] | None = None) -> Service:
    return _python(plan, name, stage, (str(plan.checkout / "manage.py"), *arguments), is_ready)


def _module(plan: Plan, name: str, stage: int, *arguments: str, is_ready: Callable[[], bool] | None = None) -> Service:
    return _python(plan, name, stage, ("-m", *arguments), is_ready)


def _python(
    plan: Plan, name: str, stage: int, arguments: tuple[str, ...], is_ready: Callable[[], bool] | None
) -> Service:
    environment = child_environment(os.environ)
    return Service(name, (sys.executable, *arguments), environment, plan.checkout, is_ready=is_ready, stage=stage)
