"""Subjects without prefixes and tags, in the languages that mail programs speak."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.subjects import is_forward, is_reply, is_telling, normal_subject


@pytest.mark.parametrize(
    "prefix",
    ["Re:", "RE :", "Re[2]:", "re(3):", "Re^2:", "SV:", "Sv: RE: AW:", "Svar:", "Ang:", "Antw:", "Odp:", "Rif:", "R:", "RES:",
     "回复:", "回复：", "Vá:",
     "Fwd:", "FW:", "VB:", "VS:", "WG:", "TR:", "RV:", "I:", "Doorst:", "VL:", "PD:", "YNT:", "ПЕРЕСЛ:", "[EXTERN]", "Re: [lista] Sv:",
     "***SPAM***", "\tRe:\t"],
)  # fmt: skip
def test_prefixes_and_tags_are_removed(prefix):
    assert normal_subject(f"{prefix} Sommarjobb  på Badet ") == "sommarjobb på badet"


@pytest.mark.parametrize(
    "subject",
    [
        "Bygglov: altan",
        "Resa: fråga",
        "Install: hjälp",
        "Kl 10:30 möte",
        "http://x.se",
        "Return: never",
        "[Brådskande]",
        "Ad astra",
    ],
)
def test_what_only_resembles_a_prefix_stays(subject):
    assert normal_subject(subject) == subject.lower()


def test_our_own_subject_tag_is_removed_wherever_it_stands():
    assert normal_subject("Sv: Sommarjobb [#K-7F-" + "A" * 16 + "]") == "sommarjobb"


@pytest.mark.parametrize("subject", ["", "Re:", "  SV: re: ", "Fwd: "])
def test_nothing_may_remain(subject):
    assert normal_subject(subject) == ""


@pytest.mark.parametrize(
    "prefix", ["Fwd:", "FW:", "VB:", "VS:", "WG:", "TR:", "RV:", "I:", "Doorst:", "Vl:", "PD:", "YNT:", "ПЕРЕСЛ:"]
)
def test_forwards_are_known_in_many_languages(prefix):
    assert is_forward(f"{prefix} Sommarjobb")
    assert is_forward(f"[EXTERN] {prefix} Re: Sommarjobb")


@pytest.mark.parametrize(
    "subject", ["Re: Fwd: Sommarjobb", "Sommarjobb", "", "Sv: Sommarjobb", "Information: Sommarjobb"]
)
def test_an_answer_to_a_forward_is_no_forward(subject):
    assert not is_forward(subject)


def test_general_and_short_subjects_tell_nothing():
    assert is_telling("sommarjobb på badet")
    assert not is_telling("spontanansökan")
    assert not is_telling("altan")


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing_more(subject):
    once = normal_subject(subject)
    assert normal_subject(once) == once


@pytest.mark.parametrize("subject", ["Re: " * 300_000, "[" * 1_000_000, "re" + " " * 1_000_000, "*" * 1_000_000])
def test_a_hostile_subject_takes_no_time(subject):
    started = time.process_time()
    normal_subject(subject)
    is_forward(subject)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("subject", "answers"),
    [
        ("Re: hej", True),
        ("[lista] SV: hej", True),
        ("rép.: hej", True),
        ("Fwd: Re: hej", False),
        ("Resa: fråga", False),
    ],
)
def test_only_the_outermost_prefix_tells_an_answer(subject, answers):
    assert is_reply(subject) is answers
