"""The five duplicate cases over real SMTP, and what holds whatever the order in which mail comes and comes again."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.forwarders import exchange_footer, gmail_filter, m365_redirect
from tests.support.mails import Pipeline, conversations, deliveries, mail, messages, states

pytestmark = pytest.mark.django_db(transaction=True)

JOBB, INFO = "jobb.lillestad.se@mail.kundo.se", "info.lillestad.se@mail.kundo.se"


@pytest.fixture
def info(lillestad: Town) -> Inbox:
    """A second inbox of the town."""
    with scope.organization(lillestad.organization):
        return create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)


def test_a_a_mail_sent_again_after_a_lost_250_is_one_message_with_two_deliveries(
    post: Pipeline, lillestad: Town
) -> None:
    raw = mail()
    first = post.receive(raw, lillestad.inbox)
    second = post.receive(
        b"Received: from again.example by mx.example; Mon, 2 Nov 2026 09:00:00 +0100\r\n" + raw, lillestad.inbox
    )
    assert [delivery.state for delivery in (first, second)] == ["filed", "duplicate"]
    assert first.message_id == second.message_id
    assert [c.message_count for c in conversations(lillestad)] == [1]


def test_a_the_same_mail_twice_in_one_batch_is_one_message(post: Pipeline, lillestad: Town) -> None:
    raw = mail()
    for _ in range(3):
        post.send(raw, JOBB)
    post.file()
    assert Counter(states(lillestad.inbox)) == {"filed": 1, "duplicate": 2}
    assert len(messages(lillestad.inbox)) == 1


@pytest.mark.parametrize("sessions", [1, 2])
def test_b_a_mail_to_two_inboxes_is_a_message_in_each(
    post: Pipeline, lillestad: Town, info: Inbox, sessions: int
) -> None:
    raw = mail()
    for recipients in [(JOBB, INFO)] if sessions == 1 else [(JOBB,), (INFO,)]:
        post.send(raw, *recipients)
    post.file()
    assert [len(messages(inbox)) for inbox in (lillestad.inbox, info)] == [1, 1]
    assert states(lillestad.inbox) == ["filed", "filed"]


def test_b_a_mail_to_two_organizations_is_no_duplicate_of_the_others(post: Pipeline, lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    raw = mail()
    for recipient in (JOBB, "info.storstad.se@mail.kundo.se"):
        post.send(raw, recipient)
        post.file()
    assert states(lillestad.inbox) == states(storstad.inbox) == ["filed"]


def test_c_two_forwarded_addresses_that_lead_to_one_inbox_give_one_message(post: Pipeline, lillestad: Town) -> None:
    raw = mail()
    for forward, mailbox in ((m365_redirect, "jobb@lillestad.se"), (gmail_filter, "ansokan@lillestad.se")):
        forwarded = forward(raw, mailbox, JOBB, "barry@example.org")
        post.send(forwarded.octets, JOBB, mail_from=forwarded.mail_from)
    post.file()
    assert sorted(states(lillestad.inbox)) == ["duplicate", "filed"]
    assert [m.addressed_to for m in messages(lillestad.inbox)] == ["jobb@lillestad.se"]


@pytest.mark.parametrize("footer_first", [False, True])
def test_d_of_a_mail_and_its_copy_with_a_footer_the_fuller_one_is_shown(
    post: Pipeline, lillestad: Town, footer_first: bool
) -> None:
    text = "Hej, jag undrar över sommarjobbet på badet. " * 12 + "Hälsningar Barry\n"
    raw = mail(text=text)
    both = [raw, exchange_footer(raw, "jobb@lillestad.se", JOBB, "").octets]
    for octets in reversed(both) if footer_first else both:
        post.receive(octets, lillestad.inbox)
    assert [(d.state, d.reason) for d in deliveries(lillestad.inbox)] == [("filed", ""), ("duplicate", "variant")]
    [message] = messages(lillestad.inbox)
    assert "passerat kommunens server" in message.text
    assert message.ranges[-1][1] == len(message.text)


def test_d_an_identifier_used_again_for_another_mail_is_another_message(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Ditt paket 1", "Paketet är på väg.\n", message_id="same@dhl.example"), lillestad.inbox)
    post.receive(mail("Ditt paket 2", "Hämta det i butiken.\n", message_id="same@dhl.example"), lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "filed"]
    assert len(messages(lillestad.inbox)) == 2


def test_e_equal_mails_without_an_identifier_are_one_within_a_week(post: Pipeline, lillestad: Town) -> None:
    raw = mail(message_id=None)
    for _ in range(2):
        post.receive(raw, lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "duplicate"]
    assert messages(lillestad.inbox)[0].message_id.endswith("@no-id.mail.kundo.se")


def test_e_after_a_week_an_equal_mail_without_an_identifier_is_new(post: Pipeline, lillestad: Town) -> None:
    raw, now = mail("Påminnelse", message_id=None), datetime.now(UTC)
    for days_ago in (30, 15, 13, 0):
        with time_machine.travel(now - timedelta(days=days_ago), tick=True):
            post.receive(raw, lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "filed", "duplicate", "filed"]


def test_e_different_mails_without_an_identifier_are_all_kept(post: Pipeline, lillestad: Town) -> None:
    for number in range(3):
        post.receive(mail(f"Ärende {number}", message_id=None), lillestad.inbox)
    assert states(lillestad.inbox) == ["filed"] * 3


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_repetition_gives_one_message_for_each_mail_and_inbox(
    post: Pipeline, lillestad: Town, info: Inbox, seed: int
) -> None:
    chance = random.Random(seed)
    texts = [f"Detta är mail {number}.\n" for number in range(10)]
    thread = [mail("Sommarjobb", text, **_answers(number)) for number, text in enumerate(texts[:4])]
    others = [mail(f"Ärende {text}".strip(), text, message_id=chance.choice([None, ""])) for text in texts[4:]]
    attempts = [(raw, to) for raw in thread + others for to in (JOBB, INFO) for _ in range(2)]
    chance.shuffle(attempts)
    for raw, to in attempts:
        post.send(raw, to)
        if chance.random() < 0.2:
            post.file()
    post.file()
    for inbox in (lillestad.inbox, info):
        assert sorted(m.text for m in messages(inbox)) == texts
        assert len({m.conversation_id for m in messages(inbox, subject="Sommarjobb")}) == 1
    assert Counter(states(lillestad.inbox)) == {"filed": 20, "duplicate": 20}


def _answers(number: int) -> dict[str, str]:
    """Headers of mail `number` of a thread in which each answers the one before."""
    if number == 0:
        return {"message_id": "t0@example.org"}
    earlier = [f"<t{before}@example.org>" for before in range(number)]
    return {"message_id": f"t{number}@example.org", "In_Reply_To": earlier[-1], "References": " ".join(earlier)}
