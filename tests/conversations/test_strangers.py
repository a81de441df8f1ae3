"""Under the service's name an organization that has proved nothing writes to few who did not write first."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations import composer
from conversations.models import Conversation, Message
from conversations.strangers import TooManyStrangers
from organizations import scope
from tests.conversations.conftest import signed_in
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import activated

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_a_day(settings: Any) -> None:
    settings.SERVICE_STRANGERS_A_DAY = 2


@pytest.fixture
def town() -> Iterator[Town]:
    place = builders.town()
    with scope.organization(place.organization):
        yield place


def write(town: Town, conversation: Conversation, *addresses: str) -> Message:
    return composer.send(
        conversation,
        author=town.agent,
        text="Hej",
        to=[{"name": "", "address": address} for address in addresses],
        submission_key=uuid.uuid4(),
        version=None,
        include_history=False,
    )


def test_the_third_stranger_of_a_day_is_refused_in_whatever_conversation(town: Town) -> None:
    first, second = (builders.received(town.inbox).conversation for _ in range(2))
    write(town, first, "a@example.com", "b@example.com")
    with pytest.raises(TooManyStrangers, match="högst 2 nya personer"):
        write(town, second, "c@example.com")
    assert Message.objects.filter(kind="outbound").count() == 1


def test_one_mail_to_too_many_goes_to_nobody_and_counts_for_nothing(town: Town) -> None:
    conversation = builders.received(town.inbox).conversation
    with pytest.raises(TooManyStrangers):
        write(town, conversation, "a@example.com", "b@example.com", "c@example.com")
    write(town, conversation, "a@example.com", "b@example.com")


def test_people_who_wrote_first_and_whom_they_copied_are_no_strangers(town: Town) -> None:
    for number in range(4):
        message = builders.received(town.inbox, sender=("Barry", f"barry{number}@example.org"))
        Message.objects.filter(pk=message.pk).update(cc=[{"name": "", "address": f"Eva{number}@Example.org"}])
        write(town, message.conversation, f"barry{number}@example.org", f"eva{number}@example.org")
    write(town, message.conversation, "barry0@example.org")  # known from another conversation


def test_an_activated_address_of_ones_own_has_no_such_bound(town: Town) -> None:
    activated(town.inbox)
    conversation = builders.received(town.inbox).conversation
    write(town, conversation, *(f"person{number}@example.com" for number in range(5)))


def test_the_page_says_it(settings: Any) -> None:
    place = builders.town()
    with scope.organization(place.organization):
        conversation = builders.received(place.inbox).conversation
    client: Client = signed_in(place.agent)
    form = {
        "mode": "reply", "text": "Hej", "to": "a@example.com, b@example.com, c@example.com",
        "submission_key": str(uuid.uuid4()), "version": "1", "anyway": "on",
    }  # fmt: skip
    url = reverse("conversations:reply", args=[place.organization.slug, conversation.number])
    response = client.post(url, form)
    assert response.status_code == 422
    assert "högst 2 nya personer" in response.content.decode()
