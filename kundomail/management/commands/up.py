"""`manage.py up`: the whole product on this machine, in the foreground. `make run` calls it."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kundomail.demo import loading
from kundomail.local import up
from kundomail.local.catalogues import compile_catalogues
from kundomail.local.errors import LocalError
from kundomail.settings.environment import BASE_DIR


class Command(BaseCommand):
    """Starts embedded servers and every process, prints where they are, and stops them on Ctrl-C."""

    help = "Run everything on this machine: embedded servers, web, SMTP, workers and the demo's surroundings."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until interrupted. Raises CommandError when something cannot be started."""
        compile_catalogues(BASE_DIR)
        plan = up.plan_from(BASE_DIR, os.environ)
        try:
            up.run(plan, self._welcome(plan.url, plan.smtp_port))
        except LocalError as error:
            raise CommandError(str(error)) from error

    def _welcome(self, url: str, smtp_port: int) -> list[str]:
        people = (("admin", loading.ADMIN), ("agent", loading.AGENT))
        logins = [f"  {role:<8}{email}  password {loading.PASSWORD}" for role, email in people]
        return [
            "",
            f"KundoMail is running at {url}",
            "Log in as",
            *logins,
            f"Mail is taken in by SMTP on port {smtp_port}; `python3 manage.py demo_mail` sends one.",
            "Ctrl-C stops everything.",
            "",
        ]
