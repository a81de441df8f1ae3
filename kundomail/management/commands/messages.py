"""`manage.py messages`: which texts have no Swedish yet. `make lint` calls it with --check."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kundomail import translating
from kundomail.settings.environment import BASE_DIR


class Command(BaseCommand):
    """Prints one line for each text that a catalogue in locale/ lacks or has wrong."""

    help = "List the texts of code and templates that have no Swedish translation in locale/."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="exit with 1 when there is anything to list")

    def handle(self, *args: Any, **options: Any) -> None:
        """List; with --check, also fail."""
        faults = translating.faults(BASE_DIR)
        for fault in faults:
            self.stdout.write(str(fault))
        if faults and options["check"]:
            raise SystemExit(1)
