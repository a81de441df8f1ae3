"""The lists of the dashboard: what belongs where, in which order, page by page, and how many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations import lists, states, timeline
from conversations.lists import LISTS, ConversationList, Position
from conversations.models import Conversation, Message
from conversations.quiet import QUIET_CLASSES
from forwarding.classifying import MailClass
from organizations import scope
from organizations.models import Event
from tests.support import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def town() -> Iterator[builders.Town]:
    """A town, with its scope open."""
    made = builders.town()
    with scope.organization(made.organization):
        yield made


def conversation(town: builders.Town, subject: str = "Fråga", *, hours_ago: int = 0) -> Conversation:
    found = builders.received(town.inbox, subject).conversation
    at = timezone.now() - timedelta(hours=hours_ago)
    Conversation.objects.filter(pk=found.pk).update(last_activity_at=at, unanswered_since=at)
    return Conversation.objects.get(pk=found.pk)


def subjects(which: ConversationList, town: builders.Town, **where: object) -> list[str]:
    page = lists.page(which, town.agent, **where)  # type: ignore[arg-type]  # the arguments of page
    return [each.subject for each in page.conversations]


def names(found: Conversation, town: builders.Town) -> set[str]:
    """The lists that hold a conversation."""
    return {name for name, which in LISTS.items() if found.subject in subjects(which, town)}


def test_new_mail_is_unanswered_unassigned_and_active(town: builders.Town) -> None:
    assert names(conversation(town), town) == {"unanswered", "unassigned", "activity"}


def test_what_is_assigned_to_me_is_mine_and_not_unassigned(town: builders.Town) -> None:
    found = conversation(town)
    timeline.assign(found, town.agent, actor=town.agent)
    assert names(found, town) == {"unanswered", "mine", "activity"}


def test_what_is_assigned_to_a_colleague_is_not_mine(town: builders.Town) -> None:
    found = conversation(town)
    timeline.assign(found, town.admin, actor=town.agent)
    assert names(found, town) == {"unanswered", "activity"}


def test_what_waits_is_waiting_and_not_unanswered(town: builders.Town) -> None:
    found = conversation(town)
    timeline.set_status(found, "waiting", actor=town.agent)
    assert names(found, town) == {"waiting", "unassigned", "activity"}


def test_what_is_done_is_only_among_the_done_and_the_active(town: builders.Town) -> None:
    found = conversation(town)
    timeline.assign(found, town.agent, actor=town.agent)
    timeline.set_status(found, "done", actor=town.agent)
    assert names(found, town) == {"done", "activity"}


def test_a_merged_conversation_is_in_no_list(town: builders.Town) -> None:
    found, other = conversation(town, "Ett"), conversation(town, "Två")
    Conversation.objects.filter(pk=found.pk).update(merged_into=other)
    assert names(found, town) == set()


def test_unanswered_begins_with_who_has_waited_longest(town: builders.Town) -> None:
    for hours in (1, 3, 2):
        conversation(town, f"{hours} timmar", hours_ago=hours)
    assert subjects(lists.UNANSWERED, town) == ["3 timmar", "2 timmar", "1 timmar"]


def test_the_other_lists_begin_with_the_latest(town: builders.Town) -> None:
    for hours in (1, 3, 2):
        conversation(town, f"{hours} timmar", hours_ago=hours)
    assert subjects(lists.ACTIVITY, town) == ["1 timmar", "2 timmar", "3 timmar"]


def test_an_inbox_shows_its_own(town: builders.Town) -> None:
    other = builders.create_inbox("info@lillestad.se", "Info", actor=town.admin)
    conversation(town, "Till Jobb")
    builders.received(other, "Till Info")
    assert subjects(lists.ACTIVITY, town, inbox_id=other.pk) == ["Till Info"]


@pytest.mark.parametrize("which", [lists.UNANSWERED, lists.ACTIVITY], ids=["oldest first", "latest first"])
def test_pages_forward_hold_every_row_once_and_in_order(
    town: builders.Town, settings: object, which: ConversationList
) -> None:
    settings.CONVERSATIONS_PER_PAGE = 3  # type: ignore[attr-defined]
    for hours in range(8):
        conversation(town, f"{hours}", hours_ago=hours)
    seen, after = [], None
    while True:
        page = lists.page(which, town.agent, after=after)
        seen += [each.subject for each in page.conversations]
        if (after := page.after) is None:
            break
    expected = [f"{hours}" for hours in range(8)]
    assert seen == (list(reversed(expected)) if which.oldest_first else expected)


def test_the_page_before_is_the_one_that_was_left(town: builders.Town, settings: object) -> None:
    settings.CONVERSATIONS_PER_PAGE = 3  # type: ignore[attr-defined]
    for hours in range(7):
        conversation(town, f"{hours}", hours_ago=hours)
    first = lists.page(lists.ACTIVITY, town.agent)
    second = lists.page(lists.ACTIVITY, town.agent, after=first.after)
    back = lists.page(lists.ACTIVITY, town.agent, before=second.before)
    assert first.before is None
    assert [each.pk for each in back.conversations] == [each.pk for each in first.conversations]
    assert back.before is None


def test_rows_of_the_same_moment_are_neither_lost_nor_doubled(town: builders.Town, settings: object) -> None:
    settings.CONVERSATIONS_PER_PAGE = 2  # type: ignore[attr-defined]
    moment = timezone.now()
    made = {conversation(town, f"{number}").pk for number in range(5)}
    Conversation.objects.update(last_activity_at=moment)
    seen: list[int] = []
    after = None
    for _page in range(3):
        page = lists.page(lists.ACTIVITY, town.agent, after=after)
        seen += [each.pk for each in page.conversations]
        after = page.after
    assert len(seen) == len(set(seen))
    assert set(seen) == made


def test_a_position_survives_the_url_to_the_microsecond() -> None:
    position = Position(timezone.now(), 4711)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "1e400-3", "nan-1", "17-3-4", "9" * 400 + "-1"])
def test_a_position_that_nobody_wrote_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


def test_the_following_conversation_is_the_next_in_the_list(town: builders.Town) -> None:
    oldest, middle, _latest = (conversation(town, f"{hours}", hours_ago=hours) for hours in (3, 2, 1))
    assert lists.following(lists.UNANSWERED, town.agent, oldest, None) == middle


def test_counts_tell_lists_and_inboxes_apart_in_one_query(
    town: builders.Town, django_assert_num_queries: object
) -> None:
    other = builders.create_inbox("info@lillestad.se", "Info", actor=town.admin)
    mine, waiting, done = conversation(town), conversation(town), conversation(town)
    builders.received(other)
    timeline.assign(mine, town.agent, actor=town.agent)
    timeline.set_status(waiting, "waiting", actor=town.agent)
    timeline.set_status(done, "done", actor=town.agent)
    with django_assert_num_queries(1):  # type: ignore[operator]
        counts = lists.counts(town.agent)
    assert {each.name: counts.of(each) for each in LISTS.values() if each.counted} == {
        "unanswered": 2,
        "mine": 1,
        "unassigned": 2,
        "waiting": 1,
        "undelivered": 0,
    }
    assert counts.of(lists.UNANSWERED, other.pk) == 1
    assert counts.of(lists.WAITING, other.pk) == 0


def test_a_row_is_read_with_its_inbox_and_assignee_in_one_query(
    town: builders.Town, django_assert_num_queries: object
) -> None:
    timeline.assign(conversation(town), town.admin, actor=town.admin)
    with django_assert_num_queries(1):  # type: ignore[operator]
        (row,) = lists.page(lists.ACTIVITY, town.agent).conversations
        assert row.inbox.name == "Jobb"
        assert row.assignee is not None
        assert row.assignee.display_name == "Lillestad Admin"


# --- what is kept apart ----------------------------------------------------------------------------------------------


def quiet(town: builders.Town, mail_class: str, subject: str, *, conversation: Conversation | None = None) -> Message:
    """A received mail that no person wrote."""
    opened = conversation or timeline.new_conversation(
        town.inbox, subject=subject, normal_subject="", contact=None, sender_label="", at=timezone.now()
    )
    message = Message(
        kind=Message.Kind.INBOUND, mail_class=mail_class, subject=subject, text=subject, received_at=timezone.now(),
        message_id=f"{subject}@example.org",
    )  # fmt: skip
    return timeline.receive(opened, message, from_person=False)


def fresh(found: Conversation) -> Conversation:
    return Conversation.objects.get(pk=found.pk)


@pytest.mark.parametrize(
    ("mail_class", "name"),
    [("auto_reply", "autoreplies"), ("mdn", "autoreplies"), ("dsn", "bounces"), ("arf", "bounces")],
)
def test_what_no_person_wrote_is_in_a_list_of_its_own_and_in_no_other(
    town: builders.Town, mail_class: str, name: str
) -> None:
    found = quiet(town, mail_class, "Frånvarande").conversation
    assert names(found, town) == {name}
    assert found.status == "done"


def test_every_quiet_class_is_one_that_mail_is_classified_as() -> None:
    assert {str(each) for each in MailClass} > QUIET_CLASSES


def test_a_persons_mail_brings_an_automatic_reply_back_to_the_work(town: builders.Town) -> None:
    found = quiet(town, "auto_reply", "Frånvarande").conversation
    builders.received(town.inbox, "Frånvarande", conversation=found)
    assert names(fresh(found), town) == {"unanswered", "unassigned", "activity"}


def test_another_automatic_reply_leaves_it_where_it_is(town: builders.Town) -> None:
    found = quiet(town, "auto_reply", "Frånvarande").conversation
    quiet(town, "auto_reply", "Åter måndag", conversation=found)
    assert names(fresh(found), town) == {"autoreplies"}


def test_an_answer_brings_it_back_and_taking_the_answer_back_does_not(town: builders.Town) -> None:
    found = quiet(town, "dsn", "Studs").conversation
    before = states.of(found)
    answer = Message(kind=Message.Kind.OUTBOUND, author=town.agent, text="Hej", received_at=timezone.now())
    timeline.add_outbound(found, answer)
    assert names(fresh(found), town) == {"mine", "activity"}
    timeline.take_back(found, answer, before=before, after=states.of(fresh(found)))
    assert names(fresh(found), town) == {"bounces"}


@pytest.mark.parametrize("status", ["unanswered", "waiting"])
def test_whoever_has_work_with_it_brings_it_back(town: builders.Town, status: str) -> None:
    found = quiet(town, "dsn", "Studs").conversation
    timeline.set_status(found, status, actor=town.agent)
    assert names(fresh(found), town) == {status, "unassigned", "activity"}


def test_spam_is_in_its_list_only_and_keeps_its_state(town: builders.Town) -> None:
    found = conversation(town)
    timeline.mark_spam(found, actor=town.agent)
    assert names(fresh(found), town) == {"spam"}
    timeline.unmark_spam(found, actor=town.agent)
    assert names(fresh(found), town) == {"unanswered", "unassigned", "activity"}


def test_a_bounce_that_was_called_spam_is_a_bounce_again(town: builders.Town) -> None:
    found = quiet(town, "dsn", "Studs").conversation
    timeline.mark_spam(found, actor=town.agent)
    timeline.unmark_spam(found, actor=town.agent)
    assert names(fresh(found), town) == {"bounces"}


def test_marking_and_taking_back_stand_in_the_log_once_each(town: builders.Town) -> None:
    found = conversation(town)
    for _twice in range(2):
        timeline.mark_spam(found, actor=town.agent)
    for _twice in range(2):
        timeline.unmark_spam(found, actor=town.agent)
    events = Event.objects.filter(subject_type="conversation", subject_id=found.pk).order_by("pk")
    assert [(event.kind, event.actor) for event in events] == [
        ("conversation.spam", town.agent),
        ("conversation.not_spam", town.agent),
    ]


def test_mail_to_spam_reopens_nothing(town: builders.Town) -> None:
    found = conversation(town)
    timeline.set_status(found, "done", actor=town.agent)
    timeline.mark_spam(found, actor=town.agent)
    builders.received(town.inbox, "Fråga", "Vinn en resa", conversation=found)
    now = fresh(found)
    assert (now.folder, now.status, now.unanswered_since, now.message_count) == ("spam", "done", None, 2)
    assert "Vinn" not in now.snippet


def test_who_wrote_to_what_was_no_spam_after_all_has_no_answer(town: builders.Town) -> None:
    found = conversation(town)
    timeline.set_status(found, "done", actor=town.agent)
    timeline.mark_spam(found, actor=town.agent)
    late = builders.received(town.inbox, "Fråga", "Hallå?", conversation=found)
    timeline.unmark_spam(found, actor=town.agent)
    now = fresh(found)
    assert (now.folder, now.status, now.unanswered_since) == ("", "unanswered", late.received_at)


def test_what_is_kept_apart_is_not_counted(town: builders.Town) -> None:
    timeline.mark_spam(conversation(town), actor=town.agent)
    assert lists.counts(town.agent).by_inbox == {}


def test_which_lists_hold_something_is_one_query_whatever_they_hold(
    town: builders.Town, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    other = builders.create_inbox("info@lillestad.se", "Info", actor=town.admin)
    assert lists.held() == frozenset()
    for number in range(3):
        quiet(town, "dsn", f"Studs {number}")
    timeline.mark_spam(conversation(town), actor=town.agent)
    with django_assert_num_queries(1):
        assert lists.held() == {"bounces", "spam"}
    assert lists.held(town.inbox.pk) == {"bounces", "spam"}
    assert lists.held(other.pk) == frozenset()


def test_the_next_of_what_is_kept_apart_is_kept_apart_too(town: builders.Town) -> None:
    first, second, _ordinary = quiet(town, "dsn", "Ett"), quiet(town, "dsn", "Två"), conversation(town)
    assert lists.following(lists.BOUNCES, town.agent, second.conversation, None) == first.conversation
    assert lists.following(lists.BOUNCES, town.agent, first.conversation, None) is None


def test_why_rows_have_no_words_is_asked_once_for_all_and_only_then(
    town: builders.Town, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    read, empty, *unread = (builders.received(town.inbox, text=text) for text in ("Hej!", "", "", ""))
    Message.objects.filter(pk=unread[0].pk).update(reading_stage="headers")
    Message.objects.filter(pk=unread[1].pk).update(reading_stage="envelope")
    shown = list(lists.rows())
    with django_assert_num_queries(1):
        assert lists.read_in_part(shown) == {each.conversation_id for each in unread}
    with django_assert_num_queries(0):
        assert lists.read_in_part([each for each in shown if each.pk == read.conversation_id]) == set()
    assert empty.conversation_id not in lists.read_in_part(shown)
