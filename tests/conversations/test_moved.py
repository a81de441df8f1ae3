"""A page that stands open while a colleague undoes a detaching: what is done there happens where the mail is now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from conversations import detaching, timeline
from conversations.models import Conversation, Draft, Message
from organizations import scope
from tests.support.builders import Town, received

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Moved:
    """A conversation, the one that was opened out of it and has gone back into it, and the mail that moved."""

    town: Town
    source: Conversation
    opened: Conversation
    mail: Message

    def url(self, name: str, *arguments: int) -> str:
        """The address of an act in the conversation that the page still shows."""
        return reverse(f"conversations:{name}", args=[self.town.organization.slug, self.opened.number, *arguments])

    def now(self) -> tuple[Conversation, Conversation]:
        with scope.organization(self.town.organization):
            return Conversation.objects.get(pk=self.source.pk), Conversation.objects.get(pk=self.opened.pk)


@pytest.fixture
def moved(lillestad: Town) -> Moved:
    with scope.organization(lillestad.organization):
        first = received(lillestad.inbox, "Fråga om jobbet", "Är jobbet ledigt?")
        second = received(lillestad.inbox, "Tillägg", "Jag börjar gärna i maj.", conversation=first.conversation)
        opened = detaching.detach(second, actor=lillestad.agent)
        source = detaching.undo(opened, actor=lillestad.admin)
    return Moved(lillestad, source, opened, second)


def test_a_comment_lands_where_the_mail_is(agent: Client, moved: Moved) -> None:
    agent.post(moved.url("note"), {"mode": "note", "text": "Ring Barry"})
    with scope.organization(moved.town.organization):
        assert Message.objects.get(kind="note").conversation_id == moved.source.pk


def test_a_draft_lands_where_the_mail_is(agent: Client, moved: Moved) -> None:
    agent.post(moved.url("draft"), {"mode": "reply", "text": "Hej", "submission_key": str(uuid.uuid4())})
    with scope.organization(moved.town.organization):
        assert Draft.objects.get().conversation_id == moved.source.pk


def test_a_colleague_is_given_the_conversation_where_the_mail_is(agent: Client, moved: Moved) -> None:
    agent.post(moved.url("assign"), {"assignee": "me"})
    source, opened = moved.now()
    assert (source.assignee_id, opened.assignee_id) == (moved.town.agent.pk, None)


def test_the_mail_can_be_detached_again(agent: Client, moved: Moved) -> None:
    agent.post(moved.url("detach", moved.mail.pk))
    with scope.organization(moved.town.organization):
        now = Message.objects.select_related("conversation").get(pk=moved.mail.pk).conversation
    assert now.pk not in (moved.source.pk, moved.opened.pk)


def test_an_answer_waits_until_what_is_there_was_read(agent: Client, moved: Moved) -> None:
    answer = {
        "mode": "reply", "text": "Ja.", "to": "barry@example.org", "submission_key": str(uuid.uuid4()),
        "version": str(moved.now()[0].version),
    }  # fmt: skip
    assert agent.post(moved.url("reply"), answer).status_code == 409
    assert agent.post(moved.url("reply"), answer | {"anyway": "on"}).status_code == 302
    with scope.organization(moved.town.organization):
        assert Message.objects.get(kind="outbound").conversation_id == moved.source.pk


@pytest.mark.parametrize("status", ["done", "waiting"])
def test_mail_that_was_not_on_the_page_is_not_marked_as_handled(agent: Client, moved: Moved, status: str) -> None:
    shown = agent.post(moved.url("status"), {"status": status}, follow=True)
    assert moved.now()[0].status == "unanswered"
    assert shown.redirect_chain[-1][0].partition("?")[0].endswith(f"/{moved.source.number}/")
    assert f"#{moved.source.number}" in str(next(iter(shown.context["messages"])))


def test_a_row_that_is_gone_is_left_out_of_what_several_get(agent: Client, moved: Moved) -> None:
    before = moved.now()
    url = reverse("conversations:bulk", args=[moved.town.organization.slug])
    agent.post(url, {"selected": [str(moved.opened.number)], "act": "waiting"})
    agent.post(url, {"selected": [str(moved.opened.number)], "act": "me"})
    assert [(row.status, row.assignee_id) for row in moved.now()] == [(row.status, row.assignee_id) for row in before]


def test_a_verb_that_began_before_the_undo_follows_it(moved: Moved) -> None:
    with scope.organization(moved.town.organization):
        stale = Conversation.objects.get(pk=moved.opened.pk)
        stale.merged_into = None
        assert timeline.add_note(stale, author=moved.town.agent, text="Ring").conversation_id == moved.source.pk


def test_every_move_is_followed(moved: Moved) -> None:
    with scope.organization(moved.town.organization):
        last = received(moved.town.inbox, "Ett tredje", "Hej").conversation
        Conversation.objects.filter(pk=moved.source.pk).update(merged_into=last.pk)
        assert timeline.standing(moved.opened.pk) == last.pk
        assert timeline.locked(moved.opened).pk == last.pk
