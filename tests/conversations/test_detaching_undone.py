"""Putting back a mail that was taken out: as before, and with what was written since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import detaching, lists, timeline
from conversations.detaching import NothingToUndo
from conversations.models import Draft, Message
from tests.conversations.stray_mail import ANNA, answer, fresh, state, two_mails
from tests.support.builders import Town, received

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scope_open")]


@pytest.mark.parametrize("status", ["unanswered", "waiting", "done"])
def test_undo_restores_everything(status: str, lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    Message.objects.filter(pk=second.pk).update(thread_rule="message_id", new_participant=True)
    if status != "unanswered":
        timeline.set_status(
            first.conversation, status, actor=lillestad.agent, waiting_until=timezone.now() + timedelta(days=1)
        )
    before = state(first.conversation)
    new = detaching.detach(second, actor=lillestad.agent)
    source = detaching.undo(new, actor=lillestad.agent)
    assert source.pk == first.conversation_id
    assert state(source) == before
    second.refresh_from_db()
    assert (second.conversation_id, second.thread_rule, second.new_participant) == (source.pk, "message_id", True)


def test_an_emptied_conversation_is_in_no_list_and_its_address_leads_to_the_other(
    lillestad: Town, client: Client
) -> None:
    first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
    detaching.undo(new, actor=lillestad.agent)
    assert [row.pk for row in lists.page(lists.ACTIVITY, lillestad.agent).conversations] == [first.conversation_id]
    assert lists.counts(lillestad.agent).of(lists.UNANSWERED) == 1
    client.force_login(lillestad.agent)
    slug = lillestad.organization.slug
    response = client.get(reverse("conversations:conversation", args=[slug, new.number]))
    assert response.status_code == 302
    assert response.url.startswith(reverse("conversations:conversation", args=[slug, 1]))


def test_undo_takes_along_what_was_written_since(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
    answer(new, lillestad)
    timeline.add_note(new, author=lillestad.agent, text="Klart nu")
    Draft.objects.create(conversation=new, author=lillestad.agent, text="Hej igen")
    detaching.undo(new, actor=lillestad.agent)
    row = fresh(first.conversation)
    assert (row.message_count, row.note_count, fresh(new).message_count) == (4, 1, 0)
    assert row.status == "unanswered"  # Barry still waits
    assert Draft.objects.get().conversation_id == row.pk


def test_undo_puts_a_draft_aside_where_its_author_writes_something_else(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
    Draft.objects.create(conversation=new, author=lillestad.agent, text="Till den ena")
    Draft.objects.create(conversation=first.conversation, author=lillestad.agent, text="Till den andra")
    detaching.undo(new, actor=lillestad.agent)
    found = Draft.objects.filter(conversation=first.conversation).order_by("aside").values_list("text", "aside")
    assert list(found) == [("Till den andra", False), ("Till den ena", True)]


def test_undo_after_a_new_mail_leaves_it_unanswered(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    timeline.set_status(first.conversation, "done", actor=lillestad.agent)
    new = detaching.detach(second, actor=lillestad.agent)
    received(lillestad.inbox, "Re: Trasig gunga", sender=ANNA, conversation=new)
    row = detaching.undo(new, actor=lillestad.agent)
    assert (row.status, row.unanswered_since) == ("unanswered", second.received_at)


def test_undo_happens_once_and_only_to_what_was_detached(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
    detaching.undo(new, actor=lillestad.agent)
    for conversation in (new, first.conversation):
        with pytest.raises(NothingToUndo):
            detaching.undo(conversation, actor=lillestad.agent)


def test_a_mail_can_be_detached_again_after_undo(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    detaching.undo(detaching.detach(second, actor=lillestad.agent), actor=lillestad.agent)
    again = detaching.detach(Message.objects.get(pk=second.pk), actor=lillestad.agent)
    assert (again.number, fresh(first.conversation).message_count) == (3, 1)
