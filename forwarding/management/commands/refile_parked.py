"""`manage.py refile_parked`: have parked mail filed anew, for example after a release that reads it better."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from forwarding import ledger
from forwarding.management.commands.ledger import owners
from organizations import scope


class Command(BaseCommand):
    """Puts parked mail back into the filing queue. A mail that is in its inbox already is never filed twice."""

    help = "Put all parked mail back into the filing queue. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--organization", metavar="SLUG", help="one organization (default: all)")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an unknown organization."""
        total = 0
        for organization_id, _slug in owners(options["organization"]):
            with scope.organization(organization_id):
                total += ledger.parked() if options["dry_run"] else ledger.refile_all()
        act = "parked" if options["dry_run"] else "put back into the queue"
        self.stdout.write(f"{total} mails {act}")
