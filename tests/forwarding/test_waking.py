"""The filing worker is woken beside the SMTP path: once for many commits, and again after the database was away."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connection

from forwarding.waking import Waker
from organizations.wakeups import SPOOL, Listener
from tests.support.database import CUT_OFF

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waker() -> Iterator[Waker]:
    waker = Waker(SPOOL, pause_seconds=0.3)
    yield waker
    waker.close()


def heard(listener: Listener, seconds: float) -> int:
    """How many notifications come within the time."""
    deadline, count = time.monotonic() + seconds, 0
    while (left := deadline - time.monotonic()) > 0:
        count += len(listener.wait(left))
    return count


@pytest.mark.slow
def test_many_commits_are_one_or_two_notifications(waker: Waker) -> None:
    with Listener(SPOOL) as listener:
        for _ in range(500):
            waker.wake()
        assert 1 <= heard(listener, 2) <= 3
        waker.wake()
        assert heard(listener, 2) == 1


def test_it_goes_on_after_the_database_was_away(waker: Waker) -> None:
    waker.wake()
    time.sleep(0.5)
    with connection.cursor() as cursor:
        cursor.execute(CUT_OFF)
    time.sleep(0.5)
    with Listener(SPOOL) as listener:
        waker.wake()
        assert heard(listener, 2) == 1


def test_what_was_asked_before_the_end_is_still_sent() -> None:
    with Listener(SPOOL) as listener:
        waker = Waker(SPOOL, pause_seconds=10)
        waker.wake()
        waker.close()
        assert heard(listener, 1) >= 1
