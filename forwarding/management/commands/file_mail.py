"""`manage.py file_mail`: the filing worker, and beside it the proving of authors."""

from __future__ import annotations

import logging
import threading
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from forwarding import filing
from forwarding.reading.child import Reader
from forwarding.verifying import Verifier
from organizations import wakeups, worker

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Files accepted mail until told to stop. Several may run; each row is taken by one."""

    help = "File accepted mail into conversations until stopped (SIGTERM)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For scripts and tests."""
        parser.add_argument("--once", action="store_true", help="file what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the loop with one reading child. A thread of its own waits for the DNS, so that no mail does."""
        with Reader() as reader:
            if options["once"]:
                while filing.file_due(reader):
                    pass
                while Verifier().verify_due():
                    pass
                return
            stop = threading.Event()
            verifying = threading.Thread(target=_verify, args=[stop], name="verifying")
            verifying.start()
            try:
                worker.run(partial(filing.file_due, reader), wakeups.SPOOL)
            finally:
                stop.set()
                verifying.join()


def _verify(stop: threading.Event) -> None:
    """The rows are the truth here too: whatever goes wrong, what is due is looked at again."""
    while not stop.is_set():
        try:
            worker.run(Verifier().verify_due, stop=stop)
        except Exception:
            log.exception("the proving of authors stumbled and begins again")
            stop.wait(worker.POLL_SECONDS)
    connections.close_all()
