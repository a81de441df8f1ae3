"""`manage.py receive_mail`: the SMTP server."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from forwarding import receiving
from forwarding.smtpd.door import Door
from forwarding.smtpd.processes import Processes
from forwarding.smtpd.server import listen


class Command(BaseCommand):
    """Listens, and serves until SIGTERM or SIGINT. SIGHUP reads the certificate anew."""

    help = "Receive mail by SMTP. Answers 250 only for what is committed to the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--host`, `--port` (0: a free one) and `--processes`; each has a setting as default."""
        parser.add_argument("--host", default=settings.SMTP_HOST)
        parser.add_argument("--port", type=int, default=settings.SMTP_PORT)
        parser.add_argument("--processes", type=int, default=settings.SMTP_PROCESSES)

    def handle(self, *args: Any, host: str, port: int, processes: int, **options: Any) -> None:
        """Run. Raises CommandError when the port is taken or the certificate cannot be read."""
        limits = receiving.limits_from_settings()
        try:
            tls = receiving.tls_from_settings()
            listeners = listen(host, port, processes)
        except OSError as error:
            raise CommandError(f"The SMTP server cannot start on {host} port {port}: {error}") from error
        door = Door(limits, receiving.networks([*settings.SMTP_WIDE_NETWORKS, *settings.SMTP_XFORWARD_NETWORKS]))
        make_service = receiving.service_maker(limits, door, tls)
        self.stdout.write(f"receiving mail on {host} port {listeners[0].getsockname()[1]}, {processes} processes")
        self.stdout.flush()
        Processes(listeners, door, make_service, stop_seconds=limits.drain_seconds + limits.store_seconds).run()
