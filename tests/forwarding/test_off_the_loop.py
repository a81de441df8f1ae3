"""The database's work is done off the event loop: who waits for it holds up nobody else."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from django.db import connection

from tests.support.builders import Town
from tests.support.mails import Pipeline, address_of, mail, states
from tests.support.smtp import RawSession

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def locked_tables() -> Iterator[None]:
    """Nobody else can read or write the spool or the service addresses."""
    locker = psycopg2.connect(connection.connection.dsn)
    try:
        with locker, locker.cursor() as cursor:
            cursor.execute("LOCK TABLE forwarding_delivery, inboxes_serviceaddress IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        locker.close()


def is_answered(session: RawSession) -> bool:
    return bool(select.select([session.socket], [], [], 0)[0])


def test_sessions_that_wait_for_a_locked_table_hold_up_no_other(post: Pipeline, lillestad: Town) -> None:
    known = address_of(lillestad.inbox)
    with RawSession(post.port) as storing, RawSession(post.port) as asking, RawSession(post.port) as other:
        storing.hello(known)
        asking.greet()
        other.greet()
        assert asking.command(b"MAIL FROM:<anna@example.org>").startswith(b"250")
        with locked_tables():
            storing.send(mail() + b".\r\n")
            asking.send(b"RCPT TO:<nobody.lillestad.se@mail.kundo.se>\r\n")
            time.sleep(0.3)  # Both are at the database by now.
            assert other.command(b"NOOP").startswith(b"250")
            assert (is_answered(storing), is_answered(asking)) == (False, False)
        assert storing.reply().startswith(b"250")
        assert asking.reply().startswith(b"550 5.1.1")
    assert states(lillestad.inbox) == ["accepted"]
