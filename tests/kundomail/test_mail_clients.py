"""Mail programs other than ours against the running product."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.product import Product, product, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SWAKS = shutil.which("swaks")
SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
FILED = """
    SELECT i.address, m.subject, m.text FROM conversations_message m JOIN inboxes_inbox i ON i.id = m.inbox_id
    WHERE m.from_address = 'barry@example.org' AND m.subject = 'Fråga med swaks'
"""
KEPT = "SELECT count(*) FROM forwarding_delivery WHERE mail_from = 'okand@example.org'"
needs_swaks = pytest.mark.skipif(SWAKS is None, reason="swaks is missing: apt-get install swaks")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("product")) as started:
        started.manage("demo_data")
        yield started


def swaks(running: Product, *options: str) -> subprocess.CompletedProcess[str]:
    server = ["--server", "127.0.0.1", "--port", str(running.smtp_port), "--helo", "client.example", "--timeout", "20"]
    return subprocess.run([str(SWAKS), *server, *options], capture_output=True, text=True, timeout=60, check=False)


@needs_swaks
def test_a_mail_sent_with_swaks_over_tls_is_in_its_inbox(running: Product) -> None:
    mail = ["--from", "barry@example.org", "--to", SERVICE_ADDRESS, "--header", "Subject: Fråga med swaks"]
    done = swaks(running, "--tls", *mail, "--body", "Hej, när öppnar ni?")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: bool(running.rows(FILED)), 30, "the mail in its inbox")
    [(inbox, subject, text)] = running.rows(FILED)
    assert (inbox, subject, text.strip()) == ("jobb@lillestad.se", "Fråga med swaks", "Hej, när öppnar ni?")


@needs_swaks
def test_swaks_is_told_that_an_address_is_unknown(running: Product) -> None:
    done = swaks(running, "--from", "okand@example.org", "--to", "finns.inte.se@mail.kundo.se")
    assert done.returncode != 0
    assert "<** 550 5.1.1" in done.stdout
    assert running.rows(KEPT) == [(0,)]


def test_an_unknown_recipient_is_refused_and_the_known_one_beside_it_gets_the_mail(running: Product) -> None:
    recipients = ["finns.inte.se@mail.kundo.se", SERVICE_ADDRESS]
    mail = "From: berit@example.org\r\nMessage-ID: <beside.1@example.org>\r\nSubject: Hej\r\n\r\nHej!\r\n"
    with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=20) as client:
        refused = client.sendmail("berit@example.org", recipients, mail)
    assert {address: (code, text[:5]) for address, (code, text) in refused.items()} == {
        "finns.inte.se@mail.kundo.se": (550, b"5.1.1")
    }
    filed = "SELECT count(*) FROM conversations_message WHERE message_id = 'beside.1@example.org'"
    wait_until(lambda: running.rows(filed) == [(1,)], 30, "the mail of the known recipient")
