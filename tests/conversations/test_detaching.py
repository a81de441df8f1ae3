"""Taking a mail out into a conversation of its own: counters on both sides, undo, and where later answers go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import detaching, lists, timeline
from conversations.detaching import CannotDetach, NothingToUndo
from conversations.models import Conversation, Draft, Message
from organizations import scope
from organizations.models import Event
from tests.support import mails
from tests.support.builders import Town, attached, received, town
from tests.support.mails import Pipeline, mail

pytestmark = pytest.mark.django_db

ANNA = ("Anna Ek", "anna@example.net")


@pytest.fixture
def place() -> Town:
    return town()


@pytest.fixture
def post(transactional_db: None):
    with mails.pipeline() as running:
        yield running


@pytest.fixture
def opened(place: Town):
    """The organization's scope, open during the test."""
    with scope.organization(place.organization):
        yield


def two_mails(place: Town) -> tuple[Message, Message]:
    """A conversation of Barry's with a mail of Anna's that does not belong there."""
    first = received(place.inbox, "Fråga om jobbet", "Är jobbet ledigt?")
    second = received(place.inbox, "Trasig gunga", "Gungan är trasig.", sender=ANNA, conversation=first.conversation)
    return first, second


def answer(conversation: Conversation, place: Town) -> Message:
    message = Message(
        kind="outbound", author=place.agent, text="Ja.", from_address="jobb@lillestad.se", received_at=timezone.now()
    )
    return timeline.add_outbound(conversation, message)


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def state(conversation: Conversation) -> tuple[object, ...]:
    """Everything a list shows or sorts by."""
    row = fresh(conversation)
    return (
        row.status, row.unanswered_since, row.message_count, row.note_count, row.snippet, row.has_attachments,
        row.last_activity_at, row.waiting_until, row.assignee_id, row.merged_into_id,
    )  # fmt: skip


# --- detach ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("prefix", ["", "Re: ", "Svar: ", "Ang: ", "[Lista] SV: "])
def test_a_detached_mail_is_found_by_its_subject_as_a_filed_one(prefix: str, place: Town) -> None:
    first = received(place.inbox)
    other = received(place.inbox, f"{prefix}Trasig gunga", sender=ANNA, conversation=first.conversation)
    assert detaching.detach(other, actor=place.agent).normal_subject == "trasig gunga"


@pytest.mark.usefixtures("opened")
def test_a_detached_mail_gets_a_conversation_with_its_own_person_and_subject(place: Town) -> None:
    _first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    assert (new.number, new.subject, new.sender_label, new.snippet) == (
        2,
        "Trasig gunga",
        "Anna Ek",
        "Gungan är trasig.",
    )
    assert new.contact is not None
    assert new.contact.address == ANNA[1]
    assert (new.status, new.unanswered_since, new.message_count) == ("unanswered", second.received_at, 1)
    second.refresh_from_db()
    assert (second.conversation_id, second.thread_rule) == (new.pk, "moved")


@pytest.mark.usefixtures("opened")
def test_the_conversation_it_leaves_is_as_if_it_had_never_come(place: Town) -> None:
    first = received(place.inbox, "Fråga om jobbet", "Är jobbet ledigt?")
    before = state(first.conversation)
    second = received(place.inbox, "Trasig gunga", "Trasig.", sender=ANNA, conversation=first.conversation)
    detaching.detach(second, actor=place.agent)
    assert state(first.conversation) == before


@pytest.mark.usefixtures("opened")
def test_an_answered_conversation_is_answered_again_when_the_mail_that_reopened_it_leaves(place: Town) -> None:
    first = received(place.inbox)
    answer(first.conversation, place)
    second = received(place.inbox, "Trasig gunga", sender=ANNA, conversation=first.conversation)
    assert fresh(first.conversation).status == "unanswered"
    detaching.detach(second, actor=place.agent)
    row = fresh(first.conversation)
    assert (row.status, row.unanswered_since, row.message_count) == ("answered", None, 2)


@pytest.mark.usefixtures("opened")
def test_when_the_first_unanswered_mail_leaves_the_next_one_is_the_oldest(place: Town) -> None:
    first, second = two_mails(place)
    detaching.detach(first, actor=place.agent)
    row = fresh(second.conversation)
    assert (row.status, row.unanswered_since, row.snippet) == ("unanswered", second.received_at, "Gungan är trasig.")


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("status", ["waiting", "done"])
def test_a_state_that_a_colleague_chose_stays(status: str, place: Town) -> None:
    first, second = two_mails(place)
    until = timezone.now() + timedelta(days=1) if status == "waiting" else None
    timeline.set_status(first.conversation, status, actor=place.agent, waiting_until=until)
    detaching.detach(second, actor=place.agent)
    row = fresh(first.conversation)
    assert (row.status, row.waiting_until) == (status, until)


@pytest.mark.usefixtures("opened")
def test_a_conversation_reopened_by_hand_stays_open(place: Town) -> None:
    first, second = two_mails(place)
    for status in ("done", "unanswered"):
        timeline.set_status(first.conversation, status, actor=place.agent)
    detaching.detach(second, actor=place.agent)
    assert fresh(first.conversation).status == "unanswered"


@pytest.mark.usefixtures("opened")
def test_an_automatic_mail_taken_out_asks_for_nothing(place: Town) -> None:
    first, second = two_mails(place)
    Message.objects.filter(pk=second.pk).update(mail_class="auto_reply")
    new = detaching.detach(second, actor=place.agent)
    assert (new.status, new.unanswered_since) == ("done", None)
    assert fresh(first.conversation).status == "unanswered"


@pytest.mark.usefixtures("opened")
def test_files_and_notes_are_counted_where_they_are(place: Town) -> None:
    first, second = two_mails(place)
    timeline.add_note(first.conversation, author=place.agent, text="Konstigt mail")
    attached(second, "gunga.jpg", b"x", "image/jpeg")
    Conversation.objects.update(has_attachments=True)
    new = detaching.detach(second, actor=place.agent)
    old = fresh(first.conversation)
    assert (old.message_count, old.note_count, old.has_attachments) == (2, 1, False)
    assert (new.message_count, new.note_count, new.has_attachments) == (1, 0, True)


@pytest.mark.usefixtures("opened")
def test_the_lists_count_both_conversations(place: Town) -> None:
    _first, second = two_mails(place)
    assert lists.counts(place.agent).of(lists.UNANSWERED) == 1
    detaching.detach(second, actor=place.agent)
    assert lists.counts(place.agent).of(lists.UNANSWERED) == 2


@pytest.mark.usefixtures("opened")
def test_a_mail_alone_and_a_sent_mail_and_a_note_stay(place: Town) -> None:
    first = received(place.inbox)
    timeline.add_note(first.conversation, author=place.agent, text="x")
    with pytest.raises(CannotDetach):
        detaching.detach(first, actor=place.agent)
    sent = answer(first.conversation, place)
    note = Message.objects.get(kind="note")
    for message in (sent, note):
        with pytest.raises(CannotDetach):
            detaching.detach(message, actor=place.agent)
    assert Conversation.objects.count() == 1


@pytest.mark.usefixtures("opened")
def test_both_conversations_tell_who_did_it(place: Town) -> None:
    first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    detaching.undo(new, actor=place.admin)
    told = Event.objects.filter(kind__contains="detach").order_by("pk").values_list("kind", "subject_id", "actor_id")
    assert list(told) == [
        ("message.detached", first.conversation_id, place.agent.pk),
        ("conversation.detached", new.pk, place.agent.pk),
        ("message.detach_undone", first.conversation_id, place.admin.pk),
    ]


# --- undo ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("status", ["unanswered", "waiting", "done"])
def test_undo_restores_everything(status: str, place: Town) -> None:
    first, second = two_mails(place)
    Message.objects.filter(pk=second.pk).update(thread_rule="message_id", new_participant=True)
    if status != "unanswered":
        timeline.set_status(first.conversation, status, actor=place.agent, waiting_until=tomorrow())
    before = state(first.conversation)
    new = detaching.detach(second, actor=place.agent)
    source = detaching.undo(new, actor=place.agent)
    assert source.pk == first.conversation_id
    assert state(source) == before
    second.refresh_from_db()
    assert (second.conversation_id, second.thread_rule, second.new_participant) == (source.pk, "message_id", True)


@pytest.mark.usefixtures("opened")
def test_an_emptied_conversation_is_in_no_list_and_its_address_leads_to_the_other(place: Town, client: Client) -> None:
    first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    detaching.undo(new, actor=place.agent)
    assert [row.pk for row in lists.page(lists.ACTIVITY, place.agent).conversations] == [first.conversation_id]
    assert lists.counts(place.agent).of(lists.UNANSWERED) == 1
    client.force_login(place.agent)
    slug = place.organization.slug
    response = client.get(reverse("conversations:conversation", args=[slug, new.number]))
    assert response.status_code == 302
    assert response.url.startswith(reverse("conversations:conversation", args=[slug, 1]))


@pytest.mark.usefixtures("opened")
def test_undo_takes_along_what_was_written_since(place: Town) -> None:
    first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    answer(new, place)
    timeline.add_note(new, author=place.agent, text="Klart nu")
    Draft.objects.create(conversation=new, author=place.agent, text="Hej igen")
    detaching.undo(new, actor=place.agent)
    row = fresh(first.conversation)
    assert (row.message_count, row.note_count, fresh(new).message_count) == (4, 1, 0)
    assert row.status == "unanswered"  # Barry still waits
    assert Draft.objects.get().conversation_id == row.pk


@pytest.mark.usefixtures("opened")
def test_undo_puts_a_draft_aside_where_its_author_writes_something_else(place: Town) -> None:
    first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    Draft.objects.create(conversation=new, author=place.agent, text="Till den ena")
    Draft.objects.create(conversation=first.conversation, author=place.agent, text="Till den andra")
    detaching.undo(new, actor=place.agent)
    found = Draft.objects.filter(conversation=first.conversation).order_by("aside").values_list("text", "aside")
    assert list(found) == [("Till den andra", False), ("Till den ena", True)]


@pytest.mark.usefixtures("opened")
def test_undo_after_a_new_mail_leaves_it_unanswered(place: Town) -> None:
    first, second = two_mails(place)
    timeline.set_status(first.conversation, "done", actor=place.agent)
    new = detaching.detach(second, actor=place.agent)
    received(place.inbox, "Re: Trasig gunga", sender=ANNA, conversation=new)
    row = detaching.undo(new, actor=place.agent)
    assert (row.status, row.unanswered_since) == ("unanswered", second.received_at)


@pytest.mark.usefixtures("opened")
def test_undo_happens_once_and_only_to_what_was_detached(place: Town) -> None:
    first, second = two_mails(place)
    new = detaching.detach(second, actor=place.agent)
    detaching.undo(new, actor=place.agent)
    for conversation in (new, first.conversation):
        with pytest.raises(NothingToUndo):
            detaching.undo(conversation, actor=place.agent)


@pytest.mark.usefixtures("opened")
def test_a_mail_can_be_detached_again_after_undo(place: Town) -> None:
    first, second = two_mails(place)
    detaching.undo(detaching.detach(second, actor=place.agent), actor=place.agent)
    again = detaching.detach(Message.objects.get(pk=second.pk), actor=place.agent)
    assert (again.number, fresh(first.conversation).message_count) == (3, 1)


# --- later answers, over real SMTP -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_later_answers_follow_the_detached_mail_and_come_back_with_it(post: Pipeline) -> None:
    place = town()
    post.receive(mail("Fråga om jobbet", message_id="a@example.org"), place.inbox)
    wrong = mail(
        "Re: Fråga om jobbet", "En helt annan sak.\n", message_id="b@example.org", In_Reply_To="<a@example.org>"
    )
    message = post.receive(wrong, place.inbox).message
    assert message is not None
    with scope.organization(place.organization):
        new = detaching.detach(message, actor=place.agent)
    assert place_of_answer(post, place, "b@example.org", "<a@example.org> <b@example.org>") == new.pk
    assert place_of_answer(post, place, "a@example.org", "<a@example.org>") == message.conversation_id
    with scope.organization(place.organization):
        source = detaching.undo(new, actor=place.agent)
    assert place_of_answer(post, place, "b@example.org", "<a@example.org> <b@example.org>") == source.pk
    with scope.organization(place.organization):
        assert fresh(source).message_count == Message.objects.filter(conversation=source).count() == 5


def place_of_answer(post: Pipeline, place: Town, to: str, references: str) -> int:
    """The conversation that an answer to a Message-ID is filed into."""
    raw = mail("Re: Fråga om jobbet", f"Svar {timezone.now()}.\n", In_Reply_To=f"<{to}>", References=references)
    filed = post.receive(raw, place.inbox).message
    assert filed is not None
    return filed.conversation_id


# --- the button ------------------------------------------------------------------------------------------------------


def test_the_button_opens_the_new_conversation_and_the_toast_undoes(place: Town, client: Client) -> None:
    with scope.organization(place.organization):
        _first, second = two_mails(place)
    client.force_login(place.agent)
    slug = place.organization.slug
    page = client.get(reverse("conversations:conversation", args=[slug, 1])).content.decode()
    url = reverse("conversations:detach", args=[slug, 1, second.pk])
    assert url in page
    response = client.post(url, follow=True)
    assert response.redirect_chain[0][0].startswith(reverse("conversations:conversation", args=[slug, 2]))
    undo_url = reverse("conversations:undo_detach", args=[slug, 2])
    shown = response.content.decode()
    assert f'data-undo="{undo_url}"' in shown
    assert "Flytta tillbaka" in shown
    undone = client.post(undo_url, headers={"HX-Request": "true"})
    assert undone.headers["HX-Redirect"].startswith(reverse("conversations:conversation", args=[slug, 1]))
    assert client.post(undo_url).status_code == 404
    page = client.get(reverse("conversations:conversation", args=[slug, 1])).content.decode()
    assert "flyttade tillbaka mailet från #2" in page


def test_a_mail_alone_in_its_conversation_has_no_button_and_is_refused_in_words(place: Town, client: Client) -> None:
    with scope.organization(place.organization):
        only = received(place.inbox)
    client.force_login(place.agent)
    url = reverse("conversations:detach", args=[place.organization.slug, 1, only.pk])
    assert (
        url not in client.get(reverse("conversations:conversation", args=[place.organization.slug, 1])).content.decode()
    )
    assert "redan ensamt" in client.post(url, follow=True).content.decode()


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


# --- what is kept apart ----------------------------------------------------------------------------------------------


def without_a_person(place: Town, mail_class: str, conversation: Conversation | None = None) -> Message:
    """A received mail that no person wrote, in a conversation or beginning one."""
    opened = conversation or timeline.new_conversation(
        place.inbox, subject="Autosvar", normal_subject="", contact=None, sender_label="", at=timezone.now()
    )
    message = Message(
        kind="inbound", mail_class=mail_class, from_address="mailer-daemon@example.net", text="Jag är borta.",
        message_id=f"{mail_class}@example.net", received_at=timezone.now(),
    )  # fmt: skip
    return timeline.receive(opened, message, from_person=False)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("mail_class", "folder"), [("auto_reply", "autoreplies"), ("dsn", "bounces")])
def test_mail_that_no_person_wrote_is_kept_apart_when_detached(place: Town, mail_class: str, folder: str) -> None:
    first = received(place.inbox)
    quiet = without_a_person(place, mail_class, first.conversation)
    new = detaching.detach(quiet, actor=place.agent)
    assert (new.folder, new.status, fresh(first.conversation).folder) == (folder, "done", "")
    detaching.undo(new, actor=place.agent)
    assert (fresh(first.conversation).folder, fresh(first.conversation).status) == ("", "unanswered")


@pytest.mark.usefixtures("opened")
def test_a_detached_report_is_nobodys(place: Town) -> None:
    report = without_a_person(place, "dsn", received(place.inbox).conversation)
    assert detaching.detach(report, actor=place.agent).contact is None


@pytest.mark.usefixtures("opened")
def test_an_automatic_reply_that_is_left_alone_is_kept_apart_until_the_undoing(place: Town) -> None:
    quiet = without_a_person(place, "auto_reply")
    asking = received(place.inbox, conversation=quiet.conversation)
    new = detaching.detach(asking, actor=place.agent)
    assert (new.folder, fresh(quiet.conversation).folder) == ("", "autoreplies")
    answer(new, place)
    detaching.undo(new, actor=place.agent)
    assert fresh(quiet.conversation).folder == ""


@pytest.mark.usefixtures("opened")
def test_what_is_taken_out_of_spam_is_work_and_the_rest_stays_spam(place: Town) -> None:
    first, second = two_mails(place)
    timeline.mark_spam(first.conversation, actor=place.agent)
    new = detaching.detach(second, actor=place.agent)
    assert (new.folder, new.status, fresh(first.conversation).folder) == ("", "unanswered", "spam")
    detaching.undo(new, actor=place.agent)
    assert fresh(first.conversation).folder == "spam"
