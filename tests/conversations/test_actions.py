"""What an agent does with conversations besides writing: assign, set the state, handle several."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Conversation
from organizations import scope
from organizations.models import Event
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(lillestad: Town) -> Conversation:
    with scope.organization(lillestad.organization):
        return builders.received(lillestad.inbox).conversation


def url(town: Town, name: str, *arguments: Any) -> str:
    return reverse(f"conversations:{name}", args=[town.organization.slug, *arguments])


def now(conversation: Conversation) -> Conversation:
    with scope.organization(conversation.organization_id or 0):
        return Conversation.objects.select_related("assignee").get(pk=conversation.pk)


def test_taking_a_conversation_makes_it_mine(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "assign", 1), {"assignee": "me"})
    assert now(conversation).assignee == lillestad.agent


def test_a_colleague_can_be_given_a_conversation(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "assign", 1), {"assignee": str(lillestad.admin.pk)})
    assert now(conversation).assignee == lillestad.admin


def test_a_conversation_can_be_given_to_nobody(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "assign", 1), {"assignee": "me"})
    agent.post(url(lillestad, "assign", 1), {"assignee": ""})
    assert now(conversation).assignee is None


@pytest.mark.parametrize("assignee", ["stranger", "0", "-1", "x", "9" * 30])
def test_only_a_member_can_be_given_a_conversation(
    agent: Client, lillestad: Town, conversation: Conversation, assignee: str
) -> None:
    if assignee == "stranger":
        assignee = str(builders.town("Storstad", "jobb@storstad.se").agent.pk)
    assert agent.post(url(lillestad, "assign", 1), {"assignee": assignee}).status_code == 404
    assert now(conversation).assignee is None


def test_done_goes_on_to_the_next_of_the_list(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, "Nästa")
    response = agent.post(url(lillestad, "status", 1), {"status": "done", "list": "unanswered"})
    assert response.headers["Location"] == url(lillestad, "conversation", 2) + "?list=unanswered"
    assert now(conversation).status == "done"


def test_done_with_the_last_of_the_list_goes_back_to_the_list(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    response = agent.post(url(lillestad, "status", 1), {"status": "done", "list": "mine"})
    assert response.headers["Location"] == url(lillestad, "list", "mine")


def test_waiting_until_a_day_ends_in_the_morning(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "status", 1), {"status": "waiting", "until": "2026-12-24"})
    found = now(conversation)
    assert found.status == "waiting"
    assert found.waiting_until is not None
    assert found.waiting_until.isoformat() == "2026-12-24T07:00:00+00:00"


def test_a_state_that_nobody_can_set_is_refused(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    assert agent.post(url(lillestad, "status", 1), {"status": "answered"}).status_code == 400
    assert now(conversation).status == "unanswered"


def test_what_is_done_can_be_opened_again(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "status", 1), {"status": "done"})
    agent.post(url(lillestad, "status", 1), {"status": "unanswered"})
    assert now(conversation).status == "unanswered"


def test_the_conversation_shows_who_did_what(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "assign", 1), {"assignee": str(lillestad.admin.pk)})
    agent.post(url(lillestad, "status", 1), {"status": "waiting"})
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert "Lillestad Agent tilldelade Lillestad Admin" in page
    assert "Lillestad Agent markerade som väntar" in page


@pytest.mark.parametrize(
    ("act", "field", "value"),
    [("done", "status", "done"), ("waiting", "status", "waiting"), ("me", "assignee__email", None)],
)
def test_several_are_handled_at_once(
    agent: Client, lillestad: Town, conversation: Conversation, act: str, field: str, value: str | None
) -> None:
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox)
        builders.received(lillestad.inbox, "Rör inte")
    data = {"selected": ["1", "2"], "act": act, "list": "activity"}
    response = agent.post(url(lillestad, "bulk"), data, follow=True)
    assert "2 konversationer ändrade." in response.content.decode()
    with scope.organization(lillestad.organization):
        expected = value or lillestad.agent.email
        assert list(
            Conversation.objects.filter(**{field: expected}).order_by("number").values_list("number", flat=True)
        ) == [1, 2]


@pytest.mark.parametrize("act", ["", "delete", "answered"])
def test_an_act_that_does_not_exist_is_refused(
    agent: Client, lillestad: Town, conversation: Conversation, act: str
) -> None:
    assert agent.post(url(lillestad, "bulk"), {"selected": "1", "act": act}).status_code == 400


def test_numbers_that_are_not_there_change_nothing(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "bulk"), {"selected": ["7", "x", "-1"], "act": "done"})
    assert now(conversation).status == "unanswered"


@pytest.mark.parametrize("name", ["assign", "status", "compose", "draft", "reply", "note"])
def test_looking_at_a_page_changes_nothing(
    agent: Client, lillestad: Town, conversation: Conversation, name: str
) -> None:
    assert agent.get(url(lillestad, name, 1), {"assignee": "me", "status": "done"}).status_code == 405
    with scope.organization(lillestad.organization):
        assert not Event.objects.filter(kind__startswith="conversation.").exists()


def test_a_form_from_another_site_is_refused(lillestad: Town, conversation: Conversation) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(lillestad.agent, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(url(lillestad, "status", 1), {"status": "done"}).status_code == 403
    assert now(conversation).status == "unanswered"
