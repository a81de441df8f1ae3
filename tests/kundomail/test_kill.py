"""kill -9 of any one process while mail arrives: what got a 250 is in its inbox afterwards, once."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest
import redis

from tests.support.product import Product, product, wait_until

pytestmark = pytest.mark.slow

PROCESSES = ["postgres", "valkey", "web", "smtp", "filing", "delivery", "worker", "beat", "sink", "dns"]
MAILS = 50
SENDERS = 5
SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
FILED = """
    SELECT m.message_id FROM conversations_message m JOIN inboxes_inbox i ON i.id = m.inbox_id
    WHERE i.address = 'jobb@lillestad.se' AND m.message_id LIKE '{}%'
"""
UNFINISHED = "SELECT count(*) FROM forwarding_delivery WHERE state IN ('accepted', 'parked')"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("product")) as started:
        started.manage("demo_data")
        yield started


def deliver(running: Product, message_id: str) -> None:
    """Send until it is accepted, as a mail server does: a lost reply or a temporary refusal means another try."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "barry@example.org", "jobb@lillestad.se", f"Fråga {message_id}"
    mail["Message-ID"] = f"<{message_id}>"
    mail.set_content(f"Hej, detta är {message_id}.")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=10) as client:
                client.send_message(mail, "barry@example.org", [SERVICE_ADDRESS])
        except (OSError, smtplib.SMTPException) as error:
            if any(code >= 500 for code in _codes(error)):
                pytest.fail(f"a permanent refusal for a trouble of ours: {error}")
        else:
            return
        time.sleep(0.2)
    pytest.fail(f"{message_id} was not accepted within a minute")


def _codes(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _reply in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []


def filed(running: Product, mark: str) -> list[str]:
    return [message_id for (message_id,) in running.rows(FILED.format(mark))]


@pytest.mark.parametrize("victim", PROCESSES)
def test_every_accepted_mail_is_in_its_inbox_once_after(victim: str, running: Product) -> None:
    wanted = {f"{victim}.{number}@example.org" for number in range(MAILS)}
    killer = threading.Timer(0.3, running.kill, [victim])
    killer.start()
    with ThreadPoolExecutor(SENDERS) as senders:
        for done in [senders.submit(deliver, running, message_id) for message_id in sorted(wanted)]:
            done.result()
    killer.join()
    wait_until(lambda: len(filed(running, victim)) >= MAILS, 60, f"{MAILS} mails after {victim} was killed")
    assert sorted(filed(running, victim)) == sorted(wanted)
    wait_until(lambda: running.pid(victim) is not None, 60, f"{victim} to be started again")
    wait_until(lambda: running.rows(UNFINISHED) == [(0,)], 60, "every delivery to have its final state")
    assert sorted(filed(running, victim)) == sorted(wanted)


def test_mail_goes_on_while_the_broker_is_gone(running: Product) -> None:
    """Redis is a convenience of the checks; receiving and filing never ask for it."""
    redis.Redis.from_url(running.environment["REDIS_URL"]).flushall()
    running.kill("valkey")
    deliver(running, "utan-redis.1@example.org")
    wait_until(lambda: filed(running, "utan-redis") == ["utan-redis.1@example.org"], 30, "the mail")
