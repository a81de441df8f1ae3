"""The embedded PostgreSQL: a data directory made by initdb, a role without privileges, a socket and no port.

Every connection is trusted, which is right only because the socket's directory is closed to all other users.
"""

import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from kundomail.local.account import Account
from kundomail.local.errors import LocalError
from kundomail.local.paths import DATABASE, POSTGRES_SOCKET, ROLE

SUPERUSER = "postgres"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.defpath}


@dataclass(frozen=True)
class Cluster:
    """One embedded PostgreSQL: its programs, data directory, socket directory and owner."""

    programs: Path
    data: Path
    sockets: Path
    account: Account
    durable: bool = True
    """False turns off every flush to disk: for tests, whose data nobody misses after a power cut."""
    max_connections: int = 100

    def command(self) -> tuple[str, ...]:
        """The command line of the server, which stays in the foreground and logs to standard error."""
        flags = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets).replace(",", r"\,"),
            "unix_socket_permissions": "0700",
            "shared_buffers": "64MB",
            "max_connections": str(self.max_connections),
            "jit": "off",
            "log_checkpoints": "off",
            "timezone": "UTC",
            "log_line_prefix": "",  # the supervisor tells the time
        }
        if not self.durable:
            flags |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [argument for name, value in flags.items() for argument in ("-c", f"{name}={value}")]
        return (str(self.programs / "postgres"), "-D", str(self.data), *options)

    def connect(self, database: str = SUPERUSER, role: str = SUPERUSER) -> "psycopg2.extensions.connection":
        """Open a connection, by default as superuser. Raises psycopg2.OperationalError while the server starts."""
        connection = psycopg2.connect(host=str(self.sockets), user=role, dbname=database, connect_timeout=5)
        connection.autocommit = True
        return connection

    def is_ready(self) -> bool:
        """Say whether the server takes connections."""
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True


def prepare(cluster: Cluster) -> None:
    """Make the data directory if there is none, and clear away what a crash left. The server must not be running.

    A directory that initdb did not finish is wiped. Raises LocalError when another version wrote the data.
    """
    _remove_leftovers(cluster)
    version_file = cluster.data / "PG_VERSION"
    if cluster.data.exists() and not version_file.exists():
        shutil.rmtree(cluster.data)
    if not cluster.data.exists():
        _initdb(cluster)
    _refuse_other_version(cluster, version_file.read_text().strip())


def _remove_leftovers(cluster: Cluster) -> None:
    """The caller holds the server's lock, so a pid file or socket belongs to nobody: its pid may be anyone's by now."""
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    (cluster.sockets / POSTGRES_SOCKET).unlink(missing_ok=True)
    (cluster.sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)


def _refuse_other_version(cluster: Cluster, found: str) -> None:
    output = subprocess.run([cluster.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    expected = output.stdout.split()[-1].split(".")[0]
    if found != expected:
        raise LocalError(
            f"The data in {cluster.data} was written by PostgreSQL {found}, and the installed one is {expected}. "
            "Move the directory away to start with an empty database, or install the old version and dump it first."
        )


def _initdb(cluster: Cluster) -> None:
    """Run initdb beside the final place and rename at the end: a killed initdb never looks like a database."""
    unfinished = cluster.data.with_name(f"{cluster.data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [str(cluster.programs / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust"]
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    if not cluster.durable:
        command.append("--no-sync")
    done = subprocess.run(
        command, cwd="/", env=ENVIRONMENT, capture_output=True, text=True, check=False, **cluster.account.switch()
    )
    if done.returncode != 0:
        raise LocalError(f"initdb could not make a database in {cluster.data}:\n{done.stdout}{done.stderr}")
    unfinished.rename(cluster.data)


def provision(cluster: Cluster) -> None:
    """Give the running server the application's role and database; repeating it changes nothing.

    The role may create databases (for tests) and is bound by row-level security.
    """
    with closing(cluster.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
        role = sql.Identifier(ROLE)
        cursor.execute(sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE CREATEDB").format(verb, role))
        _let_search_use_its_index(cluster, "template1")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not cursor.fetchone():
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), role))


def _let_search_use_its_index(cluster: Cluster, database: str) -> None:
    """Mark the full-text match as leakproof, so that a GIN index serves it below row-level security too.

    Databases made from `database` inherit the mark.
    """
    with closing(cluster.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF")
