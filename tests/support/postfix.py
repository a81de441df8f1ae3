"""A real Postfix on loopback, as our relay or a customer's mail server: it logs as Postfix does, and hands everything to one server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROTATE = Path(__file__).resolve().parents[2] / "deploy" / "postfix" / "rotate.sh"
START_SECONDS = 20

_MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{world}
disable_dns_lookups = yes
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 52428800
alias_maps =
local_recipient_maps =
"""
_MASTER = """
127.0.0.1:{port} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running instance: its port and its log."""

    port: int
    log: Path
    configuration: Path

    def flush(self) -> None:
        """Try everything in the queue again, at once."""
        _command(self.configuration, "flush")

    def reload(self) -> None:
        """Read the configuration and its tables again."""
        _command(self.configuration, "reload")

    def rotate(self) -> None:
        """Begin a new log, as the relay container does when the old one is large."""
        environment = {**os.environ, "MAIL_CONFIG": str(self.configuration)}
        subprocess.run([ROTATE, self.log, "1"], env=environment, check=True, capture_output=True)

    def queued(self) -> int:
        """How many mails wait or are under way."""
        folders = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
        queue = self.configuration.parent / "queue"
        return sum(path.is_file() for folder in folders for path in (queue / folder).rglob("*"))


def missing() -> str:
    """Why Postfix cannot be used here; "" when it can."""
    if shutil.which("postfix") is None:
        return "postfix is missing: apt-get install postfix"
    return "" if os.getuid() == 0 else "postfix starts only as root"


@contextmanager
def postfix(world: int, main: str = "") -> Iterator[Postfix]:
    """Run an instance that delivers to the port `world`. Lines of `main` come last in main.cf."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _reachable_directory() as directory:
        configuration = directory / "configuration"
        for folder in (configuration, directory / "queue", directory / "data"):
            folder.mkdir()
        shutil.chown(directory / "data", "postfix")
        (configuration / "main.cf").write_text(_MAIN.format(directory=directory, world=world) + main)
        (configuration / "master.cf").write_text(_MASTER.format(port=port))
        _command(configuration, "start")
        log = directory / "mail.log"
        try:
            _until_listening(port)
            yield Postfix(port, log, configuration)
        finally:
            _command(configuration, "stop")
            print(log.read_text())


@contextmanager
def _reachable_directory() -> Iterator[Path]:
    """For the user postfix too. Not a test's own: pytest closes those to others whenever a test run begins."""
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _command(configuration: Path, command: str) -> None:
    done = subprocess.run(["postfix", "-c", str(configuration), command], capture_output=True, text=True, check=False)
    if done.returncode:
        log = configuration.parent / "mail.log"
        raise RuntimeError(f"postfix {command}: {done.stderr}{log.read_text() if log.exists() else ''}")


def _until_listening(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
