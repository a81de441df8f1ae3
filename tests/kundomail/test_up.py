"""`make run`: one at a time, on ports that are free, with the processes the product needs."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from kundomail.local import cleaning, paths, running, stack, up
from kundomail.local.account import server_account
from kundomail.local.directories import make_private
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock

CHECKOUT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_second_start_is_refused_and_says_where_the_first_one_is(elsewhere: Path) -> None:
    sockets = paths.socket_directory(elsewhere)
    make_private(sockets, server_account())
    with FileLock(sockets / "up.lock") as first:
        first.acquire()
        first.path.write_text("http://localhost:8000 (process 4711).\n")
        with pytest.raises(up.AlreadyRunning, match=r"already running: http://localhost:8000 \(process 4711\)"):
            up.run(stack.Plan(elsewhere), [])


@pytest.fixture
def started(elsewhere: Path) -> Iterator[Path]:
    """A checkout whose `make run` was given a port and a database."""
    make_private(paths.socket_directory(elsewhere), server_account())
    with FileLock(running.lock_path(elsewhere)) as lock:
        lock.acquire()
        running.remember(elsewhere, {"SMTP_PORT": "2600", "DATABASE_URL": "postgres://a:secret@db/b", "HOME": "/x"})
        yield elsewhere


def test_a_command_of_another_shell_finds_what_the_running_product_was_given(started: Path) -> None:
    assert running.recall(started, {}) == {"SMTP_PORT": "2600", "DATABASE_URL": "postgres://a:secret@db/b"}


def test_a_command_with_variables_of_its_own_means_its_own_servers(started: Path) -> None:
    assert running.recall(started, {"DATABASE_URL": "postgres://other/one"}) == {}


def test_what_a_product_was_given_is_for_its_owner_only(started: Path) -> None:
    written = paths.socket_directory(started) / "environment.json"
    assert written.stat().st_mode & 0o777 == 0o600


def test_what_a_product_was_given_ends_with_it(elsewhere: Path) -> None:
    make_private(paths.socket_directory(elsewhere), server_account())
    running.remember(elsewhere, {"SMTP_PORT": "2600"})
    assert running.recall(elsewhere, {}) == {}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_named_with_the_variable_that_moves_it(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = stack.Port("SMTP_PORT", other.getsockname()[1], kind)
        with pytest.raises(LocalError, match=rf"Port {port.number} cannot be used.*set SMTP_PORT to another"):
            stack.refuse_used_ports([port])


def test_a_relay_and_resolvers_of_ones_own_replace_the_demos() -> None:
    own = up.plan_from(CHECKOUT, {"RELAY_URL": "smtp://mail.example.com:25", "DNS_RESOLVERS": "192.0.2.53"})
    assert (own.sink_port, own.dns_port) == (None, None)
    demo = up.plan_from(CHECKOUT, {"RELAY_URL": "smtp://127.0.0.1:2600", "DNS_AUTHORITATIVE_PORT": "5400"})
    assert (demo.sink_port, demo.dns_port) == (2600, 5400)
    names = {service.name for service in stack.services(own)}
    assert {service.name for service in stack.services(demo)} - names == {"sink", "dns"}


def test_every_process_is_a_command_of_the_project_or_an_installed_module() -> None:
    for service in stack.services(stack.Plan(CHECKOUT)):
        _, kind, name, *_ = service.command
        if kind == "-m":
            assert name in {"celery", "uvicorn"}
        else:
            assert name in get_commands(), f"{service.name} runs an unknown command"


class RunningProduct:
    """`manage.py up` in a copy of the checkout, on ports of its own."""

    def __init__(self, checkout: Path, environment: dict[str, str], log: Path) -> None:
        self.checkout, self.environment, self.log = checkout, environment, log
        command = [sys.executable, str(checkout / "manage.py"), "up"]
        self.process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT
        )

    def wait_for(self, text: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{text!r} never came:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_product_comes_up_answers_refuses_a_second_start_and_leaves_nothing(
    copied_checkout: Path, tmp_path: Path
) -> None:
    http, smtp, sink, dns = (_free_port() for _ in range(4))
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")} | {
        "HTTP_PORT": str(http),
        "SMTP_PORT": str(smtp),
        "RELAY_URL": f"smtp://127.0.0.1:{sink}",
        "DNS_AUTHORITATIVE_PORT": str(dns),
    }
    product = RunningProduct(copied_checkout, environment, tmp_path / "log")
    try:
        product.wait_for("KundoMail is running")
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/") as page:
            assert page.status == 200
        with socket.create_connection(("127.0.0.1", smtp), timeout=10) as client:
            assert client.recv(4) == b"220 "
        elsewhere_called = {k: v for k, v in environment.items() if k not in running.VARIABLES}
        mailed = subprocess.run(
            [sys.executable, "manage.py", "demo_mail"], cwd=copied_checkout, env=elsewhere_called, check=False
        )
        assert mailed.returncode == 0
        second = subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=copied_checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode != 0
        assert f"already running: http://localhost:{http} (process {product.process.pid})" in second.stderr
        assert "again in" not in product.log.read_text()
        lines = [line for line in product.log.read_text().splitlines() if "| " in line]
        assert lines
        assert [line for line in lines if not re.match(r"\d\d:\d\d:\d\d \S+ *\| ", line)] == []
        assert [line for line in lines if "WARNING" in line or re.search(r"\d\d:\d\d:\d\d(?! UTC)", line[8:])] == []
    finally:
        product.process.send_signal(signal.SIGINT)
        assert product.process.wait(60) == 0
    assert product.log.read_text().rstrip().endswith("Stopped.")
    assert not _processes_in(copied_checkout)


def _processes_in(checkout: Path) -> list[int]:
    """Numbers of the processes that work in the copy or on its servers' data."""
    homes = (str(checkout), str(paths.state_directory(checkout).parent))
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(link.readlink()).startswith(homes):
                found.append(int(link.parent.name))
        except OSError:  # Gone, or another user's.
            continue
    return found


def test_cleaning_removes_the_data_but_never_of_a_running_product(elsewhere: Path) -> None:
    state = paths.state_directory(elsewhere)
    for directory in (paths.socket_directory(elsewhere), state):
        make_private(directory, server_account())
    (state / "postgres").mkdir()
    with FileLock(paths.socket_directory(elsewhere) / "up.lock") as running:
        running.acquire()
        with pytest.raises(LocalError, match="are running"):
            cleaning.clean(elsewhere)
        assert (state / "postgres").exists()
    cleaning.clean(elsewhere)
    assert not state.exists()
