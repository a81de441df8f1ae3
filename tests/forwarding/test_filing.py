"""From SMTP to the inbox with real parts: what becomes of each kind of mail."""

from __future__ import annotations

from datetime import timedelta
from email import policy
from email.message import EmailMessage

import pytest
from django.conf import settings
from django.contrib.postgres.search import SearchQuery
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import explaining, timeline
from conversations.models import Contact, Conversation, Message
from forwarding import queue
from forwarding.models import Delivery, RawMail
from forwarding.threading import Obstacle
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.forwarders import FORWARDERS, Forwarder
from tests.support.mails import (
    Pipeline,
    address_of,
    answered,
    conversations,
    field_of,
    mail,
    messages,
    octets_of,
    pipeline,
    states,
)

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


def test_a_mail_becomes_an_unanswered_conversation_with_its_author(post: Pipeline, lillestad: Town) -> None:
    delivery = post.receive(mail("Fråga om tider", "Hej, när öppnar ni?\n"), lillestad.inbox)
    message = delivery.message
    assert delivery.state == State.FILED
    assert message is not None
    conversation = message.conversation
    assert (conversation.number, conversation.subject, conversation.status) == (1, "Fråga om tider", "unanswered")
    assert (conversation.contact.address, conversation.sender_label) == ("barry@example.org", "Barry Berg")
    assert (message.text, message.reading_stage, message.thread_rule) == ("Hej, när öppnar ni?\n", "full", "new")
    assert (conversation.message_count, conversation.snippet) == (1, "Hej, när öppnar ni?")
    assert message.addressed_to == "jobb@lillestad.se"


def test_a_mail_is_found_by_the_words_of_both_its_alternatives(post: Pipeline, lillestad: Town) -> None:
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"], letter["To"], letter["Subject"] = "barry@example.org", "jobb@lillestad.se", "Två versioner"
    letter.set_content("Kolonilotten vid ån är ledig från maj, hälsar föreningens ordförande med familj.\n")
    letter.add_alternative("<p>Nyhetsbrev om brandvarnare och blåljus i kommunen.</p>" * 8, subtype="html")
    post.receive(letter.as_bytes(), lillestad.inbox)
    with scope.organization(lillestad.organization):
        for words in ("kolonilotten", "brandvarnare"):
            query = SearchQuery(words, config="simple")
            assert Message.objects.filter(search_vector=query).count() == 1, words


@pytest.mark.parametrize(("end", "defects"), [(b"\n", ["bare_newline"]), (b"\r", ["bare_newline"]), (b"\r\n", [])])
def test_a_mail_with_line_ends_of_two_kinds_is_labelled_and_kept_as_it_came(
    post: Pipeline, lillestad: Town, end: bytes, defects: list[str]
) -> None:
    raw = mail("Fråga", "Rad ett.\nRad två.\n").replace(b"ett.\r\n", b"ett." + end)
    delivery = post.receive(raw, lillestad.inbox)
    assert delivery.message is not None
    assert delivery.message.defects == defects
    with scope.organization(lillestad.organization):
        assert bytes(RawMail.objects.get().content) == raw


def test_mails_of_one_batch_get_numbers_and_conversations_of_their_own(post: Pipeline, lillestad: Town) -> None:
    for number in range(7):
        post.send(mail(f"Ärende {number}", f"Detta är nummer {number}.\n"), "jobb.lillestad.se@mail.kundo.se")
    post.file()
    assert [c.number for c in conversations(lillestad)] == [1, 2, 3, 4, 5, 6, 7]
    assert {c.subject for c in conversations(lillestad)} == {f"Ärende {number}" for number in range(7)}
    assert states(lillestad.inbox) == ["filed"] * 7


def test_an_answer_in_the_same_batch_joins_the_mail_it_answers(post: Pipeline, lillestad: Town) -> None:
    first = mail("Sommarjobb", message_id="first@example.org")
    second = mail("Re: Sommarjobb", "Glömde bifoga mitt CV.\n", In_Reply_To="<first@example.org>")
    for raw in (first, second):
        post.send(raw, "jobb.lillestad.se@mail.kundo.se")
    post.file()
    [conversation] = conversations(lillestad)
    assert (conversation.message_count, conversation.snippet) == (2, "Glömde bifoga mitt CV.")
    assert [m.thread_rule for m in messages(lillestad.inbox)] == ["new", "message_id"]


def test_a_mail_to_two_organizations_is_filed_in_each_and_seen_by_each_alone(post: Pipeline, lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    post.send(mail(), "jobb.lillestad.se@mail.kundo.se", "info.storstad.se@mail.kundo.se")
    post.file()
    assert [len(conversations(place)) for place in (lillestad, storstad)] == [1, 1]
    assert states(lillestad.inbox) == states(storstad.inbox) == ["filed"]


def test_mail_to_postmaster_is_filed_in_the_operators_inbox(lillestad: Town) -> None:
    with pipeline(operator_key="jobb.lillestad.se") as post:
        post.send(mail("Om er server"), "postmaster@mail.kundo.se")
        post.file()
    assert [c.subject for c in conversations(lillestad)] == ["Om er server"]


# --- who it is from --------------------------------------------------------------------------------------------------


def test_mail_from_an_own_inbox_makes_no_contact(post: Pipeline, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)
    for sender in ("jobb@lillestad.se", "info@lillestad.se", "jobb.lillestad.se@mail.kundo.se"):
        post.receive(mail(f"Från {sender}", sender=sender), lillestad.inbox)
    with scope.organization(lillestad.organization):
        assert Contact.objects.count() == 0
    assert [c.contact for c in conversations(lillestad)] == [None, None, None]


def test_a_form_that_sends_in_the_inboxes_name_brings_the_person_in_reply_to(post: Pipeline, lillestad: Town) -> None:
    raw = mail("Kontaktformulär", sender="Webben <jobb@lillestad.se>", Reply_To="Åsa <asa@example.net>")
    delivery = post.receive(raw, lillestad.inbox)
    assert delivery.message is not None
    assert delivery.message.conversation.contact.address == "asa@example.net"


def test_the_same_author_in_one_batch_is_one_contact(post: Pipeline, lillestad: Town) -> None:
    for number in range(3):
        post.send(mail(f"Ärende {number}", sender="BARRY@Example.org"), "jobb.lillestad.se@mail.kundo.se")
    post.file()
    with scope.organization(lillestad.organization):
        assert list(Contact.objects.values_list("address", flat=True)) == ["barry@example.org"]


# --- what a mail sets in motion --------------------------------------------------------------------------------------


GOOGLE = "Google Workspace <forwarding-noreply@google.com>"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("(#123456789) Gmail Forwarding Confirmation - Receive Mail from jobb@lillestad.se", "Click the link.\n"),
        ("Bekräftelse av vidarebefordran", "Bekräftelsekod: 123456789\n\nKlicka på länken.\n"),
    ],
)
def test_googles_code_is_shown_to_the_admin(
    post: Pipeline, lillestad: Town, client: Client, subject: str, text: str
) -> None:
    post.receive(mail(subject, text, sender=GOOGLE), lillestad.inbox)
    client.force_login(lillestad.admin, backend=settings.AUTHENTICATION_BACKENDS[0])
    page = client.get(reverse("inboxes:receive", args=[lillestad.organization.slug, lillestad.inbox.pk]))
    assert "123456789" in page.content.decode()


def test_nobody_elses_code_is_shown(post: Pipeline, lillestad: Town, client: Client) -> None:
    post.receive(mail("(#123456789) Gmail Forwarding Confirmation"), lillestad.inbox)
    client.force_login(lillestad.admin, backend=settings.AUTHENTICATION_BACKENDS[0])
    page = client.get(reverse("inboxes:receive", args=[lillestad.organization.slug, lillestad.inbox.pk]))
    assert "123456789" not in page.content.decode()


def confirming(of: Town) -> None:
    """The inbox wants delivery confirmations."""
    with scope.organization(of.organization):
        Inbox.objects.filter(pk=of.inbox.pk).update(confirmation="Tack, ditt mail har kommit fram.")


def confirmations(of: Town) -> int:
    with scope.organization(of.organization):
        return Message.objects.filter(mail_class="confirmation").count()


def test_a_person_gets_the_confirmation_an_inbox_has(post: Pipeline, lillestad: Town) -> None:
    confirming(lillestad)
    post.receive(mail(), lillestad.inbox)
    assert confirmations(lillestad) == 1
    assert [c.status for c in conversations(lillestad)] == ["unanswered"]


def test_whoever_writes_to_the_service_address_gets_it_too(post: Pipeline, lillestad: Town) -> None:
    confirming(lillestad)
    post.receive(mail(To=address_of(lillestad.inbox).title()), lillestad.inbox)
    assert confirmations(lillestad) == 1


@pytest.mark.parametrize(
    "raw",
    [
        mail(Auto_Submitted="auto-generated"),
        mail(X_Auto_Response_Suppress="OOF"),
        mail(sender="no-reply@example.org"),
        mail(To="andra@example.org"),
        mail(sender="jobb@lillestad.se"),
    ],
    ids=["machine", "suppressed", "no-reply", "not to the inbox", "own address"],
)
def test_no_confirmation_goes_where_it_could_do_harm(post: Pipeline, lillestad: Town, raw: bytes) -> None:
    confirming(lillestad)
    post.receive(raw, lillestad.inbox)
    assert (states(lillestad.inbox), confirmations(lillestad)) == (["filed"], 0)


def test_no_confirmation_goes_to_who_has_complained(post: Pipeline, lillestad: Town) -> None:
    confirming(lillestad)
    with scope.organization(lillestad.organization):
        Contact.objects.create(address="barry@example.org", complained_at=timezone.now())
    post.receive(mail(), lillestad.inbox)
    assert confirmations(lillestad) == 0


# --- automatic mail --------------------------------------------------------------------------------------------------


def test_an_automatic_reply_never_reopens(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Sommarjobb", message_id="a@example.org"), lillestad.inbox)
    with scope.organization(lillestad.organization):
        Conversation.objects.update(status="done", unanswered_since=None)
    raw = mail(
        "Autosvar: Sommarjobb", "Jag är på semester.\n", In_Reply_To="<a@example.org>", Auto_Submitted="auto-replied"
    )
    delivery = post.receive(raw, lillestad.inbox)
    assert delivery.message is not None
    assert (delivery.message.mail_class, delivery.message.subject_changed) == ("auto_reply", False)
    [conversation] = conversations(lillestad)
    assert (conversation.status, conversation.message_count) == ("done", 2)
    assert conversation.snippet.startswith("Hej, jag undrar")


def test_an_automatic_reply_to_nothing_is_kept_apart_until_its_person_writes(post: Pipeline, lillestad: Town) -> None:
    confirming(lillestad)
    raw = mail("Autosvar: Semester", message_id="away@example.org", Auto_Submitted="auto-replied")
    post.receive(raw, lillestad.inbox)
    assert [(c.folder, c.status, c.message_count) for c in conversations(lillestad)] == [("autoreplies", "done", 1)]
    post.receive(mail("Sv: Semester", In_Reply_To="<away@example.org>"), lillestad.inbox)
    assert [(c.folder, c.status, c.message_count) for c in conversations(lillestad)] == [("", "unanswered", 2)]
    assert confirmations(lillestad) == 0


def test_mail_to_spam_is_filed_there_quietly_and_gets_no_automatic_answer(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Vinn en resa", message_id="a@example.org"), lillestad.inbox)
    [spam] = conversations(lillestad)
    with scope.organization(lillestad.organization):
        timeline.mark_spam(spam, actor=lillestad.agent)
        Conversation.objects.update(status="done", unanswered_since=None)
    confirming(lillestad)
    post.receive(mail("Vinn en resa", message_id="b@example.org", In_Reply_To="<a@example.org>"), lillestad.inbox)
    assert [(c.folder, c.status, c.message_count) for c in conversations(lillestad)] == [("spam", "done", 2)]
    assert (states(lillestad.inbox), confirmations(lillestad)) == (["filed", "filed"], 0)


def test_mail_of_a_machine_is_a_conversation_like_any_other(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Ny ansökan i Varbi", Auto_Submitted="auto-generated"), lillestad.inbox)
    assert [(c.status, c.message_count) for c in conversations(lillestad)] == [("unanswered", 1)]


def test_a_stranger_who_answers_gets_a_conversation_beside_it_and_the_reason_is_told(
    post: Pipeline, lillestad: Town
) -> None:
    post.receive(mail(message_id="a@example.org"), lillestad.inbox)
    delivery = post.receive(mail(sender="eve@gmail.com", In_Reply_To="<a@example.org>"), lillestad.inbox)
    message = delivery.message
    assert message is not None
    first, second = conversations(lillestad)
    assert (second.related_to_id, message.conversation_id) == (first.pk, second.pk)
    assert message.thread_obstacle == Obstacle.STRANGER
    assert explaining.why_here(message) == [explaining.THREAD_OBSTACLES["stranger"]]


def test_every_obstacle_has_a_sentence() -> None:
    assert set(explaining.THREAD_OBSTACLES) == {str(obstacle) for obstacle in Obstacle} - {""}


# --- copies of our own mail ------------------------------------------------------------------------------------------


def test_a_copy_of_our_own_mail_that_comes_back_is_told_apart(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail(), lillestad.inbox)
    sent = answered(lillestad)
    delivery = post.receive(octets_of(sent), lillestad.inbox)
    assert (delivery.state, delivery.message_id) == (State.OWN_COPY, sent.pk)
    assert [c.message_count for c in conversations(lillestad)] == [2]


@pytest.mark.parametrize("forwarder", FORWARDERS, ids=lambda forwarder: forwarder.name)
def test_a_copy_with_its_history_is_told_apart_behind_every_forwarder(
    post: Pipeline, lillestad: Town, forwarder: Forwarder
) -> None:
    post.receive(mail(), lillestad.inbox)
    sent = answered(lillestad, include_history=True)
    forwarded = forwarder.forward(octets_of(sent), lillestad.inbox.address, address_of(lillestad.inbox), "")
    delivery = post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    assert (delivery.state, delivery.message_id) == (State.OWN_COPY, sent.pk)


def test_what_one_inbox_writes_to_another_is_no_copy_there(post: Pipeline, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        info = create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)
    post.receive(mail(), lillestad.inbox)
    delivery = post.receive(octets_of(answered(lillestad)), info)
    assert delivery.state == State.FILED
    assert delivery.message is not None
    assert (delivery.message.inbox_id, delivery.message.conversation.status) == (info.pk, "unanswered")


def test_our_loop_header_on_another_text_is_no_copy_of_ours(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail(), lillestad.inbox)
    loop = field_of(octets_of(answered(lillestad)), "X-Kundo-Loop")
    delivery = post.receive(mail("Helt annat", "Detta har ingen av er skrivit.\n", X_Kundo_Loop=loop), lillestad.inbox)
    assert delivery.state == State.FILED


def test_a_forged_loop_header_is_ignored(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail(), lillestad.inbox)
    raw = octets_of(answered(lillestad))
    loop = field_of(raw, "X-Kundo-Loop")
    forged = raw.replace(loop.encode(), (loop[:-1] + ("a" if loop[-1] != "a" else "b")).encode())
    assert post.receive(forged, lillestad.inbox).state == State.FILED


def test_one_organizations_flood_does_not_hold_up_anothers_mail(post: Pipeline, lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    for number in range(30):
        post.send(mail(f"Ärende {number}", sender=f"a{number}@example.org"), "jobb.lillestad.se@mail.kundo.se")
    post.send(mail("Ensam"), "info.storstad.se@mail.kundo.se")
    organizations = [claim.organization_id for claim in queue.claim(5)]
    assert storstad.organization.pk in organizations


def test_subjects_and_identifiers_of_any_length_can_be_filed(post: Pipeline, lillestad: Town) -> None:
    subject = "".join(chr(0x1F300 + number % 700) for number in range(990))
    raw = mail(subject, message_id="lang@example.org").replace(b"lang@", "é".encode() * 490 + b"@")
    delivery = post.receive(raw, lillestad.inbox)
    assert (delivery.state, delivery.message is not None and delivery.message.reading_stage) == (State.FILED, "full")


def test_mail_that_says_nothing_is_filed(post: Pipeline, lillestad: Town) -> None:
    for raw in (b"\r\n", b"Subject: x\r\n\r\n", b"\xff\xfe\x00\r\n"):
        post.send(raw, "jobb.lillestad.se@mail.kundo.se", mail_from="")
    post.file()
    assert states(lillestad.inbox) == ["filed"] * 3


def test_an_old_mail_that_is_tried_again_is_not_the_latest_of_its_inbox(post: Pipeline, lillestad: Town) -> None:
    post.send(mail("Gammalt"), address_of(lillestad.inbox))
    with scope.organization(lillestad.organization):
        Delivery.objects.update(
            received_at=timezone.now() - timedelta(days=3), next_attempt_at=timezone.now() + timedelta(1)
        )
    post.receive(mail("Nytt"), lillestad.inbox)
    with scope.organization(lillestad.organization):
        latest = Inbox.objects.get(pk=lillestad.inbox.pk).last_received_at
        Delivery.objects.update(next_attempt_at=timezone.now())
    post.file()
    assert states(lillestad.inbox) == ["filed", "filed"]
    with scope.organization(lillestad.organization):
        assert Inbox.objects.get(pk=lillestad.inbox.pk).last_received_at == latest
