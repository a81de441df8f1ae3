"""`manage.py demo_sink`: the relay of local mode, which keeps mail instead of sending it."""

import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from whitelabel.demo_sink import Sink, resolve_txt


class Command(BaseCommand):
    """Listens where RELAY_URL points until stopped. Local mode only."""

    requires_system_checks: list[str] = []
    help = "Take mail from the outbox like a relay would, and show it at /demo/sent/ (local mode only)."

    def handle(self, *args: Any, **options: Any) -> None:
        url = urlsplit(settings.RELAY_URL)
        if not settings.LOCAL or url.scheme != "smtp":
            raise CommandError("demo_sink runs in local mode (KUNDOMAIL_LOCAL=1) with RELAY_URL=smtp://127.0.0.1:port.")
        sink = Sink(Path(settings.DEMO_SINK_DIRECTORY), resolve_txt, settings.DEMO_SINK_MAILS)
        limit = settings.OUTGOING_MESSAGE_OCTETS * 2
        controller = Controller(sink, hostname=url.hostname, port=url.port or 25, data_size_limit=limit)
        controller.start()
        self.stdout.write(f"keeping mail given to {url.hostname}:{url.port}")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
        controller.stop()
