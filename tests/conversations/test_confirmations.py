"""Delivery confirmations: when one is sent, what it says, and that it can never start a quarrel between machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations import confirmations, drafts
from conversations.confirmations import Facts, confirm, refusal
from conversations.models import Contact, Conversation, Message
from forwarding.classifying import auto_answer_obstacle, classify
from forwarding.reading import read_mail
from forwarding.reading.mail import ReadMail
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support import builders

TEXT = "Hej!\n\nVi har fått ditt mejl och svarar inom två dagar. Ditt nummer är {number}."
GOOD = Facts(
    obstacle="",
    writer="barry@example.org",
    recipient="barry@example.org",
    names_inbox=True,
    is_first=True,
    own_domains=frozenset({"mail.kundo.se"}),
    own_addresses=frozenset({"jobb@lillestad.se", "info@lillestad.se"}),
)


def test_a_person_who_writes_for_the_first_time_gets_one() -> None:
    assert refusal(GOOD) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"obstacle": "class"},
        {"is_first": False},
        {"names_inbox": False},
        {"writer": "info@lillestad.se"},
        {"recipient": "info@lillestad.se"},
        {"writer": "jobb.lillestad.se@mail.kundo.se"},
        {"to_recipient_in_day": 1},
        {"to_recipient_in_week": 4},
        {"of_inbox_in_hour": 200},
        {"of_organization_in_hour": 500},
        {"complained": True},
        {"confirmed_elsewhere": True},
    ],
    ids=str,
)
def test_one_thing_against_it_is_enough(changes: dict[str, Any]) -> None:
    assert refusal(replace(GOOD, **changes)) != ""


@pytest.fixture
def town() -> Iterator[builders.Town]:
    town = builders.town()
    with scope.organization(town.organization):
        Inbox.objects.filter(pk=town.inbox.pk).update(confirmation=TEXT)
        town.inbox.refresh_from_db()
        yield town


def arrive(town: builders.Town, **options: Any) -> Message:
    """A mail as filing stores it."""
    return Message.objects.select_related("conversation", "inbox").get(pk=builders.received(town.inbox, **options).pk)


def confirmed(message: Message, **options: Any) -> Message | None:
    return confirm(message, **{"obstacle": "", "names_inbox": True, **options})


def on_the_wire(message: Message) -> ReadMail:
    assert message.outbound is not None
    return read_mail(bytes(message.outbound.content))


@pytest.mark.django_db
def test_it_says_what_the_inbox_says_and_nothing_of_the_senders_text(town) -> None:
    received = arrive(town, subject="Köp billigt", text="Klicka här")
    sent = confirmed(received)
    assert sent is not None
    read = on_the_wire(sent)
    assert read.visible_text.strip() == TEXT.replace("{number}", str(received.conversation.number))
    assert read.subject == f"Vi har tagit emot ditt mail (#{received.conversation.number})"
    content = bytes(sent.outbound.content).decode()
    assert "billigt" not in content
    assert "Klicka" not in content


@pytest.mark.django_db
def test_every_program_can_see_that_no_person_wrote_it(town) -> None:
    sent = confirmed(arrive(town))
    assert sent is not None
    read = on_the_wire(sent)
    assert read.header("Auto-Submitted") == "auto-replied"
    assert read.header("X-Auto-Response-Suppress") == "All"
    assert read.header("Precedence") == "bulk"
    assert read.header("X-Kundo-Loop").startswith("v1;")
    assert classify(read, "b.x@mail.kundo.se") != "human"
    assert sent.outbound.automatic


@pytest.mark.django_db
def test_it_is_a_row_in_the_conversation_and_changes_no_state(town) -> None:
    received = arrive(town)
    before = Conversation.objects.get(pk=received.conversation_id)
    sent = confirmed(received)
    assert sent is not None
    after = Conversation.objects.get(pk=received.conversation_id)
    assert sent.conversation_id == after.pk
    assert (after.status, after.unanswered_since, after.assignee_id) == ("unanswered", before.unanswered_since, None)
    assert after.message_count == before.message_count + 1


@pytest.mark.django_db
def test_nobody_can_take_it_back(town) -> None:
    sent = confirmed(arrive(town))
    assert sent is not None
    assert not drafts.undo(sent, town.agent)


@pytest.mark.django_db
def test_an_inbox_without_a_text_sends_none(town) -> None:
    Inbox.objects.filter(pk=town.inbox.pk).update(confirmation=" ")
    assert confirmed(arrive(town)) is None


@pytest.mark.django_db
def test_a_sender_gets_one_a_day_however_many_matters_there_are(town) -> None:
    assert confirmed(arrive(town)) is not None
    assert confirmed(arrive(town, subject="Något annat")) is None
    assert confirmed(arrive(town, sender=("Cecilia", "cecilia@example.org"))) is not None


@pytest.mark.django_db
def test_capitals_in_an_address_do_not_make_another_sender(town) -> None:
    assert confirmed(arrive(town, sender=("Barry", "barry@example.org"))) is not None
    again = arrive(town, subject="Något annat")
    again.reply_to = [{"name": "", "address": "Barry@Example.org"}]
    assert confirmed(again) is None


@pytest.mark.django_db
def test_an_organization_sends_only_so_many_an_hour_from_all_its_inboxes(town, settings) -> None:
    settings.ORGANIZATION_CONFIRMATIONS_AN_HOUR = 3
    for number in range(2):
        assert confirmed(arrive(town, sender=("", f"a{number}@example.org"))) is not None
    other = create_inbox("info@grannby.se", "Info", actor=town.admin)
    Inbox.objects.filter(pk=other.pk).update(confirmation=TEXT)
    sent = []
    for number in range(2):
        received = builders.received(other, sender=("", f"b{number}@example.org"))
        sent.append(confirmed(Message.objects.select_related("conversation", "inbox").get(pk=received.pk)))
    assert [message is not None for message in sent] == [True, False]
    Message.objects.filter(mail_class=confirmations.MAIL_CLASS).update(received_at=timezone.now() - timedelta(hours=2))
    assert confirmed(arrive(town, sender=("", "c@example.org"))) is not None


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["barry@example.org", "cecilia@example.org"])
def test_whoever_complained_gets_none_be_it_as_writer_or_where_the_answer_goes(town, who) -> None:
    received = arrive(town, sender=("Barry", "barry@example.org"))
    received.reply_to = [{"name": "", "address": "Cecilia@example.org"}]
    Contact.objects.update_or_create(address=who, defaults={"complained_at": timezone.now()})
    assert confirmed(received) is None
    Contact.objects.update(complained_at=None)
    assert confirmed(received) is not None


@pytest.mark.django_db
def test_it_answers_the_mail_in_the_senders_program_too(town) -> None:
    received = arrive(town, message_id="fragan@example.org")
    Message.objects.filter(pk=received.pk).update(references=["root@example.org"])
    received.references = ["root@example.org"]
    sent = confirmed(received)
    assert sent is not None
    read = on_the_wire(sent)
    assert read.header("In-Reply-To") == "<fragan@example.org>"
    references = read.header("References").split()
    assert (references[0], references[-1]) == ("<root@example.org>", "<fragan@example.org>")


@pytest.mark.django_db
def test_a_second_mail_in_a_conversation_gets_none(town) -> None:
    first = arrive(town)
    assert confirmed(arrive(town, conversation=first.conversation, sender=("D", "david@example.org"))) is None


@pytest.mark.django_db
def test_the_answer_goes_where_the_writer_asked_for_it(town) -> None:
    received = arrive(town)
    received.reply_to = [{"name": "", "address": "cecilia@example.org"}]
    sent = confirmed(received)
    assert sent is not None
    assert [person["address"] for person in sent.to] == ["cecilia@example.org"]


@pytest.mark.django_db
def test_two_inboxes_with_confirmations_do_not_answer_each_other(town) -> None:
    other = create_inbox("info@grannby.se", "Info", actor=town.admin)
    Inbox.objects.filter(pk=other.pk).update(confirmation=TEXT)
    other.refresh_from_db()
    first = confirmed(arrive(town, sender=("Info", "info@annanby.se")))
    assert first is not None
    read = on_the_wire(first)
    answer = builders.received(other, sender=(town.inbox.name, "jobb@enby.se"), subject=read.subject, text=read.text)
    answer = Message.objects.select_related("conversation", "inbox").get(pk=answer.pk)
    envelope_sender = "b.x@mail.kundo.se"
    obstacle = auto_answer_obstacle(read, envelope_sender, classify(read, envelope_sender))
    assert confirmed(answer, obstacle=obstacle) is None
    assert Message.objects.filter(mail_class=confirmations.MAIL_CLASS).count() == 1


@pytest.mark.django_db
def test_a_confirmation_that_fails_does_not_take_the_mail_with_it(town, settings) -> None:
    settings.OUTGOING_MESSAGE_OCTETS = 10
    received = arrive(town)
    assert confirmed(received) is None
    assert Message.objects.get(conversation=received.conversation).pk == received.pk
