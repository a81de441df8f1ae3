"""Mail storms through the real pipeline: kept, but in one conversation; and people are no storm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from conversations.models import Message
from forwarding.storms import StormLimits, is_calm
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town
from tests.support.mails import Pipeline, conversations, mail, messages

pytestmark = pytest.mark.django_db(transaction=True)

JOBB = "jobb.lillestad.se@mail.kundo.se"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    """A fifth of the real ones, for the sake of time."""
    assert StormLimits.from_settings() == StormLimits()
    settings.FILING_STORM_OF_SENDER, settings.FILING_STORM_OF_SUBJECT, settings.FILING_STORM_OF_REPORTS = 4, 10, 6


def bounced(subject: str, sender: str) -> bytes:
    """A delivery report about a mail that somebody sent in the inbox's name (RFC 3464)."""
    head = f"From: {sender}\nTo: jobb@lillestad.se\nSubject: {subject}\nMessage-ID: <{sender}>\nMIME-Version: 1.0\n"
    kind = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    words = "--b\n\nThe mail could not be delivered.\n"
    fate = "Final-Recipient: rfc822; x@example.org\nAction: failed\nStatus: 5.1.1\n"
    fields = f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n{fate}\n--b--\n"
    return (head + kind + words + fields).replace("\n", "\r\n").encode()


def sizes(of: Town) -> list[int]:
    return [conversation.message_count for conversation in conversations(of)]


@pytest.mark.parametrize("one_batch", [True, False])
def test_what_one_sender_sends_beyond_the_limit_is_folded_into_one_conversation(
    post: Pipeline, lillestad: Town, one_batch: bool
) -> None:
    for number in range(9):
        post.send(mail(f"Larm {chr(65 + number)}", sender="larm@example.org"), JOBB)
        if not one_batch:
            post.file()
    post.file()
    assert sizes(lillestad) == [1, 1, 1, 1, 5]
    assert [m.thread_rule for m in messages(lillestad.inbox)] == ["new"] * 4 + ["storm"] * 5


def test_a_machines_subject_is_a_storm_whoever_sends_it(post: Pipeline, lillestad: Town) -> None:
    for number in range(14):
        raw = mail(
            f"Order {4700 + number} failed",
            sender=f"root@host{number}.example{number}.org",
            Auto_Submitted="auto-generated",
        )
        post.send(raw, JOBB)
    post.file()
    assert sizes(lillestad) == [1] * 10 + [4]


def test_reports_about_mail_forged_in_our_name_are_a_storm_whichever_servers_send_them(
    post: Pipeline, lillestad: Town
) -> None:
    subjects = ("Undelivered Mail", "Returned mail", "Delivery failure", "Ej levererat")
    for number in range(9):
        report = bounced(f"{subjects[number % 4]} {'abcdefghi'[number]}", f"MAILER-DAEMON@mx.example{number}.org")
        post.send(report, JOBB, mail_from="")
    post.file()
    assert sizes(lillestad) == [1] * 6 + [3]
    assert {(c.folder, c.status, c.contact) for c in conversations(lillestad)} == {("bounces", "done", None)}


def test_a_person_is_heard_in_a_storm_of_their_own_automatic_replies(post: Pipeline, lillestad: Town) -> None:
    for number in range(6):
        post.send(mail(f"Autosvar {chr(65 + number)}", Auto_Submitted="auto-replied"), JOBB)
    post.file()
    assert [(c.folder, c.message_count) for c in conversations(lillestad)][-1] == ("autoreplies", 2)
    post.receive(mail("Det var inte meningen", "Förlåt för alla svar!"), lillestad.inbox)
    assert [(c.folder, c.status, c.message_count) for c in conversations(lillestad)][-1] == ("", "unanswered", 3)


def test_one_companys_subject_is_a_storm(post: Pipeline, lillestad: Town) -> None:
    for number in range(14):
        post.send(mail(f"Order {4700 + number} failed", sender=f"host{number}@example.org"), JOBB)
    post.file()
    assert sizes(lillestad) == [1] * 10 + [4]


def test_many_people_with_the_same_subject_are_no_storm(post: Pipeline, lillestad: Town) -> None:
    for number in range(14):
        sender = f"sokande{number}@gmail.com" if number % 2 else f"anna@firma{number}.example.se"
        post.send(mail("Ansökan", f"Jag är nummer {number}.\n", sender=sender), JOBB)
    post.file()
    assert sizes(lillestad) == [1] * 14


def test_an_answer_in_a_storm_reaches_its_own_conversation(post: Pipeline, lillestad: Town) -> None:
    for number in range(6):
        raw = mail(f"Larm {chr(65 + number)}", sender="larm@example.org", message_id=f"larm{number}@example.org")
        post.receive(raw, lillestad.inbox)
    post.receive(mail("Re: Larm A", sender="larm@example.org", In_Reply_To="<larm0@example.org>"), lillestad.inbox)
    assert sizes(lillestad) == [2, 1, 1, 1, 2]


def test_a_storm_asks_for_attention_once(post: Pipeline, lillestad: Town) -> None:
    for number in range(6):
        post.receive(mail(f"Larm {chr(65 + number)}", sender="larm@example.org"), lillestad.inbox)
    with scope.organization(lillestad.organization):
        storm = conversations(lillestad)[-1]
        type(storm).objects.filter(pk=storm.pk).update(status="done", unanswered_since=None)
    post.receive(mail("Larm Z", sender="larm@example.org"), lillestad.inbox)
    assert [(c.status, c.message_count) for c in conversations(lillestad)][-1] == ("done", 3)


def test_a_slow_trickle_is_no_storm(post: Pipeline, lillestad: Town) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True) as clock:
        for number in range(9):
            post.receive(mail(f"Larm {chr(65 + number)}", sender="larm@example.org"), lillestad.inbox)
            clock.shift(timedelta(minutes=4))
    assert sizes(lillestad) == [1] * 9


def test_nothing_is_answered_automatically_until_it_has_been_calm_for_an_hour(post: Pipeline, lillestad: Town) -> None:
    now = datetime.now(UTC)
    for number in range(6):
        post.receive(mail(f"Larm {chr(65 + number)}", sender="larm@example.org"), lillestad.inbox)
    with scope.organization(lillestad.organization):
        assert not is_calm(lillestad.inbox, now)
        assert is_calm(lillestad.inbox, now + timedelta(minutes=62))


def test_a_storm_stops_confirmations_to_everybody_until_it_is_calm(post: Pipeline, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(confirmation="Tack, ditt mail har kommit fram.")
    now = datetime.now(UTC)
    for number in range(6):
        raw = mail(f"Larm {chr(65 + number)}", sender="larm@example.org", Auto_Submitted="auto-generated")
        post.receive(raw, lillestad.inbox)
    confirmed = []
    for minutes, sender in ((0, "asa@example.net"), (59, "bo@example.net"), (62, "cecilia@example.net")):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=True):
            post.receive(mail(sender=sender), lillestad.inbox)
        with scope.organization(lillestad.organization):
            confirmed.append(Message.objects.filter(mail_class="confirmation").count())
    assert confirmed == [0, 0, 1]


def test_a_storm_in_one_inbox_is_none_in_another(post: Pipeline, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        info = create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)
    for number in range(6):
        post.receive(mail(f"Larm {chr(65 + number)}", sender="larm@example.org"), lillestad.inbox)
    delivery = post.receive(mail("Larm Z", sender="larm@example.org"), info)
    assert delivery.message is not None
    assert (delivery.message.thread_rule, delivery.message.conversation.inbox_id) == ("new", info.pk)
    with scope.organization(lillestad.organization):
        assert is_calm(info, datetime.now(UTC))


def test_the_next_storm_gets_a_conversation_of_its_own(post: Pipeline, lillestad: Town) -> None:
    now = datetime.now(UTC)
    for hours_ago in (3, 0):
        with time_machine.travel(now - timedelta(hours=hours_ago), tick=True):
            for number in range(6):
                raw = mail(f"Larm {chr(65 + number)}", f"Klockan minus {hours_ago}\n", sender="larm@example.org")
                post.receive(raw, lillestad.inbox)
    assert sizes(lillestad) == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]
