"""`manage.py file_mail`: the filing worker, and beside it the proving of authors."""

from __future__ import annotations

import logging
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from forwarding import filing
from forwarding.limited_child import ChildLimits
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
        """Run the loops: one for new mail, one for small new mail, one for what was tried before, one that asks the DNS.

        Each has a thread and a child process of its own: what is slow in one holds up nothing in another.
        """
        with ExitStack() as running:
            patient = running.enter_context(Reader(_limits(settings.READING_WALL_SECONDS)))
            verifier = running.enter_context(Verifier(limits=_limits(settings.READING_WALL_SECONDS)))
            if options["once"]:
                while filing.file_due(patient):
                    pass
                while verifier.verify_due():
                    pass
                return
            hurried = _limits(settings.READING_HURRIED_SECONDS)
            small, any_size = (running.enter_context(Reader(hurried)) for _ in range(2))
            running.enter_context(_beside("verifying", verifier.verify_beside_filing))
            # New mail does not wake this one: what it takes may wait for its next look.
            running.enter_context(_beside("again", partial(filing.file_again, patient)))
            running.enter_context(_beside("light", partial(filing.file_light, small), wakeups.SPOOL))
            worker.run(partial(filing.file_fresh, any_size), wakeups.SPOOL)


def _limits(wall_seconds: float) -> ChildLimits:
    return ChildLimits(
        cpu_seconds=settings.READING_CPU_SECONDS,
        wall_seconds=wall_seconds,
        memory_octets=settings.READING_MEMORY_OCTETS,
    )


@contextmanager
def _beside(name: str, step: Callable[[], int], *channels: str) -> Iterator[None]:
    """Run the loop of `step` in a thread until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_keep_going, args=[name, step, channels, stop], name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_going(name: str, step: Callable[[], int], channels: tuple[str, ...], stop: threading.Event) -> None:
    """The rows are the truth here too: whatever goes wrong, what is due is looked at again."""
    while not stop.is_set():
        try:
            worker.run(step, *channels, stop=stop)
        except Exception:
            log.exception("the loop %s stumbled and begins again", name)
            stop.wait(worker.POLL_SECONDS)
    connections.close_all()
