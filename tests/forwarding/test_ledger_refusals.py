"""Mail for our addresses that the SMTP server refuses, over real SMTP: it can be looked up, with the reply it got."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from forwarding.directory import ServiceDirectory
from forwarding.models import Refusal
from forwarding.refusals import RefusalLog, write
from forwarding.smtpd import replies
from forwarding.smtpd.envelope import Recipient
from forwarding.smtpd.envelope import Refusal as Refused
from forwarding.smtpd.limits import Limits
from forwarding.spool import DatabaseSpool
from inboxes.models import ServiceAddress
from organizations import scope
from tests.support.builders import Town, town
from tests.support.mails import address_of, mail
from tests.support.product import wait_until
from tests.support.smtp import MemorySpool, Running, receiving
from whitelabel.keys import token_keys

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def server(limits: Limits | None = None, spool: Any = None, per_day: int = 100) -> Iterator[Running]:
    """SMTP with the real directory and a real log of refusals, written when the server has stopped."""
    directory = ServiceDirectory(
        mail_domain=settings.MAIL_DOMAIN, operator_key="", token_keys=token_keys(), suspension=timedelta(days=14)
    )
    refusals = RefusalLog(per_day=per_day)
    spool = spool or DatabaseSpool()
    try:
        with receiving(limits, directory=directory, spool=spool, refusals=refusals) as running:
            yield running
    finally:
        refusals.close()
        directory.close()
        if isinstance(spool, DatabaseSpool):
            spool.close()


def attempt(running: Running, to: str, raw: bytes = b"", sender: str = "barry@example.org") -> str:
    """Try to deliver; gives the reply of the refusal, or "" when the mail is taken."""
    with smtplib.SMTP("127.0.0.1", running.port, timeout=10) as client:
        try:
            client.sendmail(sender, [to], raw or mail())
        except smtplib.SMTPRecipientsRefused as refused:
            [(code, text)] = refused.recipients.values()
        except smtplib.SMTPResponseException as refused:
            code, text = refused.smtp_code, refused.smtp_error
        else:
            return ""
    return f"{code} {text.decode() if isinstance(text, bytes) else text}"


def rows(place: Town) -> list[Refusal]:
    with scope.organization(place.organization):
        return list(Refusal.objects.order_by("pk"))


def put(place: Town, state: str, *, days_ago: int = 0) -> None:
    with scope.organization(place.organization):
        since = timezone.now() - timedelta(days=days_ago)
        ServiceAddress.objects.filter(inbox=place.inbox).update(state=state, state_since=since)


def refused(place: Town, number: int, *, at: datetime | None = None) -> Refused:
    recipient = Recipient("x", "jobb.lillestad.se@mail.kundo.se", place.organization.pk, place.inbox.pk, None)
    return Refused(
        replies.FLOOD, (recipient,), "192.0.2.1", "mx.example", f"{number}@example.org", at or datetime.now(UTC)
    )


@pytest.fixture
def lillestad() -> Town:
    return town()


@pytest.mark.parametrize(
    ("state", "days_ago", "reply"),
    [
        ("suspended", 0, "450 4.2.1 Mailbox temporarily closed, please retry later"),
        ("suspended", 15, "550 5.1.1 No such mailbox here"),
        ("retired", 0, "550 5.1.1 No such mailbox here"),
    ],
)
def test_mail_to_a_closed_address_of_ours_is_written_down(
    state: str, days_ago: int, reply: str, lillestad: Town
) -> None:
    address = address_of(lillestad.inbox)
    put(lillestad, state, days_ago=days_ago)
    with server() as running:
        assert attempt(running, address) == reply
    [row] = rows(lillestad)
    assert (row.reply, row.recipient, row.mail_from, row.inbox_id) == (
        reply, address, "barry@example.org", lillestad.inbox.pk,
    )  # fmt: skip
    assert (row.peer_ip, row.times) == ("127.0.0.1", 1)


def test_mail_to_an_address_that_was_never_ours_is_nobodys_business(lillestad: Town) -> None:
    with server() as running:
        assert attempt(running, "nobody.lillestad.se@mail.kundo.se").startswith("550")
        assert attempt(running, "barry@example.org").startswith("550")
    assert rows(lillestad) == []


def test_a_mail_too_large_is_written_down(lillestad: Town) -> None:
    limits = Limits(message_octets=2000)
    with server(limits) as running, smtplib.SMTP("127.0.0.1", running.port, timeout=10) as client:
        client.ehlo()
        client.mail("barry@example.org")
        client.rcpt(address_of(lillestad.inbox))
        assert client.data(mail(text="lång " * 500))[0] == 552
    [row] = rows(lillestad)
    assert row.reply == "552 5.3.4 Message too large"


def test_a_mail_far_too_large_is_written_down_though_its_session_ends(lillestad: Town) -> None:
    with server(Limits(message_octets=2000)) as running, running.session() as session:
        session.hello(address_of(lillestad.inbox), sender="barry@example.org")
        session.send(b"A line of a mail without end\r\n" * 1000)
        assert session.reply() == b"421 4.7.0 Message far too large\r\n"
    [row] = rows(lillestad)
    assert (row.reply, row.mail_from) == ("421 4.7.0 Message far too large", "barry@example.org")


def test_a_mail_that_goes_in_circles_is_written_down(lillestad: Town) -> None:
    raw = b"Received: from x by y; Mon, 2 Nov 2026 08:00:00 +0100\r\n" * 101 + mail()
    with server() as running:
        assert attempt(running, address_of(lillestad.inbox), raw) == "554 5.4.6 Mail loop detected"
    assert [row.reply for row in rows(lillestad)] == ["554 5.4.6 Mail loop detected"]


def test_a_flood_is_one_row_with_its_number(lillestad: Town) -> None:
    with server(Limits(flood_per_minute=1)) as running:
        replied = [attempt(running, address_of(lillestad.inbox)) for _ in range(4)]
    assert [reply[:3] for reply in replied] == ["", "450", "450", "450"]
    [row] = rows(lillestad)
    assert (row.reply[:3], row.times) == ("450", 3)
    assert row.first_at < row.last_at


def test_a_mail_that_could_not_be_stored_is_written_down_when_it_can_be(lillestad: Town) -> None:
    spool = MemorySpool()

    async def fail() -> None:
        raise OSError("the disk is gone")

    spool.before = fail
    with server(spool=spool) as running:
        assert attempt(running, address_of(lillestad.inbox)).startswith("451 4.3.0")
    assert [row.reply[:3] for row in rows(lillestad)] == ["451"]


def test_a_mail_that_is_taken_leaves_no_refusal(lillestad: Town) -> None:
    with server() as running:
        assert attempt(running, address_of(lillestad.inbox)) == ""
    assert rows(lillestad) == []


def test_refusals_of_one_inbox_and_day_are_bounded(lillestad: Town) -> None:
    write([refused(lillestad, number) for number in range(12)], per_day=5)
    assert len(rows(lillestad)) == 5
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    write([refused(lillestad, 99, at=tomorrow), refused(lillestad, 0)], per_day=5)
    assert [row.times for row in rows(lillestad)] == [2, 1, 1, 1, 1, 1]


def test_a_refusal_is_told_to_its_organization_only(lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    write([refused(lillestad, 1)], per_day=5)
    assert (len(rows(lillestad)), rows(storstad)) == (1, [])


def test_while_the_database_is_away_refusals_wait(lillestad: Town, caplog: pytest.LogCaptureFixture) -> None:
    rename("forwarding_refusal", "forwarding_refusal_away")
    log = RefusalLog(per_day=5, retry_seconds=0.05)
    try:
        log.note(refused(lillestad, 1))
        log.note(refused(lillestad, 2))
        wait_until(lambda: "not written yet" in caplog.text, 10, "the log to notice")
    finally:
        rename("forwarding_refusal_away", "forwarding_refusal")
    wait_until(lambda: len(rows(lillestad)) == 2, 10, "the refusals to be written")
    log.close()


def rename(table: str, to: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {to}")


def test_a_size_refused_at_mail_is_written_down_for_the_recipient_named_behind_it(lillestad: Town) -> None:
    address = address_of(lillestad.inbox)
    with server(Limits(message_octets=2000)) as running, running.session().greet() as session:
        # As a server that pipelines: it names the recipient before it has read the reply to MAIL.
        session.send(b"MAIL FROM:<barry@example.org> SIZE=3000\r\nRCPT TO:<%s>\r\nDATA\r\n" % address.encode())
        assert [reply[:3] for reply in session.replies(3)] == [b"552", b"503", b"503"]
        assert session.command(b"RSET").startswith(b"250")
        assert session.command(b"RCPT TO:<%s>" % address.encode()).startswith(b"503")
    [row] = rows(lillestad)
    assert (row.reply, row.recipient, row.mail_from, row.times) == (
        "552 5.3.4 Message too large", address, "barry@example.org", 1,
    )  # fmt: skip


def test_the_last_refusals_are_written_before_the_server_ends(lillestad: Town) -> None:
    address = address_of(lillestad.inbox)
    put(lillestad, "retired")
    directory = ServiceDirectory(
        mail_domain=settings.MAIL_DOMAIN, operator_key="", token_keys=token_keys(), suspension=timedelta(days=14)
    )
    with receiving(directory=directory, refusals=RefusalLog(per_day=100)) as running:
        for number in range(20):
            attempt(running, address, sender=f"{number}@example.org")
        running.drain()
        assert len(rows(lillestad)) == 20
    directory.close()


def test_a_refusal_that_cannot_be_written_holds_up_no_other(lillestad: Town) -> None:
    nowhere = Recipient("x", "jobb.lillestad.se@mail.kundo.se", lillestad.organization.pk, 10**9, None)
    log = RefusalLog(per_day=5, retry_seconds=0.05)
    log.note(replace(refused(lillestad, 1), recipients=(nowhere,)))
    log.note(replace(refused(lillestad, 2), mail_from="nul\x00@example.org"))
    log.note(refused(lillestad, 3))
    wait_until(lambda: [row.mail_from for row in rows(lillestad)] == ["3@example.org"], 10, "the refusal to be written")
    log.close()
