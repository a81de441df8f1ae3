"""The spool in PostgreSQL: all or nothing per message, together where possible, and nothing lost on the way."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg2
import pytest
from django.db import DatabaseError, connection

from forwarding.models import Delivery, RawMail
from forwarding.smtpd.body import Body
from forwarding.smtpd.envelope import Envelope, Recipient, TemporaryFailure
from forwarding.spool import DatabaseSpool, SpoolLimits
from organizations import scope
from organizations.wakeups import SPOOL, Listener
from tests.support.builders import Town, town
from tests.support.database import CUT_OFF

pytestmark = pytest.mark.django_db(transaction=True)

RECEIVED_AT = datetime(2026, 11, 22, 10, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def spool() -> Iterator[DatabaseSpool]:
    spool = DatabaseSpool()
    yield spool
    spool.close()


@pytest.fixture
def lillestad() -> Town:
    return town()


@pytest.fixture
def storstad() -> Town:
    return town("Storstad", "info@storstad.se", "Info")


def recipient(of: Town, tag: str = "") -> Recipient:
    with scope.organization(of.organization):
        address = of.inbox.service_addresses.get()
    argument = f"{address.local_key}+{tag}@mail.kundo.se" if tag else address.address
    return Recipient(argument, address.address, of.organization.pk, of.inbox.pk, address.pk, tag)


def envelope(*recipients: Recipient) -> Envelope:
    return Envelope(
        peer_ip="2001:db8::7",
        peer_port=4711,
        helo="mail.example.org",
        tls="TLSv1.3/TLS_AES_256_GCM_SHA384",
        mail_from="anna@example.org",
        mail_options=("SIZE=10", "BODY=8BITMIME"),
        recipients=recipients,
        received_at=RECEIVED_AT,
    )


def body(octets: bytes) -> Body:
    return Body(octets, None, len(octets))


def store(spool: DatabaseSpool, *messages: tuple[Envelope, Body]) -> list[BaseException | None]:
    """Hand in all at once; returns what each was answered."""

    async def hand_in() -> list[BaseException | None]:
        return await asyncio.gather(*(spool.store(*message) for message in messages), return_exceptions=True)

    return asyncio.run(hand_in())


def deliveries() -> list[Delivery]:
    with scope.queue():
        return list(Delivery.queue.order_by("id"))


def raws() -> list[RawMail]:
    with scope.queue():
        return list(RawMail.queue.order_by("id"))


def test_octets_and_envelope_are_stored_unchanged(spool: DatabaseSpool, lillestad: Town) -> None:
    octets = bytes(range(256)) * 10
    assert store(spool, (envelope(recipient(lillestad, "c1")), body(octets))) == [None]
    [raw], [delivery] = raws(), deliveries()
    assert bytes(raw.content) == octets
    assert (raw.size, raw.sha256, raw.received_at) == (2560, hashlib.sha256(octets).hexdigest(), RECEIVED_AT)
    assert (delivery.raw_id, delivery.inbox_id, delivery.state) == (raw.pk, lillestad.inbox.pk, "accepted")
    assert (delivery.peer_ip, delivery.helo, delivery.tls[:7]) == ("2001:db8::7", "mail.example.org", "TLSv1.3")
    assert (delivery.mail_from, delivery.mail_options) == ("anna@example.org", ["SIZE=10", "BODY=8BITMIME"])
    assert (delivery.recipient, delivery.tag) == ("jobb.lillestad.se@mail.kundo.se", "c1")
    assert delivery.recipient_argument == "jobb.lillestad.se+c1@mail.kundo.se"
    assert delivery.next_attempt_at <= delivery.next_attempt_at.now(UTC)


def test_empty_message_is_stored(spool: DatabaseSpool, lillestad: Town) -> None:
    assert store(spool, (envelope(recipient(lillestad)), body(b""))) == [None]
    assert bytes(raws()[0].content) == b""


def test_large_message_streams_from_disk(spool: DatabaseSpool, lillestad: Town) -> None:
    octets = b"0123456789abcdef" * 1_000_000
    assert store(spool, (envelope(recipient(lillestad)), Body(b"", io.BytesIO(octets), len(octets)))) == [None]
    assert raws()[0].sha256 == hashlib.sha256(octets).hexdigest()
    assert bytes(raws()[0].content) == octets


def test_each_organization_gets_its_own_octets_once(spool: DatabaseSpool, lillestad: Town, storstad: Town) -> None:
    recipients = (recipient(lillestad), recipient(lillestad, "x"), recipient(storstad))
    assert store(spool, (envelope(*recipients), body(b"x"))) == [None]
    assert [raw.organization_id for raw in raws()] == [lillestad.organization.pk, storstad.organization.pk]
    assert [delivery.organization_id for delivery in deliveries()] == [
        lillestad.organization.pk,
        lillestad.organization.pk,
        storstad.organization.pk,
    ]


def test_address_given_twice_is_one_delivery(spool: DatabaseSpool, lillestad: Town) -> None:
    assert store(spool, (envelope(recipient(lillestad), recipient(lillestad)), body(b"x"))) == [None]
    assert len(deliveries()) == 1


def test_return_path_is_stored_without_inbox(spool: DatabaseSpool, lillestad: Town) -> None:
    bounce = Recipient("b.x@y", "b.x@y", lillestad.organization.pk, None, None)
    assert store(spool, (envelope(bounce), body(b"x"))) == [None]
    assert (deliveries()[0].inbox_id, deliveries()[0].service_address_id) == (None, None)


def test_one_impossible_recipient_leaves_nothing_of_the_message(
    spool: DatabaseSpool, lillestad: Town, storstad: Town
) -> None:
    foreign = replace(recipient(storstad), inbox_id=lillestad.inbox.pk)
    [answer] = store(spool, (envelope(recipient(lillestad), foreign), body(b"x")))
    assert isinstance(answer, Exception)
    assert (raws(), deliveries()) == ([], [])


def test_poisoned_message_does_not_take_its_group_along(lillestad: Town) -> None:
    poisoned = replace(envelope(recipient(lillestad)), mail_from="a\0b")
    spool = DatabaseSpool()
    good = [(envelope(recipient(lillestad)), body(b"%d" % number)) for number in range(20)]
    answers = store(spool, *good[:10], (poisoned, body(b"x")), *good[10:])
    spool.close()
    assert [answer is None for answer in answers] == [True] * 10 + [False] + [True] * 10
    assert sorted(bytes(raw.content) for raw in raws()) == sorted(b"%d" % number for number in range(20))


def test_messages_that_arrive_together_share_a_transaction(spool: DatabaseSpool, lillestad: Town) -> None:
    count = 60
    assert store(spool, *((envelope(recipient(lillestad)), body(b"x")) for _ in range(count))) == [None] * count
    spool.close()
    with scope.queue(), connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM forwarding_rawmail")
        assert cursor.fetchone()[0] <= 3


def test_filing_is_woken_when_the_message_is_there(spool: DatabaseSpool, lillestad: Town) -> None:
    with Listener(SPOOL) as listener:
        store(spool, (envelope(recipient(lillestad)), body(b"x")))
        assert [channel for channel, _payload in listener.wait(5)] == [SPOOL]


RECORD_SETTING = """
    CREATE TABLE seen_setting (value text);
    CREATE FUNCTION see_setting() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen_setting VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
    CREATE TRIGGER see_setting AFTER INSERT ON forwarding_delivery EXECUTE FUNCTION see_setting();
"""
FORGET_SETTING = "DROP TRIGGER see_setting ON forwarding_delivery; DROP FUNCTION see_setting; DROP TABLE seen_setting"


def test_commit_waits_for_the_disk_whatever_the_default(lillestad: Town) -> None:
    with connection.cursor() as cursor:
        database = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {database} SET synchronous_commit TO off")
        cursor.execute(RECORD_SETTING)
        try:
            spool = DatabaseSpool()
            assert store(spool, (envelope(recipient(lillestad)), body(b"x"))) == [None]
            spool.close()
            cursor.execute("SELECT value FROM seen_setting")
            assert cursor.fetchall() == [("on",)]
        finally:
            cursor.execute(FORGET_SETTING)
            cursor.execute(f"ALTER DATABASE {database} RESET synchronous_commit")


def test_no_mail_is_put_off_because_the_database_was_away_before(spool: DatabaseSpool, lillestad: Town) -> None:
    message = (envelope(recipient(lillestad)), body(b"x"))
    assert store(spool, message) == [None]
    with connection.cursor() as cursor:
        cursor.execute(CUT_OFF)
    time.sleep(0.2)  # ending is asynchronous
    assert store(spool, message) == [None]
    assert len(deliveries()) == 2


def test_spool_recovers_from_a_connection_lost_at_work(lillestad: Town) -> None:
    spool = DatabaseSpool()
    message = (envelope(recipient(lillestad)), body(b"x"))
    locker = psycopg2.connect(connection.connection.dsn)
    with locker, locker.cursor() as cursor:
        cursor.execute("LOCK TABLE forwarding_delivery IN ACCESS EXCLUSIVE MODE")
        cutting = threading.Timer(0.5, cut_off_but, [locker.info.backend_pid])
        cutting.start()
        [answer] = store(spool, message)
        cutting.join()
        assert isinstance(answer, TemporaryFailure)
    locker.close()
    assert store(spool, message) == [None]
    spool.close()
    assert len(deliveries()) == 1


def cut_off_but(survivor: int) -> None:
    """End every connection that waits for a lock `survivor` holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [survivor]
        )
    connection.close()


def test_slow_statement_is_given_up(lillestad: Town) -> None:
    spool = DatabaseSpool(SpoolLimits(statement_seconds=0.3))
    locker = psycopg2.connect(connection.connection.dsn)
    with locker, locker.cursor() as cursor:
        cursor.execute("LOCK TABLE forwarding_delivery IN ACCESS EXCLUSIVE MODE")
        [answer] = store(spool, (envelope(recipient(lillestad)), body(b"x")))
        assert isinstance(answer, TemporaryFailure)
    locker.close()
    assert store(spool, (envelope(recipient(lillestad)), body(b"x"))) == [None]
    spool.close()
    assert len(deliveries()) == 1


def test_arrival_view_keeps_organizations_apart(lillestad: Town, storstad: Town) -> None:
    arrival = "INSERT INTO forwarding_arrival VALUES (999999, %s, 'x', 1, now(), 'x')"
    with scope.organization(lillestad.organization), connection.cursor() as cursor:
        cursor.execute(arrival, [lillestad.organization.pk])
    with pytest.raises(DatabaseError, match="row-level security"), scope.organization(lillestad.organization):
        connection.cursor().execute(arrival, [storstad.organization.pk])
