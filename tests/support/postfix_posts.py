"""The two Postfix posts of docker-compose.yml, as real Postfix on loopback: what deploy/postfix/start.sh configures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START = Path(__file__).resolve().parents[2] / "deploy" / "postfix" / "start.sh"
START_SECONDS = 20


@contextmanager
def standing(post: str, upstream: int, mail_domain: str = "mail.example.se") -> Iterator[int]:
    """Run Postfix at a post (relay or front) before an upstream port; gives the port it listens on."""
    port = free_port()
    home = Path("/var/lib") / f"kundomail-postfix-{os.getpid()}"  # Postfix's own users must reach it.
    _configure(home, post, upstream, port, mail_domain)
    command = ["postfix", "-c", str(home / "etc")]
    # A pipe as in a container; Postfix cannot log to the nameless file that pytest captures into.
    master = subprocess.Popen([*command, "start-fg"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        _wait_for_greeting(port)
        yield port
    finally:
        subprocess.run([*command, "stop"], check=False, capture_output=True)
        print(master.communicate(timeout=START_SECONDS)[0].decode())
        shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configure(home: Path, post: str, upstream: int, port: int, mail_domain: str) -> None:
    """What start.sh writes, with directories and a port of the test's own."""
    configuration = home / "etc"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/bin",
        "CONFIGURE_ONLY": str(configuration),
        "MAIL_DOMAIN": mail_domain,
        "POSTFIX_HOSTNAME": f"mx.{mail_domain}",
        "POSTFIX_UPSTREAM": f"127.0.0.1:{upstream}",
    }
    subprocess.run([str(START), post], env=environment, check=True)
    for name in ("spool", "data"):
        (home / name).mkdir()
    shutil.chown(home / "data", "postfix")
    own = f"queue_directory = {home}/spool\ndata_directory = {home}/data\ninet_protocols = ipv4\n"
    with (configuration / "main.cf").open("a") as file:
        file.write(own)
    services = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [line for line in services.splitlines() if line and not line.startswith(("#", " ", "smtp      inet"))]
    plain = [" ".join([*line.split()[:4], "n", *line.split()[5:]]) for line in lines]
    (configuration / "master.cf").write_text("\n".join([f"127.0.0.1:{port} inet n - n - - smtpd", *plain]) + "\n")


def _wait_for_greeting(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                assert client.recv(4) == b"220 "
                return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "Postfix does not listen"
            time.sleep(0.1)
