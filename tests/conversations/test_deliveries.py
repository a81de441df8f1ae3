"""What a conversation learns about the fate of its sent mail."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations import composer, timeline
from conversations.confirmations import confirm
from conversations.deliveries import follow
from conversations.models import Contact, Conversation, Message
from inboxes.models import Inbox
from organizations import scope
from tests.support import builders
from tests.support.relay import fake_relay
from whitelabel.delivery import Courier, record_bounce
from whitelabel.signals import DeliveryChange

pytestmark = pytest.mark.django_db


@pytest.fixture
def town() -> builders.Town:
    return builders.town()


@pytest.fixture
def answered(town: builders.Town) -> Iterator[Message]:
    """An answer that is done and sent; its conversation is closed."""
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
        message = composer.send(
            conversation,
            author=town.agent,
            text="Hej!",
            to=[{"name": "", "address": "barry@example.org"}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
            then="done",
        )
    with fake_relay() as relay:
        courier = Courier(relay.client())
        assert courier.step() == 1
        courier.close()
    return message


def conversation_of(town: builders.Town, message: Message) -> Conversation:
    with scope.organization(town.organization):
        return Conversation.objects.get(pk=message.conversation_id)


def contact_is_bad(town: builders.Town) -> bool:
    with scope.organization(town.organization):
        return Contact.objects.get(address="barry@example.org").undeliverable_since is not None


def test_a_mail_that_was_sent_changes_no_state(town, answered) -> None:
    conversation = conversation_of(town, answered)
    assert (conversation.status, conversation.has_failed_delivery) == ("done", False)


@pytest.mark.parametrize(("status", "bad"), [("5.1.1", True), ("5.2.2", False), ("5.1.10", True), ("", False)])
def test_a_mail_that_never_arrived_reopens_and_only_a_bad_address_is_marked(town, answered, status, bad) -> None:
    record_bounce(
        town.organization.pk, mail_id=answered.outbound_id, address="barry@example.org", action="failed", status=status
    )
    conversation = conversation_of(town, answered)
    assert (conversation.status, conversation.has_failed_delivery) == ("unanswered", True)
    assert conversation.unanswered_since is not None
    assert contact_is_bad(town) is bad


def test_a_delay_changes_no_state(town, answered) -> None:
    record_bounce(
        town.organization.pk,
        mail_id=answered.outbound_id,
        address="barry@example.org",
        action="delayed",
        status="4.2.2",
    )
    conversation = conversation_of(town, answered)
    assert (conversation.status, conversation.has_failed_delivery) == ("done", False)


def test_the_same_report_twice_reopens_once(town, answered) -> None:
    for _ in range(2):
        record_bounce(town.organization.pk, mail_id=answered.outbound_id, address="barry@example.org", action="failed")
        with scope.organization(town.organization):
            Conversation.objects.filter(pk=answered.conversation_id).update(status="done")
    assert conversation_of(town, answered).status == "done"


def bounce(town: builders.Town, message: Message, status: str = "5.1.1") -> None:
    assert record_bounce(
        town.organization.pk, mail_id=message.outbound_id, address="barry@example.org", action="failed", status=status
    )


def answer_again(town: builders.Town, message: Message, to: str, replies: dict[str, bytes] | None = None) -> None:
    """Another answer in the conversation, carried to a relay that says this about each stage."""
    with scope.organization(town.organization):
        composer.send(
            Conversation.objects.get(pk=message.conversation_id),
            author=town.agent,
            text="Hej igen!",
            to=[{"name": "", "address": to}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
        )
    with fake_relay() as relay:
        relay.answer = lambda stage, line: (replies or {}).get(stage)
        courier = Courier(relay.client())
        assert courier.step() == 1
        courier.close()


def marks(town: builders.Town, message: Message) -> tuple[bool, bool]:
    """Whether the conversation and the contact are marked."""
    return conversation_of(town, message).has_failed_delivery, contact_is_bad(town)


def test_a_later_answer_that_leaves_ends_the_conversations_mark_only(town, answered) -> None:
    bounce(town, answered)
    assert marks(town, answered) == (True, True)
    answer_again(town, answered, "barry.ny@example.org")
    assert marks(town, answered) == (False, True)


def test_an_answer_that_is_refused_or_waits_ends_nothing(town, answered) -> None:
    bounce(town, answered)
    answer_again(town, answered, "barry.ny@example.org", {"rcpt": b"550 5.1.1 no"})
    answer_again(town, answered, "barry.ny@example.org", {"rcpt": b"451 4.2.1 later"})
    assert marks(town, answered) == (True, True)


def test_a_late_bounce_of_the_answer_before_does_not_end_with_news_of_it(town, answered) -> None:
    answer_again(town, answered, "barry.ny@example.org")
    bounce(town, answered)
    assert marks(town, answered) == (True, True)


@pytest.mark.parametrize(
    ("sender", "from_person", "expected"),
    [
        ("Barry@Example.org", True, (False, False)),
        ("barry@example.org", False, (True, True)),
        ("anna@example.org", True, (True, True)),
    ],
)
def test_who_writes_from_an_address_can_be_reached_there(town, answered, sender, from_person, expected) -> None:
    bounce(town, answered)
    with scope.organization(town.organization):
        message = Message(from_address=sender, text="Jag finns visst", received_at=timezone.now())
        timeline.receive(conversation_of(town, answered), message, from_person=from_person)
    assert marks(town, answered) == expected


def test_a_colleague_can_say_that_the_address_works(town, answered, client) -> None:
    bounce(town, answered)
    client.force_login(town.agent)
    arguments = [town.organization.slug, conversation_of(town, answered).number]
    page = client.get(reverse("conversations:conversation", args=arguments)).content.decode()
    assert "Adressen fungerar" in page
    client.post(reverse("conversations:address_works", args=arguments))
    assert marks(town, answered) == (False, False)
    assert "Adressen fungerar" not in client.get(reverse("conversations:conversation", args=arguments)).content.decode()
    bounce(town, answered)
    assert marks(town, answered) == (False, False)  # the same report again is no news
    answer_again(town, answered, "barry@example.org", {"rcpt": b"550 5.1.1 no"})
    assert marks(town, answered) == (True, True)


def test_a_confirmation_that_comes_back_marks_the_contact_and_disturbs_nobody(town) -> None:
    with scope.organization(town.organization):
        Inbox.objects.filter(pk=town.inbox.pk).update(confirmation="Tack, vi svarar snart.")
        received = Message.objects.select_related("conversation", "inbox").get(pk=builders.received(town.inbox).pk)
        confirmation = confirm(received, obstacle="", names_inbox=True)
        timeline.set_status(received.conversation, "done", actor=town.agent)
    assert confirmation is not None
    bounce(town, confirmation)
    assert conversation_of(town, confirmation).status == "done"
    assert marks(town, confirmation) == (False, True)


def test_conversations_are_locked_in_one_order_whatever_the_mails(town) -> None:
    with scope.organization(town.organization):
        first, second = (builders.received(town.inbox).conversation for _each in range(2))
        sent = [
            composer.send(
                conversation,
                author=town.agent,
                text="Hej!",
                to=[{"name": "", "address": "barry@example.org"}],
                submission_key=uuid.uuid4(),
                version=None,
                include_history=False,
            )
            for conversation in (second, first)
        ]
        changes = [
            DeliveryChange(message.outbound_id, 0, "barry@example.org", "bounced", "5.0.0", hard=True)
            for message in sent
        ]
        with connection.cursor() as cursor:  # rows come as they lie, which is the order of the last change
            cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        with CaptureQueriesContext(connection) as queries:
            follow(changes=changes)
    locks = re.findall(r'"conversations_conversation"."id" = (\d+)\) LIMIT 21 FOR UPDATE', str(list(queries)))
    assert list(dict.fromkeys(map(int, locks))) == [first.pk, second.pk]
