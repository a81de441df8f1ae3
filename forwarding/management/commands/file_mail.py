"""`manage.py file_mail`: the filing worker."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand

from forwarding import filing
from forwarding.reading.child import Reader
from organizations import wakeups, worker


class Command(BaseCommand):
    """Files accepted mail until told to stop. Several may run; each row is taken by one."""

    help = "File accepted mail into conversations until stopped (SIGTERM)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For scripts and tests."""
        parser.add_argument("--once", action="store_true", help="file what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the loop with one reading child."""
        with Reader() as reader:
            if options["once"]:
                while filing.file_due(reader):
                    pass
                return
            worker.run(partial(filing.file_due, reader), wakeups.SPOOL)
