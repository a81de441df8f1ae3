"""The two embedded servers of a checkout as services: PostgreSQL and Valkey."""

import signal
from dataclasses import dataclass
from pathlib import Path

from kundomail.local import paths, postgres, programs, valkey
from kundomail.local.account import server_account
from kundomail.local.directories import make_private
from kundomail.local.service import Service


@dataclass(frozen=True)
class Instance:
    """One set of embedded servers; "run" and "test" of the same checkout share nothing."""

    cluster: postgres.Cluster
    broker: valkey.Broker
    sockets: Path

    def services(self) -> tuple[Service, Service]:
        """PostgreSQL and Valkey, in the order of their start."""
        return _postgres_service(self.cluster), _valkey_service(self.broker)


def instance(checkout: Path, name: str = paths.RUN, *, sockets: Path | None = None, state: Path | None = None) -> Instance:
    """Make the directories of one instance and give its servers, not started.

    `name` is "run" (durable) or "test" (nothing is flushed to disk). Raises LocalError.
    """
    account = server_account()
    sockets = sockets or paths.socket_directory(checkout, name)
    state = state or paths.state_directory(checkout, name)
    for directory in (sockets, state):
        make_private(directory, account)
    copies, durable = paths.binaries_directory(), name != paths.TEST
    found = programs.postgres_programs(account, copies)
    connections = 100 if durable else 300
    cluster = postgres.Cluster(found, state / "postgres", sockets, account, durable, connections)
    broker = valkey.Broker(programs.valkey_program(account, copies), state / "valkey", sockets, account, durable)
    return Instance(cluster, broker, sockets)


def _postgres_service(cluster: postgres.Cluster) -> Service:
    return Service(
        name="postgres",
        command=cluster.command(),
        environment=postgres.ENVIRONMENT,
        directory=cluster.data.parent,
        account=cluster.account,
        stop_signal=signal.SIGINT,  # Fast shutdown; SIGTERM would wait for every client to leave.
        stop_seconds=30,
        prepare=lambda: postgres.prepare(cluster),
        is_ready=cluster.is_ready,
        lock=cluster.sockets / "postgres.lock",
        essential=True,
    )


def _valkey_service(broker: valkey.Broker) -> Service:
    return Service(
        name="valkey",
        command=broker.command(),
        environment=postgres.ENVIRONMENT,
        directory=broker.data.parent,
        account=broker.account,
        prepare=lambda: valkey.prepare(broker),
        is_ready=broker.is_ready,
        lock=broker.sockets / "valkey.lock",
        essential=True,
    )
