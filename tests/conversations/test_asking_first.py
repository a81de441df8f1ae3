"""Before a mail leaves: a question about addresses whose mail came back, and a time chosen for later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conversations.models import Contact, Conversation
from organizations import scope
from tests.conversations.test_replying import HTMX, form, sent, url
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db

QUESTION = "Titta en gång till innan mailet skickas"


@pytest.fixture
def bounced(lillestad: Town, conversation: Conversation) -> None:
    """Barry's address did not exist the last time."""
    with scope.organization(lillestad.organization):
        Contact.objects.filter(address="barry@example.org").update(undeliverable_since=timezone.now())


def post(town: Town, client: Client, conversation: Conversation, **changes: Any) -> Any:
    data = form(conversation, **changes)
    return client.post(url(town, "reply", conversation.number), data, headers=HTMX)


# --- an address that bounced -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_a_recipient_that_bounced_before_is_asked_about(lillestad, agent, conversation, bounced, field) -> None:
    people = {"to": "anna@example.org", field: "Barry <Barry@Example.org>"}
    answer = post(lillestad, agent, conversation, **people)
    assert QUESTION in answer.content.decode()
    assert "barry@example.org" in answer.content.decode()
    assert sent(lillestad) == []


def test_a_person_may_send_all_the_same(lillestad, agent, conversation, bounced) -> None:
    assert post(lillestad, agent, conversation, despite_warnings="1").status_code == 200
    assert len(sent(lillestad)) == 1


def test_nobody_is_asked_about_addresses_that_work(lillestad, agent, conversation) -> None:
    assert post(lillestad, agent, conversation).status_code == 200
    assert len(sent(lillestad)) == 1


def test_the_question_and_news_meanwhile_do_not_ask_in_turns(lillestad, agent, conversation, bounced) -> None:
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, conversation=conversation)
    body = post(lillestad, agent, conversation, despite_warnings="1").content.decode()
    assert 'name="anyway"' in body
    assert '<input type="hidden" name="despite_warnings" value="1">' in body
    assert post(lillestad, agent, conversation, despite_warnings="1", anyway="1").status_code == 200


# --- send later ------------------------------------------------------------------------------------------------------


def local(**ahead: float) -> str:
    return f"{timezone.localtime() + timedelta(**ahead):%Y-%m-%dT%H:%M}"


def test_a_mail_leaves_at_the_chosen_time_and_can_be_taken_back_until_then(lillestad, agent, conversation) -> None:
    send_at = local(days=2)
    assert post(lillestad, agent, conversation, later="1", send_at=send_at).status_code == 200
    [message] = sent(lillestad)
    assert f"{timezone.localtime(message.outbound.not_before):%Y-%m-%dT%H:%M}" == send_at
    page = agent.get(url(lillestad, "conversation", conversation.number)).content.decode()
    assert "Skickas" in page
    assert "Skicka inte" in page
    assert "data-until" not in page
    agent.post(url(lillestad, "undo", conversation.number, message.pk))
    assert sent(lillestad) == []


def test_the_time_counts_only_when_later_is_chosen(lillestad, agent, conversation) -> None:
    post(lillestad, agent, conversation, send_at=local(days=2))
    [message] = sent(lillestad)
    assert message.outbound.not_before < timezone.now() + timedelta(minutes=1)


@pytest.mark.parametrize("days", [None, -1, 400])
def test_a_time_that_makes_no_sense_is_explained(lillestad, agent, conversation, days: int | None) -> None:
    answer = post(lillestad, agent, conversation, later="1", send_at="" if days is None else local(days=days))
    assert "Välj en tid" in answer.content.decode()
    assert sent(lillestad) == []


def test_the_bar_after_sending_tells_when(lillestad, agent, conversation) -> None:
    answer = post(lillestad, agent, conversation, later="1", send_at=local(days=2))
    page = agent.get(answer.headers["HX-Redirect"]).content.decode()
    assert "Mailet skickas" in page
    assert 'data-seconds="10"' in page


def test_the_composer_suggests_the_next_morning(lillestad, agent, conversation) -> None:
    page = agent.get(url(lillestad, "conversation", conversation.number)).content.decode()
    assert "Skicka senare…" in page
    assert f'value="{local(days=1)[:10]}T08:00"' in page
