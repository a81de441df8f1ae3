"""Which conversation a mail belongs to: every rule, in order, and the tokens that do not count."""

from dataclasses import replace
from datetime import timedelta

import pytest

from forwarding.threading import Decision, Rule
from tests.forwarding.thread_rows import (
    GUID,
    KEYS,
    NOW,
    SUBJECT_RULE,
    Rows,
    conversation,
    decide,
    evidence,
    mail,
    reply_tag,
    signed_id,
    thread_index,
)
from whitelabel import tokens

# --- the rules, in order -------------------------------------------------------------------------------------------


def test_a_mail_without_evidence_begins_a_conversation():
    assert decide(mail(), Rows([conversation()])) == Decision(None, Rule.NEW)


def test_1_a_signed_reply_tag_names_the_conversation():
    assert decide(mail(), Rows([conversation()]), tag=reply_tag()) == Decision(10, Rule.REPLY_TAG)


def test_2_a_signed_id_in_in_reply_to_names_the_conversation():
    assert decide(mail(f"In-Reply-To: {signed_id()}"), Rows([conversation()])) == Decision(10, Rule.TOKEN)


def test_2_a_signed_id_is_found_anywhere_in_references():
    read = mail(f"References: <a@x.se> {signed_id()} <b@x.se> <c@x.se>", "In-Reply-To: <c@x.se>")
    assert decide(read, Rows([conversation()])) == Decision(10, Rule.TOKEN)


def test_2_the_last_signed_id_in_references_wins():
    read = mail(f"References: {signed_id(11)} {signed_id(10)}")
    assert decide(read, Rows([conversation(10), conversation(11)])).conversation_id == 10


def test_3_a_report_goes_where_the_sent_mail_is_whoever_sends_it():
    read = mail(sender="MAILER-DAEMON@mx.example.com", subject="Undelivered Mail")
    assert decide(read, Rows([conversation()]), reported=10).rule is Rule.REPORT


def test_4_a_known_message_id_joins_a_participant():
    rows = Rows([conversation()], message_ids={"first@gmail.com": 10})
    assert decide(mail("In-Reply-To: <first@gmail.com>"), rows) == Decision(10, Rule.MESSAGE_ID)


def test_4_every_id_counts_and_not_only_the_first():
    rows = Rows([conversation()], message_ids={"first@gmail.com": 10})
    read = mail("In-Reply-To: <lost@other>", "References: <first@gmail.com> <lost@other>")
    assert decide(read, rows) == Decision(10, Rule.MESSAGE_ID)


def test_4_the_nearest_known_id_wins():
    rows = Rows([conversation(10), conversation(11)], message_ids={"old@x": 11, "new@x": 10})
    assert decide(mail("References: <old@x> <new@x>"), rows).conversation_id == 10


@pytest.mark.parametrize(
    "header",
    [
        "In-Reply-To: first@gmail.com",
        "In-Reply-To: <a@x>,<first@gmail.com>",
        "In-Reply-To: Your message of Monday <first@gmail.com>",
        "References: <a@x>\n\t<first@\n gmail.com>",
        "References: =?utf-8?q?=3Cfirst=40gmail=2Ecom=3E?=",
    ],
)
def test_4_ids_are_read_however_they_are_written(header):
    rows = Rows([conversation()], message_ids={"first@gmail.com": 10})
    assert decide(mail(header), rows).rule is Rule.MESSAGE_ID


def test_4_of_very_many_ids_the_first_and_the_last_count():
    many = " ".join(f"<{n}@x>" for n in range(1000))
    read = mail(f"References: <first@gmail.com> {many}")
    assert len(evidence(read).answered_ids) == 200
    assert decide(read, Rows([conversation()], message_ids={"first@gmail.com": 10})).conversation_id == 10


def test_5_a_mail_with_the_same_root_is_a_sibling():
    rows = Rows([conversation()], roots={"root@x": (10, NOW - timedelta(days=89))})
    assert decide(mail("References: <root@x> <unseen@x>"), rows) == Decision(10, Rule.REFERENCES)


def test_5_a_sibling_older_than_90_days_does_not_count():
    rows = Rows([conversation()], roots={"root@x": (10, NOW - timedelta(days=91))})
    assert decide(mail("References: <root@x> <unseen@x>"), rows) == Decision(None, Rule.NEW)


def test_5_a_mail_that_comes_after_its_answer_finds_it():
    rows = Rows([conversation()], roots={"first@gmail.com": (10, NOW)})
    assert decide(mail("Message-ID: <first@gmail.com>"), rows) == Decision(10, Rule.REFERENCES)


def test_6_a_signed_marker_in_the_quoted_html_names_the_conversation():
    marker = tokens.sign_marker(KEYS, tokens.MarkerToken(7, 10, 99))
    read = mail(html=f"<p>Hej</p><blockquote><!--{marker}-->Vi ses</blockquote>")
    assert decide(read, Rows([conversation()])) == Decision(10, Rule.MARKER)


def test_6_a_signed_tag_in_the_subject_names_the_conversation():
    tag = tokens.sign_subject(KEYS, tokens.SubjectToken(7, 10))
    read = mail(subject=f"Sommarjobb på badet {tag}")
    assert decide(read, Rows([conversation()])) == Decision(10, Rule.NUMBER)


def test_7_outlooks_thread_joins_with_the_topic_and_a_participant():
    rows = Rows([conversation()], thread_guids={GUID.hex(): 10})
    read = mail(thread_index(), "Thread-Topic: Sommarjobb på badet")
    assert decide(read, rows) == Decision(10, Rule.THREAD_INDEX)


def test_7_the_time_inside_thread_index_does_not_matter():
    rows = Rows([conversation()], thread_guids={GUID.hex(): 10})
    assert decide(mail(thread_index(when=b"\xff" * 6)), rows).rule is Rule.THREAD_INDEX


def test_7_another_topic_does_not_join():
    rows = Rows([conversation()], thread_guids={GUID.hex(): 10})
    read = mail(thread_index(), "Thread-Topic: Bygglov", subject="Bygglov")
    assert decide(read, rows) == Decision(None, Rule.NEW)


def test_8_the_subject_joins_only_where_the_inbox_wants_it():
    rows = Rows([conversation()])
    assert decide(mail(), rows) == Decision(None, Rule.NEW)
    assert decide(mail(), rows, SUBJECT_RULE) == Decision(10, Rule.SUBJECT)


@pytest.mark.parametrize("subject", ["Hej", "Spontanansökan", "Kort ärende", ""])
def test_8_a_short_or_general_subject_does_not_join(subject):
    rows = Rows([conversation(subjects=frozenset({subject.lower()}))])
    assert decide(mail(subject=subject), rows, SUBJECT_RULE) == Decision(None, Rule.NEW)


def test_8_an_old_done_conversation_is_not_joined_by_subject():
    done = conversation(is_open=False, last_activity_at=NOW - timedelta(days=8))
    assert decide(mail(), Rows([done]), SUBJECT_RULE) == Decision(None, Rule.NEW)
    still_open = replace(done, is_open=True)
    assert decide(mail(), Rows([still_open]), SUBJECT_RULE).rule is Rule.SUBJECT


def test_stronger_evidence_wins_over_weaker():
    rows = Rows([conversation(10), conversation(11), conversation(12)], message_ids={"first@x": 12})
    read = mail(f"In-Reply-To: {signed_id(11)}", "References: <first@x>")
    assert decide(read, rows, tag=reply_tag(10)).conversation_id == 10
    assert decide(read, rows).conversation_id == 11


def test_nothing_is_looked_up_that_the_decision_does_not_need():
    rows = Rows([conversation()])
    decide(mail("References: <a@x>"), rows, tag=reply_tag())
    assert rows.asked == ["conversation"]


def test_weaker_evidence_still_counts_when_the_stronger_leads_nowhere():
    rows = Rows([conversation()], message_ids={"first@x": 10})
    assert decide(mail(f"References: {signed_id(404)} <first@x>"), rows) == Decision(10, Rule.MESSAGE_ID)


# --- tokens that do not count --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag",
    [
        reply_tag(organization_id=8),
        reply_tag(key="info.lillestad.se"),
        reply_tag()[:-1],
        reply_tag()[:-1] + ("a" if reply_tag()[-1] != "a" else "b"),
        "ck",
        "newsletter",
    ],
)
def test_a_reply_tag_that_is_not_ours_counts_for_nothing(tag):
    assert decide(mail(), Rows([conversation()]), tag=tag) == Decision(None, Rule.NEW)


def test_a_signed_id_of_another_organization_counts_for_nothing():
    assert decide(mail(f"In-Reply-To: {signed_id(organization_id=8)}"), Rows([conversation()])) == Decision(
        None, Rule.NEW
    )
