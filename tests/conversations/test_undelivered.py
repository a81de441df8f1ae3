"""The list of conversations whose mail did not arrive: there when needed, out of the way when not."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conversations import lists, timeline
from conversations.models import Conversation
from organizations import scope
from tests.support.builders import Town, received, town

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Town:
    return town()


def failed(place: Town, subject: str = "Svar som studsade") -> Conversation:
    with scope.organization(place.organization):
        conversation = received(place.inbox, subject).conversation
        timeline.mark_delivery(conversation, failed=True, reopen=True)
        return conversation


def page(client: Client, place: Town, name: str = "activity") -> str:
    client.force_login(place.agent)
    return client.get(reverse("conversations:list", args=[place.organization.slug, name])).content.decode()


def test_the_rail_names_the_list_only_when_it_holds_something(place: Town, client: Client) -> None:
    assert "Ej levererade" not in page(client, place)
    failed(place)
    assert "Ej levererade" in page(client, place)


def test_the_list_holds_failed_mail_and_nothing_else_and_is_counted(place: Town) -> None:
    conversation = failed(place)
    with scope.organization(place.organization):
        received(place.inbox, "En annan fråga")
        found = lists.page(lists.UNDELIVERED, place.agent).conversations
        counts = lists.counts(place.agent)
    assert [each.pk for each in found] == [conversation.pk]
    assert (counts.of(lists.UNDELIVERED), counts.of(lists.UNDELIVERED, place.inbox.pk)) == (1, 1)


def test_done_leaves_the_list(place: Town) -> None:
    conversation = failed(place)
    with scope.organization(place.organization):
        timeline.set_status(conversation, "done", actor=place.agent)
        assert lists.page(lists.UNDELIVERED, place.agent).conversations == []
        assert lists.counts(place.agent).of(lists.UNDELIVERED) == 0


def test_the_open_list_stays_in_the_rail_when_it_has_become_empty(place: Town, client: Client) -> None:
    failed(place)
    with scope.organization(place.organization):
        Conversation.objects.update(status="done")
        place.inbox.last_received_at = Conversation.objects.get().last_activity_at
        place.inbox.save()
    shown = page(client, place, "undelivered")
    assert "Ej levererade" in shown
    assert "Allt har levererats" in shown
