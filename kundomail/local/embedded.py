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
        return self.postgres_service(), self.valkey_service()

    def postgres_service(self) -> Service:
        """PostgreSQL, to be provisioned when it is up."""
        return Service(
            name="postgres",
            command=self.cluster.command(),
            environment=postgres.ENVIRONMENT,
            directory=self.cluster.data.parent,
            account=self.cluster.account,
            stop_signal=signal.SIGINT,  # Fast shutdown; SIGTERM would wait for every client to leave.
            stop_seconds=30,
            prepare=lambda: postgres.prepare(self.cluster),
            is_ready=self.cluster.is_ready,
            lock=self.sockets / "postgres.lock",
            essential=True,
        )

    def valkey_service(self) -> Service:
        """Valkey."""
        return Service(
            name="valkey",
            command=self.broker.command(),
            environment=postgres.ENVIRONMENT,
            directory=self.broker.data.parent,
            account=self.broker.account,
            prepare=lambda: valkey.prepare(self.broker),
            is_ready=self.broker.is_ready,
            lock=self.sockets / "valkey.lock",
            stage=1,
            essential=True,
            hushed="Memory overcommit must be enabled",
        )


def instance(
    checkout: Path, name: str = paths.RUN, *, sockets: Path | None = None, state: Path | None = None
) -> Instance:
    """Make the directories of one instance and give its servers, not started.

    `name` is "run" (durable) or "test" (nothing is flushed to disk). Raises LocalError.
    """
    account = server_account()
    sockets, state = paths.socket_directory(checkout, name), paths.state_directory(checkout, name)
    for directory in (sockets, state):
        make_private(directory, account)
    copies, durable = paths.binaries_directory(), name != paths.TEST
    found = programs.postgres_programs(account, copies)
    connections = 100 if durable else 300
    cluster = postgres.Cluster(found, state / "postgres", sockets, account, durable, connections)
    broker = valkey.Broker(programs.valkey_program(account, copies), state / "valkey", sockets, account, durable)
    return Instance(cluster, broker, sockets)
