"""Taking a mail out into a conversation of its own: counters on both sides, and where later answers go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import detaching, lists, timeline
from conversations.detaching import CannotDetach
from conversations.models import Conversation, Message
from organizations import scope
from organizations.models import Event
from tests.conversations.stray_mail import ANNA, answer, fresh, state, two_mails
from tests.support import mails
from tests.support.builders import Town, attached, received, town
from tests.support.mails import Pipeline, mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(transactional_db: None):
    with mails.pipeline() as running:
        yield running


# --- detach ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("scope_open")
@pytest.mark.parametrize("prefix", ["", "Re: ", "Svar: ", "Ang: ", "[Lista] SV: "])
def test_a_detached_mail_is_found_by_its_subject_as_a_filed_one(prefix: str, lillestad: Town) -> None:
    first = received(lillestad.inbox)
    other = received(lillestad.inbox, f"{prefix}Trasig gunga", sender=ANNA, conversation=first.conversation)
    assert detaching.detach(other, actor=lillestad.agent).normal_subject == "trasig gunga"


@pytest.mark.usefixtures("scope_open")
def test_a_detached_mail_gets_a_conversation_with_its_own_person_and_subject(lillestad: Town) -> None:
    _first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
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


@pytest.mark.usefixtures("scope_open")
def test_the_conversation_it_leaves_is_as_if_it_had_never_come(lillestad: Town) -> None:
    first = received(lillestad.inbox, "Fråga om jobbet", "Är jobbet ledigt?")
    before = state(first.conversation)
    second = received(lillestad.inbox, "Trasig gunga", "Trasig.", sender=ANNA, conversation=first.conversation)
    detaching.detach(second, actor=lillestad.agent)
    assert state(first.conversation) == before


@pytest.mark.usefixtures("scope_open")
def test_an_answered_conversation_is_answered_again_when_the_mail_that_reopened_it_leaves(lillestad: Town) -> None:
    first = received(lillestad.inbox)
    answer(first.conversation, lillestad)
    second = received(lillestad.inbox, "Trasig gunga", sender=ANNA, conversation=first.conversation)
    assert fresh(first.conversation).status == "unanswered"
    detaching.detach(second, actor=lillestad.agent)
    row = fresh(first.conversation)
    assert (row.status, row.unanswered_since, row.message_count) == ("answered", None, 2)


@pytest.mark.usefixtures("scope_open")
def test_when_the_first_unanswered_mail_leaves_the_next_one_is_the_oldest(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    detaching.detach(first, actor=lillestad.agent)
    row = fresh(second.conversation)
    assert (row.status, row.unanswered_since, row.snippet) == ("unanswered", second.received_at, "Gungan är trasig.")


@pytest.mark.usefixtures("scope_open")
@pytest.mark.parametrize("status", ["waiting", "done"])
def test_a_state_that_a_colleague_chose_stays(status: str, lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    until = timezone.now() + timedelta(days=1) if status == "waiting" else None
    timeline.set_status(first.conversation, status, actor=lillestad.agent, waiting_until=until)
    detaching.detach(second, actor=lillestad.agent)
    row = fresh(first.conversation)
    assert (row.status, row.waiting_until) == (status, until)


@pytest.mark.usefixtures("scope_open")
def test_a_conversation_reopened_by_hand_stays_open(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    for status in ("done", "unanswered"):
        timeline.set_status(first.conversation, status, actor=lillestad.agent)
    detaching.detach(second, actor=lillestad.agent)
    assert fresh(first.conversation).status == "unanswered"


@pytest.mark.usefixtures("scope_open")
def test_an_automatic_mail_taken_out_asks_for_nothing(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    Message.objects.filter(pk=second.pk).update(mail_class="auto_reply")
    new = detaching.detach(second, actor=lillestad.agent)
    assert (new.status, new.unanswered_since) == ("done", None)
    assert fresh(first.conversation).status == "unanswered"


@pytest.mark.usefixtures("scope_open")
def test_files_and_notes_are_counted_where_they_are(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    timeline.add_note(first.conversation, author=lillestad.agent, text="Konstigt mail")
    attached(second, "gunga.jpg", b"x", "image/jpeg")
    Conversation.objects.update(has_attachments=True)
    new = detaching.detach(second, actor=lillestad.agent)
    old = fresh(first.conversation)
    assert (old.message_count, old.note_count, old.has_attachments) == (2, 1, False)
    assert (new.message_count, new.note_count, new.has_attachments) == (1, 0, True)


@pytest.mark.usefixtures("scope_open")
def test_the_lists_count_both_conversations(lillestad: Town) -> None:
    _first, second = two_mails(lillestad)
    assert lists.counts(lillestad.agent).of(lists.UNANSWERED) == 1
    detaching.detach(second, actor=lillestad.agent)
    assert lists.counts(lillestad.agent).of(lists.UNANSWERED) == 2


@pytest.mark.usefixtures("scope_open")
def test_a_mail_alone_and_a_sent_mail_and_a_note_stay(lillestad: Town) -> None:
    first = received(lillestad.inbox)
    timeline.add_note(first.conversation, author=lillestad.agent, text="x")
    with pytest.raises(CannotDetach):
        detaching.detach(first, actor=lillestad.agent)
    sent = answer(first.conversation, lillestad)
    note = Message.objects.get(kind="note")
    for message in (sent, note):
        with pytest.raises(CannotDetach):
            detaching.detach(message, actor=lillestad.agent)
    assert Conversation.objects.count() == 1


@pytest.mark.usefixtures("scope_open")
def test_both_conversations_tell_who_did_it(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    new = detaching.detach(second, actor=lillestad.agent)
    detaching.undo(new, actor=lillestad.admin)
    told = Event.objects.filter(kind__contains="detach").order_by("pk").values_list("kind", "subject_id", "actor_id")
    assert list(told) == [
        ("message.detached", first.conversation_id, lillestad.agent.pk),
        ("conversation.detached", new.pk, lillestad.agent.pk),
        ("message.detach_undone", first.conversation_id, lillestad.admin.pk),
    ]


# --- what is kept apart ----------------------------------------------------------------------------------------------


def without_a_person(lillestad: Town, mail_class: str, conversation: Conversation | None = None) -> Message:
    """A received mail that no person wrote, in a conversation or beginning one."""
    opened = conversation or timeline.new_conversation(
        lillestad.inbox, subject="Autosvar", normal_subject="", contact=None, sender_label="", at=timezone.now()
    )
    message = Message(
        kind="inbound", mail_class=mail_class, from_address="mailer-daemon@example.net", text="Jag är borta.",
        message_id=f"{mail_class}@example.net", received_at=timezone.now(),
    )  # fmt: skip
    return timeline.receive(opened, message, from_person=False)


@pytest.mark.usefixtures("scope_open")
@pytest.mark.parametrize(("mail_class", "folder"), [("auto_reply", "autoreplies"), ("dsn", "bounces")])
def test_mail_that_no_person_wrote_is_kept_apart_when_detached(lillestad: Town, mail_class: str, folder: str) -> None:
    first = received(lillestad.inbox)
    quiet = without_a_person(lillestad, mail_class, first.conversation)
    new = detaching.detach(quiet, actor=lillestad.agent)
    assert (new.folder, new.status, fresh(first.conversation).folder) == (folder, "done", "")
    detaching.undo(new, actor=lillestad.agent)
    assert (fresh(first.conversation).folder, fresh(first.conversation).status) == ("", "unanswered")


@pytest.mark.usefixtures("scope_open")
def test_a_detached_report_is_nobodys(lillestad: Town) -> None:
    report = without_a_person(lillestad, "dsn", received(lillestad.inbox).conversation)
    assert detaching.detach(report, actor=lillestad.agent).contact is None


@pytest.mark.usefixtures("scope_open")
def test_an_automatic_reply_that_is_left_alone_is_kept_apart_until_the_undoing(lillestad: Town) -> None:
    quiet = without_a_person(lillestad, "auto_reply")
    asking = received(lillestad.inbox, conversation=quiet.conversation)
    new = detaching.detach(asking, actor=lillestad.agent)
    assert (new.folder, fresh(quiet.conversation).folder) == ("", "autoreplies")
    answer(new, lillestad)
    detaching.undo(new, actor=lillestad.agent)
    assert fresh(quiet.conversation).folder == ""


@pytest.mark.usefixtures("scope_open")
def test_what_is_taken_out_of_spam_is_work_and_the_rest_stays_spam(lillestad: Town) -> None:
    first, second = two_mails(lillestad)
    timeline.mark_spam(first.conversation, actor=lillestad.agent)
    new = detaching.detach(second, actor=lillestad.agent)
    assert (new.folder, new.status, fresh(first.conversation).folder) == ("", "unanswered", "spam")
    detaching.undo(new, actor=lillestad.agent)
    assert fresh(first.conversation).folder == "spam"


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


def test_the_button_opens_the_new_conversation_and_the_toast_undoes(lillestad: Town, client: Client) -> None:
    with scope.organization(lillestad.organization):
        _first, second = two_mails(lillestad)
    client.force_login(lillestad.agent)
    slug = lillestad.organization.slug
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


def test_a_mail_alone_in_its_conversation_has_no_button_and_is_refused_in_words(
    lillestad: Town, client: Client
) -> None:
    with scope.organization(lillestad.organization):
        only = received(lillestad.inbox)
    client.force_login(lillestad.agent)
    url = reverse("conversations:detach", args=[lillestad.organization.slug, 1, only.pk])
    assert (
        url
        not in client.get(reverse("conversations:conversation", args=[lillestad.organization.slug, 1])).content.decode()
    )
    assert "redan ensamt" in client.post(url, follow=True).content.decode()
