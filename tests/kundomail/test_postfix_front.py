"""The Postfix that stands in front, before our own SMTP server with the real directory and spool."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from django.conf import settings
from django.db import connection

from forwarding.models import Delivery, RawMail
from organizations import scope
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, address_of, deliveries, mail, messages, pipeline, states
from tests.support.postfix import missing
from tests.support.postfix_posts import standing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.django_db(transaction=True),
]

OUTSIDE = "127.0.0.9"


@pytest.fixture
def lillestad(transactional_db: None) -> Town:
    return town()


@pytest.fixture
def post(transactional_db: None) -> Iterator[Pipeline]:
    with pipeline(behind_front=True) as running:
        yield running


@pytest.fixture
def client(post: Pipeline) -> Iterator[smtplib.SMTP]:
    """Somebody in the world, who talks to the Postfix in front."""
    with (
        standing("front", post.port, settings.MAIL_DOMAIN) as port,
        smtplib.SMTP("127.0.0.1", port, "mx.sender.example", 20, (OUTSIDE, 0)) as connected,
    ):
        connected.ehlo()
        yield connected


@contextmanager
def database_away() -> Iterator[None]:
    """Every connection but the test's own is cut, and no new one is let in."""
    name = connection.settings_dict["NAME"]
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
    connection.ensure_connection()
    outside = psycopg2.connect(
        connection.connection.dsn, dbname="postgres", password=connection.settings_dict["PASSWORD"]
    )
    outside.autocommit = True
    try:
        with outside.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                cursor.execute(others, [name, connection.connection.info.backend_pid])
                yield
            finally:
                cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    finally:
        outside.close()


def test_a_mail_is_filed_with_the_address_of_its_sender(client: smtplib.SMTP, post: Pipeline, lillestad: Town) -> None:
    raw = mail("Fråga om tider", "Hej, när öppnar ni?\n", message_id="first@mail.example.org")
    client.sendmail("barry@example.org", [address_of(lillestad.inbox)], raw)
    post.file()
    [delivery] = deliveries(lillestad.inbox)
    assert (delivery.state, delivery.peer_ip, delivery.helo) == (Delivery.State.FILED, OUTSIDE, "mx.sender.example")
    assert (delivery.mail_from, delivery.header_message_id) == ("barry@example.org", "first@mail.example.org")
    [message] = messages(lillestad.inbox)
    assert (message.subject, message.text) == ("Fråga om tider", "Hej, när öppnar ni?\n")


def test_an_unknown_address_is_refused_to_the_sender_itself(
    client: smtplib.SMTP, post: Pipeline, lillestad: Town
) -> None:
    unknown = f"nobody.lillestad.se@{settings.MAIL_DOMAIN}"
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("barry@example.org", [unknown], mail())
    assert refused.value.recipients[unknown][0] == 550
    assert refused.value.recipients[unknown][1].startswith(b"5.1.1 ")
    assert states(lillestad.inbox) == []


def test_while_the_database_is_away_the_sender_keeps_the_mail_and_brings_it_later(
    client: smtplib.SMTP, post: Pipeline, lillestad: Town
) -> None:
    known = address_of(lillestad.inbox)
    with database_away():
        client.mail("barry@example.org")
        code, said = client.rcpt(known)
        assert (code, said[:5]) == (451, b"4.3.0")
        client.rset()
    client.sendmail("barry@example.org", [known], mail())
    client.mail("barry@example.org")
    assert client.rcpt(known)[0] == 250
    with database_away():
        code, said = client.data(mail())
        assert (code, said[:5]) == (451, b"4.3.0")
    post.file()
    assert states(lillestad.inbox) == ["filed"]


def test_letters_and_octets_of_all_kinds_come_through(client: smtplib.SMTP, post: Pipeline, lillestad: Town) -> None:
    known = address_of(lillestad.inbox)
    swedish = "From: Jörg <jörg@exempel.example>\r\nSubject: Ansökan\r\n\r\nHallå från Örjan.\r\n".encode()
    latin = (
        b"From: Anna <anna@example.org>\r\nSubject: Latin\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n"
    )
    latin += b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nSm\xf6rg\xe5s\r\n"
    client.command_encoding = "utf-8"
    client.sendmail("jörg@exempel.example", [known], swedish, ["SMTPUTF8", "BODY=8BITMIME"])
    client.command_encoding = "ascii"
    client.sendmail("anna@example.org", [known], latin, ["BODY=8BITMIME"])
    post.file()
    assert [(m.from_address, m.subject, m.text.strip()) for m in messages(lillestad.inbox)] == [
        ("jörg@exempel.example", "Ansökan", "Hallå från Örjan."),
        ("anna@example.org", "Latin", "Smörgås"),
    ]
    first, second = deliveries(lillestad.inbox)
    assert (first.mail_from, second.mail_from) == ("jörg@exempel.example", "anna@example.org")
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(first.mail_options)
    assert "BODY=8BITMIME" in second.mail_options
    with scope.organization(lillestad.organization):
        kept = [bytes(raw.content) for raw in RawMail.objects.order_by("pk")]
    assert [raw.partition(b"\r\n\r\n")[2] for raw in kept] == [
        one.partition(b"\r\n\r\n")[2] for one in (swedish, latin)
    ]
