"""`manage.py demo_data`: load the demo organization. Local mode only."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kundomail.demo import loading


class Command(BaseCommand):
    """Loads the demo once; later calls change nothing."""

    help = "Load the demo organization with people, inboxes and mail (local mode only)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse outside local mode: the demo's passwords are public."""
        if not settings.LOCAL:
            raise CommandError("demo data has public passwords; it is loaded in local mode only")
        loading.load_demo()
        self.stdout.write(f"Admin {loading.ADMIN} and agent {loading.AGENT}, password {loading.PASSWORD}")
