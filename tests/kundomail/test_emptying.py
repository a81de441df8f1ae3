"""The database is empty after a test, whoever is still asking it something."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import psycopg2
import pytest
from django.db import connection

from organizations.models import Organization, User
from tests.support.builders import town
from tests.support.emptying import empty_the_database

LAST = """
    SELECT max(oid)::regclass::text FROM pg_class WHERE relkind = 'r' AND relforcerowsecurity AND pg_relation_size(oid) > 0
"""
HELD_BY_WHO_WAITS = """
    SELECT held.relation::regclass::text FROM pg_locks AS held JOIN pg_locks AS wanted USING (pid)
    WHERE wanted.relation = %s::regclass AND NOT wanted.granted
        AND held.mode = 'AccessExclusiveLock' AND held.granted AND held.locktype = 'relation'
"""


@pytest.mark.django_db(transaction=True)
def test_a_request_that_still_runs_gets_its_answer_and_the_database_is_emptied_after_it() -> None:
    town()
    with connection.cursor() as cursor:
        cursor.execute(LAST)
        (last,) = cursor.fetchone()
    request = psycopg2.connect(**connection.get_connection_params())
    with request, request.cursor() as cursor:
        cursor.execute(f"SELECT FROM {last} LIMIT 1")
        emptying = threading.Thread(target=empty)
        emptying.start()
        cursor.execute(f"SELECT FROM {taken_by_who_waits_for(last)} LIMIT 1")
    request.close()
    emptying.join()
    assert (User.objects.count(), Organization.objects.count()) == (0, 0)


def empty() -> None:
    try:
        empty_the_database(SimpleNamespace(_databases_names=lambda **_: ["default"]))
    finally:
        connection.close()


def taken_by_who_waits_for(table: str) -> str:
    """A table that the emptying has to itself while it waits for that one."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(HELD_BY_WHO_WAITS, [table])
            if found := cursor.fetchone():
                return str(found[0])
        time.sleep(0.01)
    pytest.fail("nobody waits")
