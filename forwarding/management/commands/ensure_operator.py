"""`manage.py ensure_operator`: the inbox that mail to postmaster and abuse goes to."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from forwarding import operators
from organizations.models import User


class Command(BaseCommand):
    """RFC 5321 section 4.5.1 wants postmaster read; until there is an inbox for it, such mail is put off."""

    help = (
        "Make the organization and the inbox that read mail to postmaster and abuse, unless they are there. "
        "The key of its service address is the setting SMTP_OPERATOR_KEY."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument(
            "--admin", metavar="EMAIL", help="who reads it; needed the first time, and adds an admin later"
        )
        parser.add_argument("--name", default=operators.ORGANIZATION, help="of the organization, when it is made")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError when the key is taken, or when nobody would read the inbox."""
        admin = self._admin(options["admin"])
        try:
            address, made = operators.ensure(settings.SMTP_OPERATOR_KEY, admin=admin, name=options["name"])
        except operators.NoOperator as error:
            raise CommandError(str(error)) from error
        state = "made" if made else "there already"
        self.stdout.write(f"mail to postmaster and abuse goes to {address} ({state})")

    def _admin(self, email: str | None) -> User | None:
        if email is None:
            return None
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            # No password is set: the person chooses one with "forgotten password" on the log-in page.
            user = User.objects.create_user(email)
            self.stdout.write(
                f"{user.email} can log in after choosing a password: {settings.SITE_URL}/accounts/password/reset/"
            )
        return user
