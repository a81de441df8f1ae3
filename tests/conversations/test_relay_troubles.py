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
from django.db.models import F
from django.test import Client
from django.urls import reverse

from conversations import composer
from organizations import scope
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import queued
from tests.support.relay import HANG_UP, SILENCE, FakeRelay, Misbehaviour, fake_relay
from whitelabel import outbox_queue
from whitelabel.delivery import Courier
from whitelabel.models import OutboundMail, OutboundRecipient

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MAILS = 5
HOURS = 24
OURS = "Vår egen mailserver tar inte emot mail just nu."
AGAIN = "Vi fortsätter att försöka i upp till fem dagar."

# What the relay does at which stage, and what the agent reads below the answer meanwhile.
TROUBLES: dict[str, tuple[str, bytes | Misbehaviour, str]] = {
    "refusing": ("connect", b"421 4.3.2 closed for today", OURS),
    "hanging up": ("connect", HANG_UP, OURS),
    "silent": ("connect", SILENCE, OURS),
    "hanging": ("mail", SILENCE, AGAIN),
    "busy": ("rcpt", b"451 4.3.2 busy", AGAIN),
    "wants a password": ("mail", b"530 5.7.0 log in first", AGAIN),
    "dropping after the dot": ("dot", HANG_UP, ""),
    "one octet a second": ("dot", Misbehaviour("slow", 1), ""),
}


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    with fake_relay() as server:
        yield server


@pytest.fixture
def courier(relay: FakeRelay, settings: Any) -> Iterator[Courier]:
    settings.RELAY_PAUSE_SECONDS = settings.RELAY_LONGEST_PAUSE_SECONDS = 0
    courier = Courier(relay.client(timeout_seconds=0.1, transaction_seconds=0.3), question=relay.has)
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
    for _hour in range(HOURS):
        courier.step()
        pass_an_hour()
    assert words in card(lillestad, agent, answered)
    with scope.organization(lillestad.organization):
        assert not OutboundMail.objects.filter(state="failed").exists()

    relay.answer = lambda at, line: None
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
