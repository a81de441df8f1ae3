"""The guards of threading: no unsigned evidence lets a stranger in, old mail does not catch new matters."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import read_mail
from forwarding.threading import Decision, Evidence, Obstacle, Policy, Rule, choose
from tests.forwarding.thread_rows import (
    ANNA,
    GUID,
    INFO,
    JOBB,
    KEYS,
    NOW,
    STRANGER,
    SUBJECT_RULE,
    Rows,
    conversation,
    decide,
    mail,
    reply_tag,
    signed_id,
    thread_index,
)
from whitelabel import domain_rules, tokens

# --- the guards ----------------------------------------------------------------------------------------------------

LINKED = Decision(None, Rule.NEW, related_id=10, obstacle=Obstacle.STRANGER)


def test_i_a_stranger_with_a_known_id_gets_a_conversation_of_its_own_with_a_link():
    rows = Rows([conversation()], message_ids={"first@gmail.com": 10})
    assert decide(mail("In-Reply-To: <first@gmail.com>", sender=STRANGER), rows) == LINKED


def test_i_nor_does_a_stranger_join_by_root_marker_or_outlook():
    marker = tokens.sign_marker(KEYS, tokens.MarkerToken(7, 10))
    rows = Rows([conversation()], roots={"root@x": (10, NOW)}, thread_guids={GUID.hex(): 10})
    assert decide(mail("References: <root@x>", sender=STRANGER), rows) == LINKED
    assert decide(mail(sender=STRANGER, html=f"<!--{marker}-->"), rows) == LINKED
    assert decide(mail(thread_index(), sender=STRANGER), rows) == LINKED


def test_i_a_colleague_at_the_same_company_takes_part():
    with_company = conversation(participants=frozenset({"bo@mail.foretag.se"}))
    rows = Rows([with_company], message_ids={"first@x": 10})
    decision = decide(mail("In-Reply-To: <first@x>", sender="Eva@foretag.se"), rows)
    assert (decision.conversation_id, decision.new_participant) == (10, False)


def test_i_somebody_at_another_company_does_not():
    with_company = conversation(participants=frozenset({"bo@mail.foretag.se", ANNA}))
    rows = Rows([with_company], message_ids={"first@x": 10})
    for sender in ("eva@annat.se", "eva@foretag.com", "eva@inteforetag.se"):
        assert decide(mail("In-Reply-To: <first@x>", sender=sender), rows) == LINKED


def test_i_somebody_else_at_the_same_free_mail_service_does_not():
    rows = Rows([conversation()], message_ids={"first@x": 10})
    assert decide(mail("In-Reply-To: <first@x>", sender="eve@GMAIL.com"), rows) == LINKED


@pytest.mark.parametrize(
    "domain", ["hotmail.no", "hotmail.co.uk", "posteo.de", "hushmail.com", "orange.fr", "pp.inet.fi"]
)
def test_i_so_it_is_at_every_free_mail_service(domain):
    rows = Rows([conversation(participants=frozenset({f"bo@{domain}"}))], message_ids={"first@x": 10})
    assert decide(mail("In-Reply-To: <first@x>", sender=f"eva@{domain}"), rows) == LINKED
    assert domain_rules.refusal(domain) != ""


def test_i_a_mail_without_an_author_is_a_strangers():
    rows = Rows([conversation()], message_ids={"first@x": 10})
    read = read_mail(b"Subject: Sommarjobb\nIn-Reply-To: <first@x>\n\nHej")
    assert decide(read, rows).obstacle is Obstacle.STRANGER


@pytest.mark.parametrize("about", [{"tag": reply_tag()}, {}], ids=["reply tag", "signed id"])
def test_ii_signed_evidence_brings_an_unknown_sender_in_as_a_new_participant(about):
    decision = decide(mail(f"In-Reply-To: {signed_id()}", sender=STRANGER), Rows([conversation()]), **about)
    assert (decision.conversation_id, decision.new_participant) == (10, True)


def test_iii_a_merged_conversation_is_followed_to_where_it_went_on():
    rows = Rows([conversation(10, merged_into=11), conversation(11, merged_into=12), conversation(12)])
    assert decide(mail(), rows, tag=reply_tag()) == Decision(12, Rule.REPLY_TAG)


def test_iii_a_circle_of_merged_conversations_leads_nowhere():
    rows = Rows([conversation(10, merged_into=11), conversation(11, merged_into=10)])
    assert decide(mail(), rows, tag=reply_tag()) == Decision(None, Rule.NEW)


def test_iii_the_participants_of_the_target_count():
    rows = Rows([conversation(10, merged_into=11), conversation(11, participants=frozenset())], message_ids={"a@x": 10})
    decision = decide(mail("In-Reply-To: <a@x>"), rows)
    assert (decision.conversation_id, decision.related_id) == (None, 11)


def test_iv_an_old_mail_answered_for_a_new_matter_begins_a_conversation():
    old = conversation(last_activity_at=NOW - timedelta(days=31))
    decision = decide(mail(subject="Bygglov för altan"), Rows([old]), tag=reply_tag())
    assert decision == Decision(None, Rule.NEW, related_id=10, obstacle=Obstacle.OLD_SUBJECT)


def test_iv_a_changed_subject_within_30_days_is_flagged():
    decision = decide(mail(subject="Bygglov för altan"), Rows([conversation()]), tag=reply_tag())
    assert (decision.conversation_id, decision.subject_changed) == (10, True)


@pytest.mark.parametrize(("days", "conversation_id"), [(30, 10), (30.001, None)])
def test_iv_an_old_mail_is_older_than_30_days(days, conversation_id):
    old = conversation(last_activity_at=NOW - timedelta(days=days))
    assert decide(mail(subject="Bygglov"), Rows([old]), tag=reply_tag()).conversation_id == conversation_id


@pytest.mark.parametrize("subject", ["Sv: Sommarjobb på badet", "", "VB: [extern] SOMMARJOBB  på badet", "Re:"])
def test_iv_the_same_subject_after_a_long_time_continues(subject):
    old = conversation(last_activity_at=NOW - timedelta(days=300))
    assert decide(mail(subject=subject), Rows([old]), tag=reply_tag()) == Decision(10, Rule.REPLY_TAG)


def test_iv_a_conversation_without_subject_has_no_other_subject():
    old = conversation(subjects=frozenset({""}), last_activity_at=NOW - timedelta(days=300))
    assert decide(mail(subject="Bygglov"), Rows([old]), tag=reply_tag()).conversation_id == 10


def test_iv_a_late_report_is_not_about_its_own_subject():
    old = conversation(last_activity_at=NOW - timedelta(days=300))
    assert decide(mail(subject="Undelivered Mail"), Rows([old]), reported=10).conversation_id == 10


@pytest.mark.parametrize("subject", ["VB: Sommarjobb på badet", "Re: Sommarjobb på badet"])
def test_v_in_another_inbox_a_mail_begins_a_conversation_with_a_link(subject):
    rows = Rows([conversation()], message_ids={"a@x": 10})
    read = mail(f"In-Reply-To: {signed_id()}", "References: <a@x>", subject=subject)
    assert decide(read, rows, inbox_id=INFO) == Decision(None, Rule.NEW, 10, Obstacle.OTHER_INBOX)


def test_v_a_reply_to_the_old_inbox_of_a_moved_conversation_follows_it():
    moved = conversation(inbox_ids=frozenset({JOBB, INFO}))
    assert decide(mail(f"In-Reply-To: {signed_id()}"), Rows([moved]), inbox_id=INFO).conversation_id == 10
    elsewhere = conversation(inbox_ids=frozenset({INFO}))
    assert decide(mail(), Rows([elsewhere]), tag=reply_tag()).conversation_id == 10


def test_v_a_forward_to_the_reply_address_of_a_moved_conversation_does_not():
    elsewhere = conversation(inbox_ids=frozenset({INFO}))
    decision = decide(mail(subject="Fwd: Sommarjobb på badet"), Rows([elsewhere]), tag=reply_tag())
    assert decision.obstacle is Obstacle.OTHER_INBOX


# --- for all evidence ----------------------------------------------------------------------------------------------

addresses = st.sampled_from([ANNA, STRANGER, "bo@foretag.se", "eva@foretag.se", ""])
candidates = st.builds(
    conversation,
    st.integers(1, 5),
    inbox_ids=st.frozensets(st.sampled_from([JOBB, INFO]), min_size=1),
    participants=st.frozensets(addresses.filter(bool)),
    subjects=st.frozensets(st.sampled_from(["", "bygglov", "sommarjobb på badet"]), min_size=1),
    last_activity_at=st.integers(0, 400).map(lambda days: NOW - timedelta(days=days)),
    is_open=st.booleans(),
    merged_into=st.one_of(st.none(), st.integers(1, 6)),
    customer=addresses,
)
rows = st.builds(
    Rows,
    st.lists(candidates, unique_by=lambda c: c.conversation_id),
    st.dictionaries(st.sampled_from(["a@x", "b@x"]), st.integers(1, 6)),
    st.dictionaries(st.sampled_from(["a@x", "r@x"]), st.tuples(st.integers(1, 6), st.just(NOW))),
    st.dictionaries(st.just("00" * 16), st.integers(1, 6)),
)
numbers = st.integers(1, 6)
evidences = st.builds(
    Evidence,
    inbox_id=st.just(JOBB),
    received_at=st.just(NOW),
    sender=addresses,
    subject=st.sampled_from(["", "Re: Bygglov", "VB: Sommarjobb på badet"]),
    tagged_conversation=st.one_of(st.none(), numbers),
    signed_conversations=st.lists(numbers, max_size=2).map(tuple),
    reported_conversation=st.one_of(st.none(), numbers),
    answered_ids=st.lists(st.sampled_from(["a@x", "b@x", "c@x"]), unique=True).map(tuple),
    root_ids=st.lists(st.sampled_from(["a@x", "r@x"]), unique=True).map(tuple),
    marked_conversations=st.lists(numbers, max_size=2).map(tuple),
    numbered_conversation=st.one_of(st.none(), numbers),
    thread_guid=st.sampled_from(["", "00" * 16]),
    thread_topic=st.just("Bygglov"),
)


@given(evidences, rows, st.booleans())
def test_a_mail_joins_only_conversations_that_exist_and_were_not_merged_away(given_evidence, given_rows, by_subject):
    decision = choose(given_evidence, given_rows, Policy(match_subjects=by_subject))
    if decision.conversation_id is not None:
        joined = given_rows.conversation(decision.conversation_id)
        assert joined is not None
        assert joined.merged_into is None


@given(evidences, rows)
def test_without_signed_evidence_only_participants_join(given_evidence, given_rows):
    unsigned = replace(given_evidence, tagged_conversation=None, signed_conversations=(), reported_conversation=None)
    decision = choose(unsigned, given_rows, SUBJECT_RULE)
    assert decision.conversation_id is None or not decision.new_participant


@given(evidences, rows)
def test_a_mail_without_conversation_is_new_and_one_with_it_has_no_obstacle(given_evidence, given_rows):
    decision = choose(given_evidence, given_rows)
    assert (decision.conversation_id is None) == (decision.rule is Rule.NEW)
    assert (decision.related_id is None) == (decision.obstacle is Obstacle.NONE)
