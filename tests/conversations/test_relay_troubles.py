"""A relay in trouble for a day: nothing is lost, nothing leaves twice, and the agent reads why it waits.

The day passes by moving the rows' times back, not by waiting.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models import F
from django.test import Client
from django.urls import reverse

from conversations import composer, lists
from conversations.models import Conversation
from organizations import scope
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import queued
from tests.support.relay import HANG_UP, SILENCE, FakeRelay, Misbehaviour
from whitelabel import outbox_queue
from whitelabel.delivery import Courier
from whitelabel.models import OutboundMail, OutboundRecipient

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MAILS = 5
HOURS = 24
OURS = "Vår egen mailserver tar inte emot mail just nu."
AGAIN = "Vi fortsätter att försöka i upp till fem dagar."

BROKEN = "Anslutningen bröts innan den mottagande servern hade svarat. " + AGAIN
BUSY = "Den mottagande servern kan inte ta emot mailet. " + AGAIN
POLICY = "Den mottagande servern avvisade mailet av säkerhets- eller policyskäl. " + AGAIN
MAY_HAVE = "så det kan ha kommit fram."

# What the relay does at which stage, and what the agent reads below the answer meanwhile. What was dropped after the dot
# has left: that is found out by the next try.
TROUBLES: dict[str, tuple[str, bytes | Misbehaviour, str]] = {
    "refusing": ("connect", b"421 4.3.2 closed for today", OURS),
    "hanging up": ("connect", HANG_UP, OURS),
    "silent": ("connect", SILENCE, OURS),
    "hanging": ("mail", SILENCE, BROKEN),
    "busy": ("rcpt", b"451 4.3.2 busy", BUSY),
    "wants a password": ("mail", b"530 5.7.0 log in first", POLICY),
    "reading one octet a second": ("content", SILENCE, BROKEN),
    "dropping after the dot": ("dot", HANG_UP, BROKEN),
    "one octet a second": ("dot", Misbehaviour("slow", 1), BROKEN),
}


@pytest.fixture
def courier(relay: FakeRelay, settings: Any) -> Iterator[Courier]:
    """A worker that waits a tenth of a second for an answer, and not at all after a failure."""
    settings.RELAY_PAUSE_SECONDS = settings.RELAY_LONGEST_PAUSE_SECONDS = 0
    courier = Courier(relay.client(timeout_seconds=0.1, envelope_seconds=0.3, dot_seconds=0.1), question=relay.has)
    yield courier
    courier.close()


@pytest.fixture
def unasked(relay: FakeRelay, settings: Any) -> Iterator[Courier]:
    """A worker whose relay cannot be asked."""
    settings.RELAY_PAUSE_SECONDS = settings.RELAY_LONGEST_PAUSE_SECONDS = 0
    settings.RELAY_QUESTION = ""
    courier = Courier(relay.client(timeout_seconds=0.1, dot_seconds=0.2))
    yield courier
    courier.close()


@pytest.fixture
def answered(lillestad: Town) -> int:
    """An answer among other mail in the outbox; gives the number of its conversation."""
    with scope.organization(lillestad.organization):
        conversation = builders.received(lillestad.inbox).conversation
        composer.send(
            conversation,
            author=lillestad.agent,
            text="Hej Barry!",
            to=[{"name": "", "address": "barry@example.org"}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
        )
        for number in range(MAILS - 1):
            queued(lillestad.inbox, f"r{number}@example.org")
        return conversation.number


def pass_an_hour() -> None:
    by = timedelta(hours=1, minutes=15)  # pauses are up to a fifth longer than planned
    with scope.queue():
        OutboundMail.queue.update(
            next_attempt_at=F("next_attempt_at") - by,
            not_before=F("not_before") - by,
            lease_until=F("lease_until") - by,
        )


def card(town: Town, agent: Client, number: int) -> str:
    return agent.get(reverse("conversations:conversation", args=[town.organization.slug, number])).content.decode()


@pytest.mark.parametrize("kind", TROUBLES)
def test_after_a_day_of_trouble_the_queue_drains_and_nothing_leaves_twice(
    kind: str, lillestad: Town, agent: Client, answered: int, relay: FakeRelay, courier: Courier
) -> None:
    stage, fault, words = TROUBLES[kind]
    relay.answer = lambda at, line: fault if at == stage else None
    relay.octets_a_second = 1 if stage == "content" else 0
    pages = []
    for _hour in range(HOURS):
        courier.step()
        pages.append(card(lillestad, agent, answered))
        pass_an_hour()
    told = [words in page for page in pages]
    if stage == "dot":
        assert told == [True] + [False] * (HOURS - 1)
        assert "Skickat" in pages[-1]
    else:
        # The breaker opens at the third failure, and says why then.
        assert all(told[settings.RELAY_FAILURES_TO_OPEN - 1 :])
    with scope.organization(lillestad.organization):
        assert not OutboundMail.objects.filter(state="failed").exists()

    relay.answer = lambda at, line: None
    relay.octets_a_second = 0
    for _hour in range(HOURS):
        pass_an_hour()
        courier.step()
        if not outbox_queue.waiting():
            break
    assert outbox_queue.waiting() == 0
    assert Counter(taken.recipient for taken in relay.taken).most_common(1)[0][1] == 1
    assert len(relay.taken) == MAILS
    with scope.organization(lillestad.organization):
        assert set(OutboundRecipient.objects.values_list("state", flat=True)) == {"sent"}
    page = card(lillestad, agent, answered)
    assert OURS not in page
    assert AGAIN not in page


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE], ids=["dropping after the dot", "silent after the dot"])
def test_where_nobody_can_be_asked_agents_are_told_that_it_may_have_arrived(
    fault: Misbehaviour, lillestad: Town, agent: Client, answered: int, relay: FakeRelay, unasked: Courier
) -> None:
    relay.answer = lambda at, line: fault if at == "dot" else None
    for _hour in range(HOURS):
        unasked.step()
        pass_an_hour()
    copies = Counter(taken.recipient for taken in relay.taken)
    assert len(copies) == MAILS
    assert set(copies.values()) == {settings.OUTBOX_UNSURE_TRIES}
    assert outbox_queue.waiting() == 0
    inbox = agent.get(reverse("conversations:list", args=[lillestad.organization.slug, "unanswered"])).content.decode()
    assert "Ditt mail till barry@example.org har kanske inte kommit fram" in inbox
    page = card(lillestad, agent, answered)
    assert "Det är inte säkert att mailet till barry@example.org kom fram." in page
    assert "kom inte fram" not in inbox + page
    assert "Kan ha kommit fram" in page
    assert MAY_HAVE in page
    assert AGAIN not in page
    with scope.organization(lillestad.organization):
        conversation = Conversation.objects.get(number=answered)
        assert conversation.status == "unanswered"
        assert conversation in lists.page(lists.UNDELIVERED, lillestad.agent).conversations
