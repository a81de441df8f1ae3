"""The loop of the queue workers, when the database goes away under it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from organizations import worker
from tests.support.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("cut", ["closed", "ended"])
def test_a_connection_that_is_gone_is_replaced(cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DATABASE_RETRY_SECONDS", 0.01)
    stop, found = threading.Event(), []

    def step() -> int:
        with connection.cursor() as cursor:
            if not found:
                found.append(cut)
                if cut == "closed":
                    connection.connection.close()
                else:
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 1")
        stop.set()
        return 1

    # In a thread: the connection of the test stays whole.
    assert at_once(lambda: worker.run(step, "filing", stop=stop)) == []
    assert stop.is_set()
