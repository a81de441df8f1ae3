"""What an agent does with conversations besides writing: assign, set the state, handle several."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import Conversation
from inboxes.models import Inbox
from organizations import scope
from organizations.models import Event
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db


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


# --- spam ------------------------------------------------------------------------------------------------------------


def test_spam_goes_on_to_the_next_of_the_list_and_offers_the_way_back(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, "Nästa")
    response = agent.post(url(lillestad, "spam", 1), {"list": "unanswered"})
    assert response.headers["Location"] == url(lillestad, "conversation", 2) + "?list=unanswered"
    assert now(conversation).folder == "spam"
    page = agent.get(response.headers["Location"]).content.decode()
    assert "#1 ligger nu i Skräppost." in page
    assert f'data-undo="{url(lillestad, "not_spam", 1)}"' in page


def test_the_way_back_from_a_row_leaves_the_page_where_it_is(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    from_row: Any = {"HTTP_HX_REQUEST": "true"}
    response = agent.post(url(lillestad, "spam", 1), **from_row)
    toast = json.loads(response.headers["HX-Trigger"])["toast"]
    assert (response.status_code, toast["undo"]) == (204, url(lillestad, "not_spam", 1))
    assert agent.post(toast["undo"], **from_row).status_code == 204
    assert now(conversation).folder == ""


def test_several_can_be_called_spam_and_taken_back(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    agent.post(url(lillestad, "bulk"), {"act": "spam", "selected": ["1"]})
    assert now(conversation).folder == "spam"
    agent.post(url(lillestad, "bulk"), {"act": "not_spam", "selected": ["1"]})
    assert now(conversation).folder == ""


def test_spam_is_found_by_searching_and_says_where_it_is(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    agent.post(url(lillestad, "spam", 1))
    assert 'id="row-1"' not in agent.get(url(lillestad, "list", "activity")).content.decode()
    found = agent.get(url(lillestad, "search"), {"q": "jobbet"}).content.decode()
    assert 'id="row-1"' in found
    assert re.search(r'class="badge[^"]*">\s*<span class="clip">Skräppost<', found)


def test_the_rail_names_what_is_kept_apart_only_where_there_is_some(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    def named() -> list[str]:
        page = agent.get(url(lillestad, "dashboard")).content.decode()
        return [name for name in ("Autosvar", "Studsar", "Skräppost") if f'class="rail-text">{name}<' in page]

    assert named() == []
    agent.post(url(lillestad, "spam", 1))
    assert named() == ["Skräppost"]


@pytest.mark.parametrize("name", ["autoreplies", "bounces", "spam"])
def test_an_empty_list_of_what_is_kept_apart_says_what_would_be_there(
    agent: Client, lillestad: Town, conversation: Conversation, name: str
) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.update(last_received_at=timezone.now())
    title = {"autoreplies": "Inga autosvar", "bounces": "Inga studsar", "spam": "Ingen skräppost"}[name]
    assert title in agent.get(url(lillestad, "list", name)).content.decode()


def test_the_conversation_tells_who_called_it_spam_and_who_did_not(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    agent.post(url(lillestad, "spam", 1))
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert "Lillestad Agent markerade som skräppost" in page
    assert "Inte skräppost" in page
    agent.post(url(lillestad, "not_spam", 1))
    assert (
        "Lillestad Agent tog tillbaka från skräpposten" in agent.get(url(lillestad, "conversation", 1)).content.decode()
    )


def test_the_bar_of_a_phone_offers_only_what_can_be_done(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    def done() -> str:
        page = agent.get(url(lillestad, "conversation", 1)).content.decode()
        found = re.search(r'<button type="submit" form="(mark-done|not-spam)"([^>]*)>', page)
        assert found is not None
        return found[1] + found[2]

    assert done() == "mark-done"
    agent.post(url(lillestad, "status", 1), {"status": "done"})
    assert done().split() == ["mark-done", "disabled"]
    agent.post(url(lillestad, "spam", 1))
    assert done() == "not-spam"
