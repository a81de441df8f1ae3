"""A planned mail when it leaves, and one that has waited: from whom, dated when, signed with which key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import dkim
import pytest
import time_machine
from django.utils import timezone

from conversations import drafts
from conversations.models import Conversation, Message
from organizations import scope
from tests.conversations.composer.writing import send
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import activated, age, fate, publishing, queued, some_key_pair
from tests.support.relay import HANG_UP, FakeRelay
from whitelabel import claims, keys, rotation
from whitelabel.models import DkimKey, OutboundMail, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db

OWN, SERVICE = "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se"
AHEAD = timedelta(days=60)


@pytest.fixture
def town() -> Town:
    """A town that sends as its own address."""
    town = builders.town()
    with scope.organization(town.organization):
        activated(town.inbox)
    return town


@pytest.fixture
def conversation(town: Town) -> Conversation:
    with scope.organization(town.organization):
        return builders.received(town.inbox).conversation


def plan(town: Town, conversation: Conversation, ahead: timedelta = AHEAD) -> Message:
    with scope.organization(town.organization):
        return send(conversation, town, not_before=timezone.now() + ahead)


def time_passes(message: Message, by: timedelta = AHEAD) -> None:
    assert message.outbound is not None
    age(message.outbound, by)


def stored(town: Town, message: Message) -> Message:
    with scope.organization(town.organization):
        return Message.objects.select_related("outbound").get(pk=message.pk)


def sent(relay: FakeRelay) -> EmailMessage:
    """The one mail the relay was given."""
    [taken] = relay.taken
    mail = message_from_bytes(taken.content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def sender(relay: FakeRelay) -> str:
    return sent(relay)["From"].addresses[0].addr_spec


def stop_using(claim: SenderDomain, town: Town) -> None:
    claims.deactivate(SenderAddress.objects.get(address=OWN), actor=town.admin)


def suspend(claim: SenderDomain, town: Town) -> None:
    SenderDomain.objects.filter(pk=claim.pk).update(state=SenderDomain.State.SUSPENDED)


def lapse(claim: SenderDomain, town: Town) -> None:
    claims.lapse(claim, timezone.now())
    claim.save()


LOSSES = pytest.mark.parametrize("lose", [stop_using, suspend, lapse])


def lost(town: Town, lose: Callable[[SenderDomain, Town], None]) -> None:
    with scope.organization(town.organization):
        lose(SenderDomain.objects.get(domain="lillestad.se"), town)


# --- planned ---------------------------------------------------------------------------------------------------------


def test_a_planned_mail_is_dated_when_it_leaves(town, conversation, relay, courier) -> None:
    with time_machine.travel(timezone.now() - AHEAD):
        message = plan(town, conversation)
    assert message.outbound.created_at < timezone.now() - timedelta(days=59)
    assert courier.step() == 1
    dated = sent(relay)["Date"].datetime
    assert abs(dated - timezone.now()) < timedelta(minutes=1)
    assert stored(town, message).date_header.replace(microsecond=0) == dated


def test_a_planned_mail_waits_for_its_time(town, conversation, courier) -> None:
    message = plan(town, conversation)
    assert courier.step() == 0
    time_passes(message)
    assert courier.step() == 1


@LOSSES
def test_a_planned_mail_leaves_under_no_name_that_was_lost_meanwhile(town, conversation, relay, courier, lose) -> None:
    message = plan(town, conversation)
    assert message.from_address == OWN
    lost(town, lose)
    time_passes(message)
    courier.step()
    assert sender(relay) == SERVICE
    assert sent(relay)["Reply-To"] == OWN
    assert relay.taken[0].envelope_sender.endswith("@mail.kundo.se")
    now = stored(town, message)
    assert (now.from_address, now.reply_to) == (SERVICE, [{"name": "", "address": OWN}])
    assert (now.outbound.identity, now.outbound.from_address, now.outbound.reply_to) == ("service", SERVICE, OWN)
    assert fate(town.organization, now.outbound) == ("sent", {"barry@example.org": "sent"})


def test_a_planned_mail_leaves_as_the_own_address_that_was_activated_meanwhile(relay, courier) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        message = plan(town, builders.received(town.inbox).conversation)
        assert message.from_address == SERVICE
        activated(town.inbox)
    time_passes(message)
    courier.step()
    assert sender(relay) == OWN
    assert sent(relay)["Reply-To"] is None
    assert relay.taken[0].envelope_sender.endswith("@mgeu.lillestad.se")
    now = stored(town, message)
    assert (now.from_address, now.reply_to, now.outbound.identity) == (OWN, [], "own")


def test_a_planned_mail_is_signed_with_the_key_that_is_published_when_it_leaves(
    town, conversation, relay, courier
) -> None:
    message = plan(town, conversation)
    with scope.organization(town.organization):
        claim = SenderDomain.objects.get()
        claim.previous_selector, claim.active_selector = "k1", "k2"
        claim.rotation_switched_at = timezone.now() - timedelta(days=8)
        rotation.step(claim, timezone.now())
        claim.save()
        assert not DkimKey.objects.filter(selector="k1", retired_at=None).exists()
    time_passes(message)
    courier.step()
    assert relay.taken[0].content.count(b"DKIM-Signature:") == 1
    assert dkim.verify(relay.taken[0].content, dnsfunc=publishing("k2._domainkey.mgeu.lillestad.se"))


@LOSSES
def test_a_planned_mail_keeps_its_place_in_the_thread_and_its_words(town, conversation, relay, courier, lose) -> None:
    message = plan(town, conversation)
    before = message_from_bytes(bytes(message.outbound.content), policy=policy.default)
    lost(town, lose)
    time_passes(message)
    courier.step()
    after = sent(relay)
    kept = ("Message-ID", "In-Reply-To", "References", "To", "Subject", "Thread-Index", "Content-Type", "X-Kundo-Msg")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after.as_bytes().partition(b"\n\n")[2] == before.as_bytes().partition(b"\n\n")[2]


def test_a_planned_mail_can_be_taken_back_until_it_leaves(town, conversation, relay, courier) -> None:
    message = plan(town, conversation)
    with scope.organization(town.organization):
        assert drafts.undo(message, town.agent)
    time_passes(message)
    assert courier.step() == 0
    assert relay.taken == []


def test_a_planned_mail_that_has_left_cannot_be_taken_back(town, conversation, relay, courier) -> None:
    message = plan(town, conversation)
    time_passes(message)
    courier.step()
    with scope.organization(town.organization):
        assert not drafts.undo(message, town.agent)
    assert len(relay.taken) == 1


def test_a_mail_that_cannot_be_finished_holds_up_no_other(town, conversation, relay, courier) -> None:
    """Here the key cannot be read; the mail is tried again when its lease ends."""
    message = plan(town, conversation)
    with scope.organization(town.organization):
        DkimKey.objects.update(private_key="unreadable")
    time_passes(message)
    other = builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(other.organization):
        queued(other.inbox)
    assert courier.step() == 1
    assert [taken.content.count(b"jobb.grannby.se@mail.kundo.se") > 0 for taken in relay.taken] == [True]
    with scope.organization(town.organization):
        DkimKey.objects.update(private_key=keys.encrypt(some_key_pair().private_pem))
    time_passes(message, timedelta(minutes=10))
    assert courier.step() == 1
    assert sender(FakeRelay(0, relay.taken[1:])) == OWN


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_an_ordinary_mail_leaves_with_the_octets_it_was_written_with(town, conversation, relay, courier) -> None:
    message = plan(town, conversation, timedelta(seconds=10))
    time_passes(message, timedelta(seconds=11))
    courier.step()
    assert relay.taken[0].content == bytes(message.outbound.content)


@LOSSES
def test_a_mail_that_waits_for_the_relay_leaves_under_no_name_that_was_lost(
    town, conversation, relay, courier, lose
) -> None:
    relay.answer = lambda stage, line: b"421 4.3.2 closed" if stage == "connect" else None
    message = plan(town, conversation, timedelta(seconds=10))
    time_passes(message, timedelta(seconds=11))
    assert courier.step() == 0
    lost(town, lose)
    time_passes(message, timedelta(days=2))
    relay.answer = lambda stage, line: None
    courier.step()
    assert sender(relay) == SERVICE
    assert stored(town, message).from_address == SERVICE


@LOSSES
def test_a_mail_the_relay_may_have_is_asked_about_before_its_sender_changes(
    town, conversation, relay, courier, lose
) -> None:
    """Its envelope sender, which changes too, is what the relay knows it by."""
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    message = plan(town, conversation, timedelta(seconds=10))
    time_passes(message, timedelta(seconds=11))
    courier.step()
    assert len(relay.taken) == 1
    lost(town, lose)
    relay.answer = lambda stage, line: None
    time_passes(message, timedelta(minutes=10))
    courier.step()
    assert len(relay.taken) == 1
    assert fate(town.organization, message.outbound) == ("sent", {"barry@example.org": "sent"})


def test_a_mail_the_relay_does_not_have_after_all_leaves_under_the_next_name(
    town, conversation, relay, courier
) -> None:
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    message = plan(town, conversation, timedelta(seconds=10))
    time_passes(message, timedelta(seconds=11))
    courier.step()
    relay.taken.clear()
    lost(town, stop_using)
    relay.answer = lambda stage, line: None
    for _ in range(2):
        time_passes(message, timedelta(minutes=10))
        courier.step()
    assert sender(relay) == SERVICE


def test_a_mail_of_no_conversation_is_given_up_with_its_name(town, relay, courier) -> None:
    """A test mail of the sender page says that it comes from the own address: it has nothing to say any more."""
    with scope.organization(town.organization):
        mail = queued(town.inbox)
    lost(town, stop_using)
    courier.step()
    assert relay.taken == []
    assert fate(town.organization, mail)[0] == "cancelled"
    with scope.organization(town.organization):
        assert OutboundMail.objects.get(pk=mail.pk).finished_at is not None
