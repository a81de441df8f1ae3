"""Is this mail here already? From values: whatever copies come in whatever order, nothing of them is hidden."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.duplicates import VARIANT_SIMILARITY, Judgement, Known, identifiers, judge, similarity
from forwarding.reading import ReadMail, read_mail
from forwarding.reading.mail import Attachment

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = [f"ord{number}" for number in range(40)]
HEADER = (
    "From: Anna <anna@example.org>\nDate: Mon, 2 Mar 2026 12:00:00 +0000\nMessage-ID: <a@example.org>\nSubject: Hej\n"
)


def mail(words: list[str], files: frozenset[int] = frozenset(), header: str = HEADER) -> ReadMail:
    read = read_mail((header + "\n" + " ".join(words)).encode())
    attached = tuple(Attachment(f"{n}.pdf", "application/pdf", bytes([n])) for n in sorted(files))
    return replace(read, attachments=attached, content_hash=f"{read.content_hash}{sorted(files)}")


def known(read: ReadMail, pk: int = 1, received_at: datetime = NOW) -> Known:
    assert read.sender is not None
    files = frozenset(hashlib.sha256(part.content).hexdigest() for part in read.attachments)
    return Known(pk, read.content_hash, read.sender.address, read.date, read.text, received_at, files)


def test_nothing_known_is_new() -> None:
    assert judge(mail(WORDS), [], NOW) == Judgement("new")


@pytest.mark.parametrize(
    ("there", "here", "verdict"),
    [
        (WORDS, WORDS, "duplicate"),
        (WORDS, [*WORDS, "sidfot"], "fuller"),
        ([*WORDS, "sidfot"], WORDS, "variant"),
        (WORDS, [*WORDS[:-1], "annat"], "variant"),
        (WORDS, [*WORDS[:-1], "annat", "tillagt"], "variant"),
        (WORDS, [*WORDS, *(f"ny{n}" for n in range(10))], "new"),
        (WORDS, list(reversed(WORDS)), "variant"),
        ([], [], "duplicate"),
    ],
)
def test_the_words_decide_how_alike_two_copies_are(there: list[str], here: list[str], verdict: str) -> None:
    assert judge(mail(here), [known(mail(there))], NOW).verdict == verdict


@pytest.mark.parametrize(
    ("there", "here", "verdict"),
    [
        ({1}, {1}, "duplicate"),
        (set(), {1}, "fuller"),
        ({1}, {1, 2}, "fuller"),
        ({1, 2}, {2}, "variant"),
        ({1}, {2}, "new"),
    ],
)
def test_the_files_decide_too(there: set[int], here: set[int], verdict: str) -> None:
    assert judge(mail(WORDS, frozenset(here)), [known(mail(WORDS, frozenset(there)))], NOW).verdict == verdict


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("anna@", "bo@"),
        HEADER.replace("12:00:00", "12:00:01"),
        HEADER.replace("Date:", "X-Date:"),
        HEADER.replace("From:", "X-From:"),
    ],
)
def test_another_author_or_time_is_another_mail(header: str) -> None:
    assert judge(mail([*WORDS, "sidfot"], header=header), [known(mail(WORDS))], NOW) == Judgement("new")


def test_without_a_date_only_the_same_content_is_the_same_mail() -> None:
    header = HEADER.replace("Date:", "X-Date:")
    there = known(mail(WORDS, header=header))
    assert judge(mail(WORDS, header=header), [there], NOW).verdict == "duplicate"
    assert judge(mail([*WORDS, "sidfot"], header=header), [there], NOW).verdict == "new"


def test_of_several_mails_with_the_identifier_the_equal_one_is_found_first() -> None:
    several = [known(mail([*WORDS, "sidfot"]), 1), known(mail(WORDS), 2)]
    assert judge(mail(WORDS), several, NOW) == Judgement("duplicate", 2)


@pytest.mark.parametrize(("days", "verdict"), [(7, "duplicate"), (7.001, "new"), (-7, "duplicate"), (-7.001, "new")])
def test_without_identifier_equal_mails_are_one_for_a_week(days: float, verdict: str) -> None:
    header = HEADER.replace("Message-ID:", "X-Message-ID:")
    there = known(mail(WORDS, header=header), received_at=NOW - timedelta(days=days))
    assert judge(mail(WORDS, header=header), [there], NOW).verdict == verdict


def test_with_identifier_equal_mails_are_one_for_ever() -> None:
    there = known(mail(WORDS), received_at=NOW - timedelta(days=400))
    assert judge(mail(WORDS), [there], NOW) == Judgement("duplicate", 1)


@given(st.integers(0, 7 * 86_400))
def test_without_identifier_the_names_of_equal_mails_within_a_week_meet(seconds: int) -> None:
    read = mail(WORDS, header=HEADER.replace("Message-ID:", "X-Message-ID:"))
    earlier, later = (identifiers(read, "mail.kundo.se", NOW - timedelta(seconds=ago)) for ago in (seconds, 0))
    assert earlier[0] in later
    assert later[0] in earlier


copies = st.builds(
    mail,
    st.builds(
        lambda text, more: [*text, *more],
        st.sampled_from([WORDS, [*WORDS[:-1], "annat"], WORDS[:-2]]),
        st.lists(st.sampled_from(["sidfot", "via", "lista"]), max_size=4),
    ),
    st.frozensets(st.integers(1, 3), max_size=3),
)


@given(st.lists(copies, max_size=7))
def test_whatever_copies_come_in_whatever_order_nothing_of_them_is_hidden(arriving: list[ReadMail]) -> None:
    shown: dict[int, Known] = {}
    for number, read in enumerate(arriving):
        judgement = judge(read, shown.values(), NOW)
        if judgement.message_pk is None:
            shown[number] = known(read, number)
        elif judgement.verdict == "fuller":
            replaced = shown[judgement.message_pk]
            shown[judgement.message_pk] = known(read, judgement.message_pk)
            assert Counter(replaced.text.split()) <= Counter(read.text.split())
    for read in arriving:
        copy = known(read)
        assert any(
            copy.files <= there.files and similarity(copy.text, there.text) >= VARIANT_SIMILARITY - 0.1
            for there in shown.values()
        )


@given(st.text(), st.text())
def test_similarity_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1
    assert similarity(one, one) == 1
