"""Which conversation a mail belongs to: every rule, every guard, and that no unsigned evidence lets a stranger in."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import ReadMail, read_mail
from forwarding.threading import Candidate, Decision, Evidence, Obstacle, Policy, Rule, choose, evidence_of
from whitelabel import tokens

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANNA = "anna@gmail.com"
STRANGER = "eve@gmail.com"
JOBB, INFO = 1, 2
KEYS = tokens.TokenKeys(b"k" * 32)
BY_DEFAULT = Policy()
SUBJECT_RULE = Policy(match_subjects=True)


def conversation(number: int = 10, **changes: object) -> Candidate:
    """Conversation 10 in the inbox Jobb, with Anna, about "Sommarjobb på badet", active yesterday."""
    base = Candidate(
        conversation_id=number,
        inbox_ids=frozenset({JOBB}),
        participants=frozenset({ANNA}),
        subjects=frozenset({"sommarjobb på badet"}),
        last_activity_at=NOW - timedelta(days=1),
        customer=ANNA,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Rows:
    """Conversations and what points at them, looked up as the database would."""

    conversations: list[Candidate] = field(default_factory=list)
    message_ids: dict[str, int] = field(default_factory=dict)
    roots: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    thread_guids: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def conversation(self, conversation_id: int) -> Candidate | None:
        self.asked.append("conversation")
        return next((c for c in self.conversations if c.conversation_id == conversation_id), None)

    def by_message_ids(self, message_ids: Sequence[str]) -> list[tuple[str, Candidate]]:
        self.asked.append("by_message_ids")
        return [
            (i, c) for i, number in self.message_ids.items() if i in message_ids and (c := self.conversation(number))
        ]

    def by_root(self, root_ids: Sequence[str], since: datetime) -> list[Candidate]:
        self.asked.append("by_root")
        found = [number for root, (number, at) in self.roots.items() if root in root_ids and at >= since]
        return [c for number in found if (c := self.conversation(number))]

    def by_thread_index(self, guid: str) -> list[Candidate]:
        return [c for g, number in self.thread_guids.items() if g == guid and (c := self.conversation(number))]

    def by_subject(self, subject: str, customer: str) -> list[Candidate]:
        return [c for c in self.conversations if subject in c.subjects and c.customer == customer]


def mail(*headers: str, sender: str = ANNA, subject: str = "Re: Sommarjobb på badet", html: str = "") -> ReadMail:
    kind = ["Content-Type: text/html"] if html else []
    return read_mail(
        "\n".join([f"From: {sender}", f"Subject: {subject}", *kind, *headers, "", html or "Hej!"]).encode()
    )


def evidence(read: ReadMail, *, inbox_id: int = JOBB, tag: str = "", reported: int | None = None) -> Evidence:
    return evidence_of(
        read,
        keys=KEYS,
        organization_id=7,
        inbox_id=inbox_id,
        received_at=NOW,
        key="jobb.lillestad.se",
        tag=tag,
        reported_conversation=reported,
    )


def decide(read: ReadMail, rows: Rows, policy: Policy = BY_DEFAULT, **about: object) -> Decision:
    return choose(evidence(read, **about), rows, policy)  # type: ignore[arg-type]


def reply_tag(number: int = 10, key: str = "jobb.lillestad.se", organization_id: int = 7) -> str:
    return tokens.sign_reply(KEYS, tokens.ReplyToken(organization_id, key, number)).partition("+")[2]


def signed_id(number: int = 10, organization_id: int = 7) -> str:
    local_part = tokens.sign_message_id(KEYS, tokens.MessageIdToken(organization_id, number, 99))
    return f"<{local_part}@mgeu.lillestad.se>"


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


GUID = bytes(range(16))


def thread_index(guid: bytes = GUID, when: bytes = b"\x01" * 6) -> str:
    return "Thread-Index: " + base64.b64encode(when + guid + b"\x00" * 5).decode()


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


def test_i_somebody_else_at_the_same_free_mail_service_does_not():
    rows = Rows([conversation()], message_ids={"first@x": 10})
    assert decide(mail("In-Reply-To: <first@x>", sender="eve@GMAIL.com"), rows) == LINKED


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
