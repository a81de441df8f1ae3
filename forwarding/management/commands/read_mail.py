"""`manage.py read_mail PATH...`: read mail files without a database and print one JSON object a line."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from forwarding.reading.json_lines import as_json
from forwarding.understanding import understand


class Command(BaseCommand):
    """Prints what was read: for support, and for comparison with other readers."""

    help = "Read mail files (or folders of them) and print one JSON object per mail. Needs no database."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="mail file, or folder to search for files")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in _files(options["paths"]):
            self.stdout.write(json.dumps(read_file(path), ensure_ascii=False))


def read_file(path: Path) -> dict[str, Any]:
    """Read one mail file; `cpu_ms` is the processor time of reading, classifying and reading bounces."""
    raw = path.read_bytes()
    started = time.process_time()
    understood = understand(raw, None)
    spent = time.process_time() - started
    return {
        "path": str(path),
        **as_json(understood.mail),
        "class": str(understood.mail_class),
        "bounces": [
            {
                "recipient": bounce.recipient,
                "action": bounce.action,
                "status": bounce.status,
                "original_message_id": bounce.original_message_id,
            }
            for bounce in understood.bounces
        ],
        "cpu_ms": round(spent * 1000, 3),
    }


def _files(paths: list[str]) -> Iterator[Path]:
    for name in paths:
        path = Path(name)
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        elif path.is_file():
            yield path
        else:
            raise CommandError(f"There is no file or folder {name}.")
