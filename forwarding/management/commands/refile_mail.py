"""`manage.py refile_mail`: have mail filed anew that could not be shown whole, for example after a release that reads better."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from forwarding import refiling
from forwarding.management.commands.ledger import owners
from organizations import scope


class Command(BaseCommand):
    """Puts parked mail, and mail that was read in part, back into the filing queue. No mail is ever shown twice."""

    help = "Put parked mail, and mail that could be read only in part, back into the filing queue. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--organization", metavar="SLUG", help="one organization (default: all)")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an unknown organization."""
        parked = partly = 0
        for organization_id, _slug in owners(options["organization"]):
            with scope.organization(organization_id):
                parked += refiling.parked()
                partly += refiling.read_in_part()
                if not options["dry_run"]:
                    refiling.refile_all()
        then = "" if options["dry_run"] else ": put back into the queue"
        self.stdout.write(f"{parked} parked mails, {partly} read in part{then}")
