"""Each rule and each guard of threading through the real pipeline; answers are to mail the composer really wrote.

The rules' order and their corner cases are tested in test_threading.py and test_threading_guards.py, from values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
import time_machine

from conversations import explaining
from conversations.models import Conversation, Message
from forwarding.models import Delivery
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, answered, conversations, field_of, mail, octets_of, return_path
from whitelabel.keys import token_keys
from whitelabel.tokens import ReplyToken, SubjectToken, sign_reply, sign_subject

pytestmark = pytest.mark.django_db(transaction=True)

EVE = "eve@gmail.com"
INDEX = "AdpFXWkGpBYGeGnzTcGwZ1bXFrYkVQ=="


@pytest.fixture
def sent(post: Pipeline, lillestad: Town) -> Message:
    """An answer to Barry's mail, which began conversation 1."""
    post.receive(mail("Sommarjobb på badet", message_id="first@example.org"), lillestad.inbox)
    return answered(lillestad)


@pytest.fixture
def info(lillestad: Town) -> Inbox:
    with scope.organization(lillestad.organization):
        return create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)


def message_of(delivery: Delivery) -> Message:
    assert delivery.message is not None
    return delivery.message


def key_of(inbox: Inbox) -> str:
    with scope.organization(inbox.organization_id):
        return inbox.service_address.partition("@")[0]


def tag_for(conversation: Conversation, inbox: Inbox) -> str:
    token = ReplyToken(inbox.organization_id, key_of(inbox), conversation.pk)
    return sign_reply(token_keys(), token).partition("+")[2]


def placed(delivery: Delivery) -> tuple[int, str]:
    """Number of the conversation, and the rule."""
    message = message_of(delivery)
    return message.conversation.number, message.thread_rule


@pytest.fixture
def years_pass() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        yield clock


# --- the rules -------------------------------------------------------------------------------------------------------


def test_1_a_mail_to_the_signed_reply_address(post: Pipeline, lillestad: Town, sent: Message) -> None:
    tag = tag_for(sent.conversation, lillestad.inbox)
    assert placed(post.receive(mail("Helt ny rad"), lillestad.inbox, tag=tag)) == (1, "reply_tag")


@pytest.mark.parametrize("place", ["first", "middle", "end"])
def test_1_a_reply_address_with_any_change_counts_for_nothing(
    post: Pipeline, lillestad: Town, sent: Message, place: str
) -> None:
    tag = tag_for(sent.conversation, lillestad.inbox)
    position = {"first": 1, "middle": len(tag) // 2, "end": len(tag) - 1}[place]
    changed = tag[:position] + ("b" if tag[position] != "b" else "c") + tag[position + 1 :]
    assert placed(post.receive(mail("Helt ny rad"), lillestad.inbox, tag=changed)) == (2, "new")


def test_1_a_reply_address_of_another_organization_counts_for_nothing(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    storstad = town("Storstad", "jobb@storstad.se", "Jobb")
    delivery = post.receive(mail("Hej"), storstad.inbox, tag=tag_for(sent.conversation, lillestad.inbox))
    assert placed(delivery) == (1, "new")
    assert [c.message_count for c in conversations(lillestad)] == [2]


@pytest.mark.parametrize("header", ["In_Reply_To", "References"])
def test_2_an_answer_to_a_mail_we_signed(post: Pipeline, lillestad: Town, sent: Message, header: str) -> None:
    raw = mail("Re: Sommarjobb på badet", **{header: field_of(octets_of(sent), "Message-ID")})
    assert placed(post.receive(raw, lillestad.inbox)) == (1, "token")


def test_2_where_a_provider_rewrote_our_message_id_the_anchor_in_references_is_enough(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    references = field_of(octets_of(sent), "References")
    raw = mail(
        "Re: Sommarjobb på badet",
        In_Reply_To="<0102018f@ses.example>",
        References=f"{references} <0102018f@ses.example>",
    )
    assert placed(post.receive(raw, lillestad.inbox)) == (1, "token")


def test_3_an_absence_notice_to_the_return_path(post: Pipeline, lillestad: Town, sent: Message) -> None:
    raw = mail("Autosvar: Sommarjobb", "Jag är ledig.\n", sender="nagon@annan.example", Auto_Submitted="auto-replied")
    post.send(raw, return_path(sent), mail_from="")
    post.file()
    with scope.organization(lillestad.organization):
        message = Message.objects.select_related("conversation").latest("pk")
    assert (message.conversation.number, message.thread_rule, message.mail_class) == (1, "report", "auto_reply")


def test_4_an_answer_to_a_mail_of_a_person(post: Pipeline, lillestad: Town, sent: Message) -> None:
    raw = mail("Re: Sommarjobb på badet", References="<okand@example.org> <first@example.org> <annan@example.org>")
    assert placed(post.receive(raw, lillestad.inbox)) == (1, "message_id")


def test_4_of_two_mails_with_one_identifier_the_latest_is_meant(post: Pipeline, lillestad: Town) -> None:
    for number in (1, 2):
        post.receive(mail(f"Ditt paket {number}", f"Nummer {number}\n", message_id="same@example.org"), lillestad.inbox)
    assert placed(post.receive(mail("Re: Ditt paket", In_Reply_To="<same@example.org>"), lillestad.inbox))[0] == 2


def test_5_a_mail_of_the_same_thread_whose_own_parent_never_reached_us(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    thread = {"References": "<root@example.org>", "In_Reply_To": "<root@example.org>"}
    first = post.receive(mail("Grannens altan", **thread), lillestad.inbox)
    raw = mail(
        "Re: Grannens altan", References="<root@example.org> <unseen@example.org>", In_Reply_To="<unseen@example.org>"
    )
    number, _ = placed(first)
    assert placed(post.receive(raw, lillestad.inbox)) == (number, "references")


@pytest.mark.parametrize(("days", "rule"), [(89, "references"), (91, "new")])
def test_5_the_same_thread_counts_for_90_days(
    post: Pipeline, lillestad: Town, years_pass: time_machine.Coordinates, days: int, rule: str
) -> None:
    thread = {"References": "<root@example.org> <x@example.org>"}
    post.receive(mail("Grannens altan", **thread), lillestad.inbox)
    years_pass.shift(timedelta(days=days))
    raw = mail("Re: Grannens altan", References="<root@example.org> <y@example.org>")
    assert placed(post.receive(raw, lillestad.inbox))[1] == rule


def test_5_a_mail_that_arrives_after_its_answer(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Re: Grannens altan", In_Reply_To="<a@example.org>"), lillestad.inbox)
    assert placed(post.receive(mail("Grannens altan", message_id="a@example.org"), lillestad.inbox)) == (
        1,
        "references",
    )


def test_6_an_answer_that_kept_only_the_quoted_html(post: Pipeline, lillestad: Town, sent: Message) -> None:
    parts = message_from_bytes(octets_of(sent)).walk()
    html = next(part.get_payload(decode=True) for part in parts if part.get_content_type() == "text/html")
    assert isinstance(html, bytes)
    quoted = f"<p>Tack!</p><blockquote>{html.decode()}</blockquote>"
    assert placed(post.receive(mail("Svar", html=quoted), lillestad.inbox)) == (1, "marker")


def test_6_a_signed_number_in_the_subject(post: Pipeline, lillestad: Town, sent: Message) -> None:
    tag = sign_subject(token_keys(), SubjectToken(lillestad.organization.pk, sent.conversation.pk))
    assert placed(post.receive(mail(f"Sommarjobb på badet {tag}"), lillestad.inbox)) == (1, "number")


def test_7_outlook_that_names_only_its_own_thread(post: Pipeline, lillestad: Town) -> None:
    thread = {"Thread_Index": INDEX, "Thread_Topic": "Lekplatsen"}
    post.receive(mail("Lekplatsen", **thread), lillestad.inbox)
    assert placed(post.receive(mail("SV: Lekplatsen", **thread), lillestad.inbox)) == (1, "thread_index")


@pytest.mark.parametrize(("wanted", "expected"), [(False, (2, "new")), (True, (1, "subject"))])
def test_8_the_same_subject_from_the_same_person_where_the_inbox_wants_it(
    post: Pipeline, lillestad: Town, wanted: bool, expected: tuple[int, str]
) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(match_subjects=wanted)
    post.receive(mail("Bygglov för altan på Storgatan"), lillestad.inbox)
    assert placed(post.receive(mail("SV: Bygglov för altan på Storgatan"), lillestad.inbox)) == expected


@pytest.mark.parametrize(
    ("days", "done", "expected"),
    [(6, True, (1, "subject")), (8, True, (2, "new")), (8, False, (1, "subject"))],
)
def test_8_the_subject_joins_what_is_open_or_a_week_old(
    post: Pipeline,
    lillestad: Town,
    years_pass: time_machine.Coordinates,
    days: int,
    done: bool,
    expected: tuple[int, str],
) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(match_subjects=True)
    post.receive(mail("Bygglov för altan på Storgatan"), lillestad.inbox)
    if done:
        with scope.organization(lillestad.organization):
            Conversation.objects.update(status="done", unanswered_since=None)
    years_pass.shift(timedelta(days=days))
    assert placed(post.receive(mail("SV: Bygglov för altan på Storgatan"), lillestad.inbox)) == expected


def test_8_another_person_with_the_same_subject_begins_anew(post: Pipeline, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(match_subjects=True)
    post.receive(mail("Bygglov för altan på Storgatan"), lillestad.inbox)
    raw = mail("SV: Bygglov för altan på Storgatan", sender="cecilia@example.org")
    assert placed(post.receive(raw, lillestad.inbox)) == (2, "new")


# --- the guards ------------------------------------------------------------------------------------------------------


def test_i_a_stranger_with_a_known_identifier_gets_a_conversation_beside_it(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    message = message_of(post.receive(mail(sender=EVE, In_Reply_To="<first@example.org>"), lillestad.inbox))
    assert (message.conversation.number, message.thread_obstacle) == (2, "stranger")
    assert message.conversation.related_to_id == sent.conversation_id


@pytest.mark.parametrize("header", ["To", "Cc"])
def test_i_whoever_was_copied_may_answer(post: Pipeline, lillestad: Town, header: str) -> None:
    post.receive(mail(message_id="a@example.org", **{header: f"jobb@lillestad.se, {EVE}"}), lillestad.inbox)
    assert placed(post.receive(mail(sender=EVE, In_Reply_To="<a@example.org>"), lillestad.inbox)) == (1, "message_id")


def test_i_nobody_takes_part_by_writing_our_own_address(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail(message_id="a@example.org", Cc="jobb.lillestad.se@mail.kundo.se"), lillestad.inbox)
    for sender in ("jobb@lillestad.se", "annan.stad@mail.kundo.se"):
        message = message_of(post.receive(mail(sender=sender, In_Reply_To="<a@example.org>"), lillestad.inbox))
        assert message.thread_obstacle == "stranger"


def test_i_nor_by_another_inbox_of_the_organization_that_got_the_same_mail(
    post: Pipeline, lillestad: Town, info: Inbox
) -> None:
    post.receive(mail(message_id="a@example.org", To="jobb@lillestad.se, info@lillestad.se"), lillestad.inbox)
    for sender in ("info@lillestad.se", "chefen@lillestad.se"):
        message = message_of(post.receive(mail(sender=sender, In_Reply_To="<a@example.org>"), lillestad.inbox))
        assert message.thread_obstacle == "stranger"


def test_i_whom_a_form_wrote_for_takes_part(post: Pipeline, lillestad: Town) -> None:
    form = mail("Formulär", sender="Webben <jobb@lillestad.se>", Reply_To=EVE, message_id="a@example.org")
    post.receive(form, lillestad.inbox)
    answer = mail("Re: Formulär", sender=EVE, In_Reply_To="<a@example.org>")
    assert placed(post.receive(answer, lillestad.inbox)) == (1, "message_id")


@pytest.mark.parametrize(
    ("sender", "expected"), [("bo@firma.example.se", (1, "message_id")), ("bo@gmail.com", (2, "new"))]
)
def test_i_a_colleague_at_a_company_takes_part_and_a_neighbour_at_a_mail_service_does_not(
    post: Pipeline, lillestad: Town, sender: str, expected: tuple[int, str]
) -> None:
    writer = sender.replace("bo@", "anna@")
    post.receive(mail(sender=writer, message_id="a@example.org"), lillestad.inbox)
    assert placed(post.receive(mail(sender=sender, In_Reply_To="<a@example.org>"), lillestad.inbox)) == expected


def test_ii_signed_evidence_brings_a_new_person_in_and_says_so(post: Pipeline, lillestad: Town, sent: Message) -> None:
    raw = mail("Re: Sommarjobb på badet", sender=EVE, In_Reply_To=field_of(octets_of(sent), "Message-ID"))
    message = message_of(post.receive(raw, lillestad.inbox))
    assert (message.conversation.number, message.new_participant) == (1, True)
    assert explaining.NEW_PARTICIPANT in explaining.why_here(message)
    assert message.conversation.contact.address == "barry@example.org"


def test_iii_a_merged_conversation_is_followed(post: Pipeline, lillestad: Town) -> None:
    first = message_of(post.receive(mail("Ett", message_id="one@example.org"), lillestad.inbox)).conversation
    second = message_of(post.receive(mail("Två"), lillestad.inbox)).conversation
    with scope.organization(lillestad.organization):
        Conversation.objects.filter(pk=first.pk).update(merged_into=second)
    assert placed(post.receive(mail("Re: Ett", In_Reply_To="<one@example.org>"), lillestad.inbox)) == (2, "message_id")


def test_iv_an_old_mail_answered_for_a_new_matter(
    post: Pipeline, lillestad: Town, years_pass: time_machine.Coordinates
) -> None:
    post.receive(mail("Bygglov för altan", message_id="a@example.org"), lillestad.inbox)
    years_pass.shift(timedelta(days=45))
    message = message_of(post.receive(mail("Förskoleplats", In_Reply_To="<a@example.org>"), lillestad.inbox))
    assert (message.conversation.number, message.thread_obstacle) == (2, "old_subject")
    assert message.conversation.related_to_id == conversations(lillestad)[0].pk


def test_iv_a_changed_subject_soon_after_is_flagged(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Bygglov för altan", message_id="a@example.org"), lillestad.inbox)
    message = message_of(post.receive(mail("Förskoleplats", In_Reply_To="<a@example.org>"), lillestad.inbox))
    assert (message.conversation.number, message.subject_changed) == (1, True)
    assert explaining.SUBJECT_CHANGED in explaining.why_here(message)


def test_iv_a_conversation_goes_on_under_each_subject_it_has_had(
    post: Pipeline, lillestad: Town, years_pass: time_machine.Coordinates
) -> None:
    post.receive(mail("Bygglov för altan", message_id="a@example.org"), lillestad.inbox)
    post.receive(mail("Förskoleplats", message_id="b@example.org", In_Reply_To="<a@example.org>"), lillestad.inbox)
    years_pass.shift(timedelta(days=45))
    for subject in ("Re: Förskoleplats", "Re: Bygglov för altan"):
        message = message_of(post.receive(mail(subject, In_Reply_To="<b@example.org>"), lillestad.inbox))
        assert (message.conversation.number, message.subject_changed) == (1, False)


@pytest.mark.parametrize("subject", ["VB: Sommarjobb på badet", "Re: Sommarjobb på badet"])
def test_v_a_signed_answer_in_another_inbox_begins_a_conversation_there(
    post: Pipeline, lillestad: Town, info: Inbox, sent: Message, subject: str
) -> None:
    raw = mail(subject, In_Reply_To=field_of(octets_of(sent), "Message-ID"))
    message = message_of(post.receive(raw, info))
    assert (message.conversation.inbox_id, message.thread_obstacle) == (info.pk, "other_inbox")
    assert message.conversation.related_to_id == sent.conversation_id


def test_v_an_answer_to_a_mail_that_only_another_inbox_has_is_a_new_matter_here(
    post: Pipeline, lillestad: Town, info: Inbox, sent: Message
) -> None:
    message = message_of(post.receive(mail("VB: Sommarjobb", In_Reply_To="<first@example.org>"), info))
    assert (message.conversation.inbox_id, message.thread_rule, message.thread_obstacle) == (info.pk, "new", "")
    assert message.conversation.related_to_id is None


@pytest.mark.parametrize(
    "header",
    [
        "In-Reply-To: first@example.org",
        "In-Reply-To: Your message of Monday\r\n <first@example.org>",
        "References: <a@x.example>,<first@example.org>",
        "References: <a@x.example>\r\n\t<first@example.\r\n org>",
        "In-Reply-To: =?us-ascii?q?=3Cfirst=40example=2Eorg=3E?=",
    ],
)
def test_vi_identifiers_are_read_however_they_are_written(
    post: Pipeline, lillestad: Town, sent: Message, header: str
) -> None:
    raw = re.sub(rb"^", header.encode() + b"\r\n", mail("Re: Sommarjobb på badet"), count=1)
    assert placed(post.receive(raw, lillestad.inbox)) == (1, "message_id")
