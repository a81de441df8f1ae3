"""The loop that every queue worker runs: take what is due, then sleep until woken or until the next poll."""

from __future__ import annotations

import gc
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

import psycopg2
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from organizations.wakeups import Listener

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
DATABASE_RETRY_SECONDS = 1.0


def run(step: Callable[[], int], *channels: str, stop: threading.Event | None = None) -> None:
    """Call `step` (which returns how many rows it handled) until SIGTERM or SIGINT, or until `stop` is set.

    A lost database connection is waited out: the rows are the truth, so nothing is forgotten meanwhile.
    """
    stop = stop or _stop_on_signals()
    # What is there now stays as long as the process: looking through it for garbage, again and again, took a fifteenth of
    # the filing worker's time.
    gc.collect()
    gc.freeze()
    while not stop.is_set():
        try:
            with Listener(*channels) as listener:
                _until_cut_off(step, listener, stop)
        except (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            log.warning("database not reachable, trying again: %s", type(error).__name__)
            connections.close_all()
            stop.wait(DATABASE_RETRY_SECONDS)


def _until_cut_off(step: Callable[[], int], listener: Listener, stop: threading.Event) -> None:
    while not stop.is_set():
        if not step():
            close_old_connections()
            listener.wait(POLL_SECONDS)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    return stop
