"""`manage.py deliver_mail`: the worker that empties the outbox."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from organizations import wakeups, worker
from whitelabel import relays, service_mail
from whitelabel.delivery import Courier


class Command(BaseCommand):
    """Sends what is due to the relay until stopped. Several may run at the same time."""

    requires_system_checks: list[str] = []
    help = "Send the mail in the outbox to the relay (RELAY_URL)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        relay = relays.from_settings()
        courier = Courier(relay, stopping=stop.is_set)

        def step() -> int:
            return courier.step() + service_mail.send_due(relay)

        try:
            if options["once"]:
                while step():
                    pass
            else:
                worker.run(step, wakeups.OUTBOX, stop=stop)
        finally:
            courier.close()
