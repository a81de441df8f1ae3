"""Postfix as a yardstick: an instance of its own that accepts everything into its queue and throws it away after."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
default_transport = discard
relay_transport = discard
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 52428800
alias_maps =
local_recipient_maps =
"""
_MASTER = """
127.0.0.1:{port} inet n - n - 100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
discard unix - - n - - discard
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running instance: its port, and the process id of its master."""

    port: int
    pid: int


def is_installed() -> bool:
    """Postfix starts only as root."""
    return shutil.which("postfix") is not None and os.getuid() == 0


@contextmanager
def accepting(directory: Path) -> Iterator[Postfix]:
    """Run it below `directory`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = directory / "configuration"
    for folder in (configuration, directory / "queue", directory / "data"):
        folder.mkdir(parents=True)
    shutil.chown(directory / "data", "postfix")
    (configuration / "main.cf").write_text(_MAIN.format(directory=directory))
    (configuration / "master.cf").write_text(_MASTER.format(port=port))
    _postfix(configuration, "start")
    try:
        _until_listening(port)
        yield Postfix(port, int((directory / "queue" / "pid" / "master.pid").read_text()))
    finally:
        _postfix(configuration, "stop")


def _postfix(configuration: Path, command: str) -> None:
    subprocess.run(["postfix", "-c", str(configuration), command], check=True, capture_output=True)


def _until_listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("Postfix does not listen")
