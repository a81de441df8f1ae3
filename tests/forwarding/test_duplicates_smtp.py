"""The five duplicate cases over real SMTP, and what holds whatever the order in which mail comes and comes again."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from conversations.models import Attachment, Message
from forwarding.reconciling import balance_of
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
    fuller, other = ("filed", ""), ("duplicate", "variant")
    expected = [fuller, other] if footer_first else [other, fuller]
    assert [(d.state, d.reason) for d in deliveries(lillestad.inbox)] == expected
    [message] = messages(lillestad.inbox)
    assert "passerat kommunens server" in message.text
    assert message.ranges[-1][1] == len(message.text)


LONG = "Hej, jag undrar över sommarjobbet på badet. " * 12


def test_d_what_was_found_out_about_the_author_does_not_hold_for_the_copy_that_is_shown_instead(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    raw = mail(text=LONG)
    post.receive(raw, lillestad.inbox)
    with scope.organization(lillestad.organization):
        Message.objects.update(authenticity="verified", authenticity_reason="signed")
    fuller = exchange_footer(raw, "jobb@lillestad.se", JOBB, "").octets
    post.receive(fuller, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    assert (message.authenticity, message.authenticity_reason) == ("", "")
    assert [d.verify_at is not None for d in deliveries(lillestad.inbox)] == [False, True]
    client.force_login(lillestad.agent, backend=settings.AUTHENTICATION_BACKENDS[0])
    original = client.get(reverse("forwarding:original", args=[lillestad.organization.slug, message.pk]))
    assert original.content == fuller


@pytest.mark.parametrize("footer_first", [False, True])
def test_d_a_fuller_copy_of_the_same_batch_takes_the_place_of_the_other_with_its_proof(
    post: Pipeline, lillestad: Town, client: Client, footer_first: bool
) -> None:
    raw = mail(text=LONG)
    fuller = exchange_footer(raw, "jobb@lillestad.se", JOBB, "").octets
    for octets in (fuller, raw) if footer_first else (raw, fuller):
        post.send(octets, JOBB)
    post.file()
    [message] = messages(lillestad.inbox)
    assert "passerat kommunens server" in message.text
    shown, other = ("filed", "", True), ("duplicate", "variant", False)
    found = [(d.state, d.reason, d.verify_at is not None) for d in deliveries(lillestad.inbox)]
    assert found == ([shown, other] if footer_first else [other, shown])
    with scope.organization(lillestad.organization):
        assert balance_of().gaps == {}
    client.force_login(lillestad.agent, backend=settings.AUTHENTICATION_BACKENDS[0])
    original = client.get(reverse("forwarding:original", args=[lillestad.organization.slug, message.pk]))
    assert original.content == fuller


@pytest.mark.parametrize("longer", ["", " eller så"])
def test_d_a_copy_with_other_words_does_not_take_the_place_of_what_is_shown(
    post: Pipeline, lillestad: Town, longer: str
) -> None:
    text = LONG + "Betala till bankgiro 123-4567 senast fredag.\n"
    raw = mail(text=text, message_id="faktura@example.org")
    forged = mail(
        text=text.replace("123-4567", "999-9999").replace("fredag", "fredag" + longer), message_id="faktura@example.org"
    )
    for octets in (raw, forged):
        post.receive(octets, lillestad.inbox)
    assert [(d.state, d.reason) for d in deliveries(lillestad.inbox)] == [("filed", ""), ("duplicate", "variant")]
    assert ["123-4567" in message.text for message in messages(lillestad.inbox)] == [True]


def test_d_a_copy_with_a_tag_in_its_subject_is_the_same_mail(post: Pipeline, lillestad: Town) -> None:
    raw = mail(text=LONG)
    post.receive(raw, lillestad.inbox)
    post.receive(raw.replace(b"Subject: ", b"Subject: [EXTERN] "), lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "duplicate"]


def with_files(raw: bytes, *contents: bytes) -> bytes:
    """The mail with files, under the same identifier."""
    message = message_from_bytes(raw, policy=policy.SMTP)
    for number, content in enumerate(contents):
        message.add_attachment(content, "application", "pdf", filename=f"bilaga{number}.pdf")
    return message.as_bytes()


def files_of(inbox: Inbox) -> list[tuple[int, bytes]]:
    with scope.organization(inbox.organization_id):
        rows = Attachment.objects.order_by("message_id", "position")
        return [(pk, bytes(content)) for pk, content in rows.values_list("message_id", "blob__content")]


@pytest.mark.parametrize("bare_first", [True, False])
def test_d_of_a_mail_and_its_copy_without_files_the_one_with_files_is_shown(
    post: Pipeline, lillestad: Town, bare_first: bool
) -> None:
    raw = mail(text=LONG)
    both = [raw, with_files(raw, b"%PDF-1", b"%PDF-2")]
    for octets in both if bare_first else reversed(both):
        post.receive(octets, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    assert files_of(lillestad.inbox) == [(message.pk, b"%PDF-1"), (message.pk, b"%PDF-2")]
    assert message.conversation.has_attachments


def test_d_the_same_words_with_another_file_are_another_message(post: Pipeline, lillestad: Town) -> None:
    raw = mail("Från skannern", text=LONG)
    for content in (b"%PDF-1", b"%PDF-2"):
        post.receive(with_files(raw, content), lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "filed"]
    assert [content for _, content in files_of(lillestad.inbox)] == [b"%PDF-1", b"%PDF-2"]


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


@pytest.mark.slow
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
