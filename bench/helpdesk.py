"""django-helpdesk filing the same mails, in an environment of its own beside the benchmark's database."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from psycopg2 import sql

from bench import processes
from bench.database import CHECKOUT, Database

PLACE = CHECKOUT / ".local" / "bench-helpdesk"
REQUIREMENTS = ("django-helpdesk~=2.6", "psycopg2-binary~=2.9")
INSTALL_SECONDS = 600
DATABASE = "helpdesk"


@dataclass(frozen=True)
class Filed:
    """What it filed, and what that cost: seconds on the clock, and of CPU for all mails."""

    messages: int
    elapsed: float
    application: float
    database: float

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.elapsed

    @property
    def cpu_ms(self) -> float:
        """All CPU per message, milliseconds."""
        return 1000 * (self.application + self.database) / self.messages


def installed() -> bool:
    """Whether its environment is there, made now if it can be."""
    python = PLACE / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
    try:
        return subprocess.run(pip, capture_output=True, timeout=INSTALL_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Helpdesk:
    """An installation with an empty database beside the benchmark's, and one queue."""

    def __init__(self, base: Database) -> None:
        self._base = base
        address = urlsplit(base.url)
        self._place = [parse_qs(address.query)["host"][0], address.username or ""]
        _recreate_database(base)
        with tempfile.TemporaryDirectory(prefix="bench-helpdesk-") as folder:
            self._run(folder, "prepare")

    def file(self, messages: Sequence[bytes]) -> Filed:
        """File the messages that it can read: one that is not UTF-8 stops it."""
        with tempfile.TemporaryDirectory(prefix="bench-helpdesk-") as folder:
            for number, raw in enumerate(messages):
                if _is_utf8(raw):
                    (Path(folder) / f"{number:06}").write_bytes(raw)
            before = processes.cpu_seconds(self._base.pid)
            printed = self._run(folder, "file")
            database = processes.cpu_seconds(self._base.pid) - before
        figures = json.loads(printed.splitlines()[-1])
        return Filed(figures["messages"], figures["elapsed"], figures["cpu"], database)

    def _run(self, folder: str, step: str) -> str:
        # -P: its own `helpdesk` is meant, not this file.
        worker = [PLACE / "bin" / "python", "-P", Path(__file__).with_name("helpdesk_worker.py"), folder]
        done = subprocess.run([*worker, *self._place, step], capture_output=True, text=True, check=True)
        return done.stdout


def _recreate_database(base: Database) -> None:
    connection = base.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        for verb in ("DROP DATABASE IF EXISTS {}", "CREATE DATABASE {}"):
            cursor.execute(sql.SQL(verb).format(sql.Identifier(DATABASE)))
    connection.close()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
