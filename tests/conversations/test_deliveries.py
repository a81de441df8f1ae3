"""What a conversation learns about the fate of its sent mail."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from conversations import composer
from conversations.models import Contact, Conversation, Message
from organizations import scope
from tests.support import builders
from tests.support.relay import fake_relay
from whitelabel.delivery import Courier, record_bounce

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
