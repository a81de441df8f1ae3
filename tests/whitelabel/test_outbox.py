"""The outbox row: written once, taken back in time, and never with a sender that is not the organization's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from organizations import scope
from tests.support import builders
from tests.support.outgoing import activated, letter, queued
from whitelabel import identity, outbox, outbox_queue
from whitelabel.mime import File
from whitelabel.mime_headers import Mailbox
from whitelabel.models import OutboundMail, OutboundRecipient, SenderAddress

pytestmark = pytest.mark.django_db


def service(town: builders.Town) -> identity.Identity:
    return identity.choose(town.inbox.address, town.inbox.service_address, town.inbox.name)


def test_a_mail_has_one_recipient_row_for_each_address(town) -> None:
    with scope.organization(town.organization):
        mail = queued(town.inbox, "a@example.org", "b@example.org", "a@example.org")
        assert sorted(r.address for r in OutboundRecipient.objects.filter(mail=mail)) == [
            "a@example.org",
            "b@example.org",
        ]


def test_from_and_reply_to_are_the_identitys_whatever_the_letter_says(town) -> None:
    forged = {"sender": Mailbox("Boss", "boss@example.org"), "reply_to": (Mailbox("", "boss@example.org"),)}
    with scope.organization(town.organization):
        content = bytes(queued(town.inbox, letter=forged).content)
    assert b"boss@example.org" not in content
    assert b"\r\nReply-To: jobb@lillestad.se\r\n" in content


def test_a_mail_to_nobody_is_refused(town) -> None:
    with scope.organization(town.organization), pytest.raises(outbox.NoRecipient):
        outbox.enqueue(service(town), letter(), [])


def test_a_mail_too_large_for_receivers_is_refused_with_its_size(town, settings) -> None:
    settings.OUTGOING_MESSAGE_OCTETS = 10_000
    large = letter(files=(File("a.bin", "application/octet-stream", bytes(9_000)),))
    with scope.organization(town.organization), pytest.raises(outbox.MessageTooLarge) as refusal:
        outbox.enqueue(service(town), large, ["a@example.org"])
    assert refusal.value.octets > refusal.value.limit == 10_000


def test_a_mail_no_worker_has_touched_can_be_taken_back(town) -> None:
    with scope.organization(town.organization):
        mail = queued(town.inbox, not_before=timezone.now() + timedelta(seconds=10))
        assert outbox.cancel(mail)
        assert not outbox.cancel(mail)
        mail.refresh_from_db()
    assert (mail.state, bytes(mail.content)) == ("cancelled", b"")
    assert outbox_queue.claim(10) == []


def test_a_mail_a_worker_has_taken_cannot_be_taken_back(town) -> None:
    with scope.organization(town.organization):
        mail = queued(town.inbox)
    assert [claim.mail_id for claim in outbox_queue.claim(10)] == [mail.pk]
    with scope.organization(town.organization):
        assert not outbox.cancel(mail)


FOREIGN = "anna@grannby.se"


@pytest.mark.parametrize(
    "changes",
    [
        {"from_address": FOREIGN},
        {"from_address": "jobb.grannby.se@mail.kundo.se"},
        {"from_address": "jobb.lillestad.se@example.org"},
        {"return_path_domain": "grannby.se"},
        {"kind": "own", "from_address": "jobb@lillestad.se"},
        {"kind": "own", "from_address": FOREIGN, "sender_address_id": 1},
    ],
)
def test_the_database_refuses_a_sender_that_is_not_the_organizations(town, changes: dict[str, Any]) -> None:
    builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(town.organization):
        forged = replace(service(town), **changes)
        with pytest.raises(IntegrityError), transaction.atomic():
            outbox.enqueue(forged, letter(), ["a@example.org"])


def test_the_database_refuses_another_organizations_activated_address(town) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(other.organization):
        theirs = activated(other.inbox)
        own = identity.choose(other.inbox.address, other.inbox.service_address, "Jobb")
    assert own.sender_address_id == theirs.pk
    with scope.organization(town.organization), pytest.raises(IntegrityError), transaction.atomic():
        outbox.enqueue(own, letter(), ["a@example.org"])


def test_the_database_refuses_an_address_that_is_no_longer_activated(town) -> None:
    with scope.organization(town.organization):
        row = activated(town.inbox)
        own = identity.choose(town.inbox.address, town.inbox.service_address, "Jobb")
        SenderAddress.objects.filter(pk=row.pk).update(activated_at=None)
        with pytest.raises(IntegrityError), transaction.atomic():
            outbox.enqueue(own, letter(), ["a@example.org"])


@pytest.mark.parametrize(
    "content",
    [
        b"From: anna@grannby.se\r\n\r\nHej",
        b"From: Anna <anna@grannby.se>\r\n\r\nHej",
        b"From: Jobb <jobb.lillestad.se@mail.kundo.se>\r\nfrom: anna@grannby.se\r\n\r\nHej",
        b"From: anna@grannby.se, Jobb <jobb.lillestad.se@mail.kundo.se>\r\n\r\nHej",
        b"From: <anna@grannby.se> <jobb.lillestad.se@mail.kundo.se>\r\n\r\nHej",
        b"From:\r\n anna@grannby.se\r\n\r\nHej",
        b"X: y\r\n\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"X: y\nFrom: anna@grannby.se\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"X: y\rFrom: anna@grannby.se\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"From: jobb.lillestad.se@mail.kundo.se\r\nX: y\nFrom: anna@grannby.se\r\n\r\nHej",
        b"From: anna@grannby.se\nX: y\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"X: y\r\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"X: y\n\nFrom: anna@grannby.se\r\nFrom: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b"From: jobb.lillestad.se@mail.kundo.se",
        b"",
    ],
)
def test_the_database_reads_the_from_of_the_octets_themselves(town, content: bytes) -> None:
    with scope.organization(town.organization):
        mail = queued(town.inbox)
        with pytest.raises(IntegrityError), transaction.atomic():
            OutboundMail.objects.filter(pk=mail.pk).update(content=content)


@pytest.mark.parametrize(
    "content",
    [
        b"From: jobb.lillestad.se@mail.kundo.se\r\n\r\nHej",
        b'From: "Jobb, <x@y.se> \\"z\\"" <jobb.lillestad.se@mail.kundo.se>\r\n\r\nHej',
        b"To: a@b.se\r\nFROM: =?utf-8?q?J=C3=B6bb=40x?=\r\n <jobb.lillestad.se@mail.kundo.se>\r\n\r\nHej \xe5\0",
    ],
)
def test_the_database_takes_the_organizations_own_from_in_any_spelling(town, content: bytes) -> None:
    with scope.organization(town.organization):
        mail = queued(town.inbox)
        assert OutboundMail.objects.filter(pk=mail.pk).update(content=content) == 1


def test_a_mail_cannot_be_moved_to_another_organization(town) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(town.organization):
        mail = queued(town.inbox)
    with scope.queue(), pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic():
        OutboundMail.queue.filter(pk=mail.pk).update(organization=other.organization.pk)


def test_nobody_outside_sees_a_mail(town) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(town.organization):
        mail = queued(town.inbox)
    with scope.organization(other.organization):
        assert not OutboundMail.objects.filter(pk=mail.pk).exists()
        assert not outbox.cancel(mail)


@pytest.mark.django_db
def test_recipients_are_found_by_an_index_on_their_mail() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'whitelabel_outboundrecipient'")
        assert any(definition.endswith("(mail_id)") for (definition,) in cursor.fetchall())
