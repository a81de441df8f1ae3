"""The aims of reading, over every case of the public corpora."""

from functools import cache

import pytest

from tests.forwarding.reading.corpora import figures
from tests.forwarding.reading.corpora.cases import needs_corpora
from tests.forwarding.reading.corpora.figures import Figures
from tests.forwarding.reading.corpora.readers import ours
from tests.forwarding.reading.corpora.scoring import Verdict

pytestmark = [needs_corpora(), pytest.mark.timeout(300)]


@cache
def measured() -> Figures:
    return figures.measure(ours)


def test_no_case_raises() -> None:
    assert measured().exceptions == []
    assert measured().cases > 1000


def test_no_string_is_unstorable() -> None:
    assert measured().unstorable == []


def test_no_body_is_lost() -> None:
    assert measured().lost == []


def test_at_most_three_in_a_thousand_hold_a_replacement_character() -> None:
    assert len(measured().replaced) <= 0.003 * measured().cases
    assert set(measured().replacements) <= set(measured().replaced)


def test_no_attached_mail_leaks_into_the_text() -> None:
    assert measured().attached > 100
    assert measured().leaks == []


def test_processor_time_stays_within_the_aims() -> None:
    median, high, maximum = measured().cpu()
    assert median <= 1.5
    assert high <= 25
    assert maximum <= 2000


def wrong(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if not verdict.right]


def test_zammads_fields_are_right_in_ninety_six_percent() -> None:
    verdicts = figures.zammad(ours)
    sound = [verdict for verdict in verdicts if not verdict.faulty]
    assert len(verdicts) > 40
    assert len(sound) >= 0.87 * len(verdicts)
    assert len(wrong(sound)) <= 0.04 * len(sound)


def test_stalwarts_parts_are_right_in_ninety_percent() -> None:
    verdicts = figures.stalwart(ours)
    sound = [verdict for verdict in verdicts if not verdict.faulty]
    assert len(verdicts) > 100
    assert len(sound) >= 0.83 * len(verdicts)
    assert len(wrong(sound)) <= 0.05 * len(sound)
    assert all(verdict.fields["count"] for verdict in verdicts)


def test_replies_are_trimmed_exactly_in_three_of_four_and_no_word_is_lost() -> None:
    replies = figures.trimming(ours)
    assert len(replies) > 30
    assert sum(reply.exact for reply in replies) >= 0.75 * len(replies)
    assert [reply.case for reply in replies if reply.lost] == []


def test_text_and_folded_text_make_up_the_whole() -> None:
    for name, raw, _ in figures.trimming_cases():
        reading = ours(raw)
        assert set(reading.visible.split()) <= set(reading.text.split()), name
