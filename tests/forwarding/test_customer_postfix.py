"""A customer's Postfix with a line in its virtual alias file, as docs/operations.md gives it, before the running product."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kundomail.local import paths
from kundomail.local.locking import FileLock, Locked
from tests.support import mails
from tests.support.postfix import Postfix, missing, postfix
from tests.support.product import Product, product, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

AWAY_SECONDS = 45.0
"""The longest the database is kept away; the supervisor waits for its lock a little longer than that."""
CUSTOMER = """
virtual_alias_domains = lillestad.se
virtual_alias_maps = inline:{{jobb@lillestad.se = jobb.lillestad.se@mail.kundo.se}}
smtp_tls_security_level = may
"""
FILED = """
    SELECT i.address, m.addressed_to, d.recipient, d.tls <> '', m.text FROM conversations_message m
    JOIN inboxes_inbox i ON i.id = m.inbox_id JOIN forwarding_delivery d ON d.message_id = m.id
    WHERE m.message_id = '{}'
"""
STATES = "SELECT header_message_id, state FROM forwarding_delivery WHERE header_message_id LIKE '{}%'"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("product")) as started:
        started.manage("demo_data")
        yield started


@pytest.fixture
def customer(running: Product) -> Iterator[Postfix]:
    with postfix(running.smtp_port, CUSTOMER) as server:
        yield server


def write_to_the_customer(server: Postfix, message_id: str, text: str = "Hej, när öppnar ni?\n") -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=20) as client:
        client.sendmail("barry@example.org", ["jobb@lillestad.se"], mails.mail("Fråga", text, message_id=message_id))


@contextmanager
def database_away(running: Product) -> Iterator[None]:
    """Kill PostgreSQL and hold the lock it starts under, so that it stays away until the end of the block."""
    with FileLock(paths.socket_directory(running.place) / "postgres.lock") as lock:
        running.kill("postgres")
        for _ in range(5):
            try:
                lock.acquire(10)
                break
            except Locked:  # It was started again first.
                running.kill("postgres")
        else:
            pytest.fail("PostgreSQL could not be kept away")
        yield


def test_forwarded_mail_is_filed_and_labelled_with_the_address_it_was_sent_to(
    running: Product, customer: Postfix
) -> None:
    write_to_the_customer(customer, "alias.1@example.org")
    found = FILED.format("alias.1@example.org")
    wait_until(lambda: bool(running.rows(found)), 30, "the mail in its inbox")
    assert running.rows(found) == [
        ("jobb@lillestad.se", "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se", True, "Hej, när öppnar ni?\n")
    ]
    wait_until(lambda: customer.queued() == 0, 10, "the customer's queue to be empty")


def test_postfix_keeps_mail_while_the_database_is_away_and_delivers_it_once_afterwards(
    running: Product, customer: Postfix
) -> None:
    wanted = {f"away.{number}@example.org" for number in range(5)}
    started = time.monotonic()
    with database_away(running):
        for message_id in sorted(wanted):
            write_to_the_customer(customer, message_id)
        wait_until(lambda: _put_off(customer) >= len(wanted), AWAY_SECONDS, "Postfix to be told 451 for each")
        wait_until(lambda: customer.queued() == len(wanted), 10, "all of them to wait in its queue")
    assert time.monotonic() - started < AWAY_SECONDS + 10
    wait_until(lambda: _is_back(running), 60, "the database")
    customer.flush()
    wait_until(lambda: customer.queued() == 0, 60, "the customer's queue to be empty")
    assert "status=bounced" not in customer.log.read_text()
    wait_until(lambda: len(_filed(running, wanted)) >= len(wanted), 30, "the mails in their inbox")
    assert sorted(running.rows(STATES.format("away."))) == [(message_id, "filed") for message_id in sorted(wanted)]
    assert _filed(running, wanted) == sorted(wanted)


def _put_off(customer: Postfix) -> int:
    lines = customer.log.read_text().splitlines() if customer.log.exists() else []
    return sum("status=deferred" in line and "451 4.3.0" in line for line in lines)


def _is_back(running: Product) -> bool:
    """The front says whether a recipient can be looked up again."""
    with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=30) as client:
        client.ehlo()
        client.mail("barry@example.org")
        return client.rcpt("jobb.lillestad.se@mail.kundo.se")[0] == 250


def _filed(running: Product, wanted: set[str]) -> list[str]:
    rows = running.rows("SELECT message_id FROM conversations_message WHERE message_id LIKE 'away.%'")
    return sorted(message_id for (message_id,) in rows if message_id in wanted)
