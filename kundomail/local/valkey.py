"""The embedded Valkey: the broker of Celery, on a socket and without a port."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from kundomail.local.account import Account
from kundomail.local.paths import VALKEY_SOCKET


@dataclass(frozen=True)
class Broker:
    """One embedded Valkey: its program, data directory, socket directory and owner."""

    program: Path
    data: Path
    sockets: Path
    account: Account
    durable: bool = True
    """False keeps everything in memory, for tests."""

    @property
    def socket(self) -> Path:
        """The unix socket the server listens on."""
        return self.sockets / VALKEY_SOCKET

    @property
    def configuration_file(self) -> Path:
        """The file written by prepare()."""
        return self.data / "valkey.conf"

    def command(self) -> tuple[str, ...]:
        """The command line of the server, which stays in the foreground and logs to standard output."""
        return (str(self.program), str(self.configuration_file))

    def configuration(self) -> str:
        """The text of the configuration file; paths are quoted because they may contain spaces."""
        lines = [
            "port 0",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.data)}",
            "daemonize no",
            "loglevel warning",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"

    def is_ready(self) -> bool:
        """Say whether the server answers PING; while it loads its file it does not."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def prepare(broker: Broker) -> None:
    """Write the configuration and remove a dead socket. The caller holds the server's lock."""
    broker.data.mkdir(mode=0o700, exist_ok=True)
    os.chown(broker.data, broker.account.uid, broker.account.gid)
    broker.configuration_file.write_text(broker.configuration())
    os.chown(broker.configuration_file, broker.account.uid, broker.account.gid)
    broker.socket.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
