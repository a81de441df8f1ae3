"""`make run` on servers, a mail domain and a label of one's own: PostgreSQL and Valkey over TCP, each with a password."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from kundomail.local import embedded, paths, postgres, valkey
from tests.kundomail.test_up import RunningProduct, _free_port

PASSWORD = "hemligt: å@/?#%"  # every character that a URL gives a meaning
SUPERUSERS_PASSWORD = "superhemligt"
HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


@contextmanager
def _running(command: list[str], directory: Path, server: object, is_ready: Callable[[], bool]) -> Iterator[None]:
    account = server.account  # type: ignore[attr-defined]  # a Cluster or a Broker
    process = subprocess.Popen(command, cwd=directory, env=postgres.ENVIRONMENT, **account.switch())
    try:
        deadline = time.monotonic() + 30
        while not is_ready():
            assert process.poll() is None, f"{command[0]} ended"
            assert time.monotonic() < deadline, f"{command[0]} did not answer"
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def _database(instance: embedded.Instance, port: int) -> Iterator[None]:
    """A PostgreSQL on TCP whose roles have passwords, with the application's empty database."""
    cluster = instance.cluster
    postgres.prepare(cluster)
    command = [*cluster.command(), "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]

    def connect() -> psycopg2.extensions.connection:
        return psycopg2.connect(host=str(cluster.sockets), port=port, user=postgres.SUPERUSER, dbname="postgres")

    def is_ready() -> bool:
        try:
            connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    with _running(command, cluster.data.parent, cluster, is_ready):
        with closing(connect()) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(f"CREATE ROLE {paths.ROLE} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD %s", [PASSWORD])
            cursor.execute("ALTER ROLE postgres PASSWORD %s", [SUPERUSERS_PASSWORD])
            cursor.execute(f"CREATE DATABASE town OWNER {paths.ROLE}")
            (cluster.data / "pg_hba.conf").write_text(HBA)
            cursor.execute("SELECT pg_reload_conf()")
        yield


@contextmanager
def _broker(instance: embedded.Instance, port: int) -> Iterator[None]:
    valkey.prepare(instance.broker)
    with instance.broker.configuration_file.open("a") as configuration:
        configuration.write(f'port {port}\nbind 127.0.0.1\nrequirepass "{SUPERUSERS_PASSWORD}"\n')

    def is_ready() -> bool:
        return instance.broker.socket.exists()

    with _running(list(instance.broker.command()), instance.broker.data.parent, instance.broker, is_ready):
        yield


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The two addresses, as the environment gives them."""
    home = tmp_path / "servers of one's own"
    home.mkdir()
    instance = embedded.instance(home)
    database, broker = _free_port(), _free_port()
    try:
        with _database(instance, database), _broker(instance, broker):
            yield {
                "DATABASE_URL": f"postgresql://{paths.ROLE}:{quote(PASSWORD, safe='')}@127.0.0.1:{database}/town",
                "REDIS_URL": f"redis://:{SUPERUSERS_PASSWORD}@127.0.0.1:{broker}/0",
                "SUPERUSERS_URL": f"postgresql://postgres:{SUPERUSERS_PASSWORD}@127.0.0.1:{database}/town",
            }
    finally:
        for directory in (paths.socket_directory(home), paths.state_directory(home)):
            shutil.rmtree(directory.parent, ignore_errors=True)


def _answers(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_mail_is_filed_on_servers_of_ones_own(servers: dict[str, str], copied_checkout: Path, tmp_path: Path) -> None:
    superusers_url = servers.pop("SUPERUSERS_URL")
    http, smtp, sink, dns = (_free_port() for _ in range(4))
    environment = (
        os.environ
        | servers
        | {
            "HTTP_PORT": str(http),
            "SMTP_PORT": str(smtp),
            "RELAY_URL": f"smtp://127.0.0.1:{sink}",
            "DNS_AUTHORITATIVE_PORT": str(dns),
            "MAIL_DOMAIN": "brev.example.net",
            "SENDER_SUBDOMAIN_LABEL": "post",
        }
    )
    product = RunningProduct(copied_checkout, environment, tmp_path / "log")
    try:
        product.wait_for("KundoMail is running")
        output = product.log.read_text()
        assert PASSWORD not in output
        assert quote(PASSWORD, safe="") not in output
        assert SUPERUSERS_PASSWORD not in output
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/health/ready/") as page:
            assert page.status == 200
        before = _answers(superusers_url, "SELECT count(*) FROM conversations_message")[0][0]
        command = [sys.executable, "manage.py", "demo_mail"]
        sent = subprocess.run(
            command, cwd=copied_checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert sent.returncode == 0, sent.stderr
        deadline = time.monotonic() + 30
        while _answers(superusers_url, "SELECT count(*) FROM conversations_message")[0][0] == before:
            assert time.monotonic() < deadline, "the mail was not filed"
            time.sleep(0.1)
        assert "@brev.example.net" in sent.stdout
        assert not paths.state_directory(copied_checkout).joinpath("postgres").exists()
    finally:
        product.process.send_signal(signal.SIGINT)
        assert product.process.wait(60) == 0
