"""Headers: where they end, what is repaired, and what comes of From, Date, Subject and the identifiers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import Address, Limits, read_mail
from forwarding.reading.header_block import _Block, _clean_header
from tests.forwarding.reading.messages import headed, mail


def test_the_usual_headers_are_read() -> None:
    read = read_mail(
        mail(b"Hej\r\n", b"Cc: Bo <bo@example.se>", b"Message-ID: <1@example.se>", b"Reply-To: svar@example.se")
    )
    assert read.sender == Address("Anna", "anna@example.se")
    assert read.to == (Address("", "jobb@lillestad.se"),)
    assert read.cc == (Address("Bo", "bo@example.se"),)
    assert read.reply_to == (Address("", "svar@example.se"),)
    assert (read.subject, read.message_id, read.text) == ("Hej", "1@example.se", "Hej\n")
    assert read.date == datetime(2024, 2, 5, 10, 12, tzinfo=timezone(timedelta(hours=1)))
    assert (read.stage, read.defects) == ("full", ())


@pytest.mark.parametrize("junk", [b"From anna Mon Feb  5\r\n", b"\xef\xbb\xbf", b"\r\n\r\n", b">From x\n", b" \t\r\n"])
def test_junk_before_the_header_is_skipped(junk: bytes) -> None:
    assert read_mail(junk + mail()).subject == "Hej"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_is_accepted(line_end: bytes) -> None:
    read = read_mail(mail(b"en\r\ntv\xc3\xa5\r\n").replace(b"\r\n", line_end))
    assert (read.subject, read.text) == ("Hej", "en\ntvå\n")


def test_a_bare_carriage_return_cannot_smuggle_a_header() -> None:
    read = read_mail(headed(b"From: a@example.se", b"Subject: a\rReply-To: thief@example.org"))
    assert read.reply_to == ()
    assert read.subject == "a Reply-To: thief@example.org"


def test_a_line_without_colon_before_known_headers_is_a_continuation() -> None:
    read = read_mail(headed(b"Received: from a", b"broken by a gateway", b"From: a@example.se", b"Subject: Hej"))
    assert (read.sender, read.subject) == (Address("", "a@example.se"), "Hej")
    assert "header_line_repaired" in read.defects


def test_a_missing_blank_line_does_not_lose_the_text() -> None:
    read = read_mail(b"From: a@example.se\r\nSubject: Hej\r\nDet finns ingen tom rad.\r\nMen text.\r\n")
    assert read.subject == "Hej"
    assert read.text == "Det finns ingen tom rad.\nMen text.\n"


def test_text_without_any_header_is_all_body() -> None:
    read = read_mail(b"Fr\xc3\xa5ga: vem \xc3\xa4r du?\nHej\n")
    assert read.text == "Fråga: vem är du?\nHej\n"
    assert read.sender is None


def test_a_line_of_spaces_within_the_header_does_not_end_it() -> None:
    assert read_mail(b"From: a@example.se\r\nX-A: b\r\n \r\nSubject: Hej\r\n\r\ntext").subject == "Hej"


def test_a_line_of_spaces_within_a_folded_header_does_not_end_it() -> None:
    read = read_mail(b"Subject: en\r\n \t\r\n rad\r\nDate: 1 Jan 2024 00:00 +0000\r\nFrom: a@example.se\r\n\r\ntext")
    assert (read.subject.split(), read.text) == (["en", "rad"], "text")


def test_headers_beyond_the_limits_are_left_out_and_the_body_is_found() -> None:
    limits = Limits(header_fields=5)
    read = read_mail(b"From: a@example.se\r\n" + b"X-A: b\r\n" * 50 + b"\r\ntext", limits)
    assert (read.text, len(read.headers)) == ("text", 6)
    assert "header_too_long" in read.defects


def test_the_first_valid_from_wins_over_a_junk_one_and_all_are_kept() -> None:
    read = read_mail(headed(b"From: junk", b"From: Anna <anna@example.se>", b"From: Bo <bo@example.se>"))
    assert read.sender == Address("Anna", "anna@example.se")
    assert [sender.address for sender in read.senders] == ["", "anna@example.se", "bo@example.se"]
    assert read.all_headers("from") == ("junk", "Anna <anna@example.se>", "Bo <bo@example.se>")


@pytest.mark.parametrize("header", [b"Reply-To", b"Sender", b"Return-Path"])
def test_without_from_the_next_best_header_names_the_sender(header: bytes) -> None:
    read = read_mail(headed(header + b": <a@example.se>"))
    assert read.sender == Address("", "a@example.se")
    assert read.senders == ()
    assert "missing_from" in read.defects


def test_raw_headers_follow_a_charset_found_in_the_text() -> None:
    text = "你好世界，这是一封测试邮件。" * 20
    assert read_mail(headed("Subject: 你好世界".encode("gbk"), body=text.encode("gbk"))).subject == "你好世界"


def test_the_first_of_several_subjects_and_dates_counts() -> None:
    read = read_mail(headed(b"Subject: ett", b"Subject: tv\xc3\xa5", b"Date: 1 Jan 2020 00:00:00 +0000", b"Date: x"))
    assert (read.subject, read.date) == ("ett", datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"Mon, 5 Feb 2024 10:12:00 +0100 (CET)", "2024-02-05T10:12:00+01:00"),
        (b"Mon Feb 05 2024 10:12:00 GMT+0100 (CET)", "2024-02-05T10:12:00+01:00"),
        (b"Mon, 5 Feb 2024 10:12:00 +01:00", "2024-02-05T10:12:00+01:00"),
        (b"5 Feb 24 10:12 GMT", "2024-02-05T10:12:00+00:00"),
        (b"Mon, 5 Aug 2024 10:12:00 CEST", "2024-08-05T10:12:00+02:00"),
        (b"Mon, 5 Feb 2024 10:12:00 CET", "2024-02-05T10:12:00+01:00"),
        (b"Mon, 5 Feb 2024 10:12:00 PST", "2024-02-05T10:12:00-08:00"),
        (b"2024-02-05T10:12:00Z", "2024-02-05T10:12:00+00:00"),
        (b"Mon, 5 Feb 2024 10:12:60 -0000", "2024-02-05T10:12:59+00:00"),
    ],
)
def test_dates_are_read_in_the_forms_that_occur(written: bytes, meant: str) -> None:
    date = read_mail(headed(b"Date: " + written)).date
    assert date is not None
    assert date.isoformat() == meant


@pytest.mark.parametrize(
    "written", [b"", b"yesterday", b"Mon, 99 Feb 2024 10:12:00", b"1 Jan 99999 00:00:00 +9999", b"0000"]
)
def test_what_is_no_date_is_none(written: bytes) -> None:
    assert read_mail(headed(b"Date: " + written)).date is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"<a@b.se> <c@d.se>", ("a@b.se", "c@d.se")),
        (b"<a@b.se>,<c@d.se>", ("a@b.se", "c@d.se")),
        (b"a@b.se c@d.se", ("a@b.se", "c@d.se")),
        (b"<a\r\n @b.se>", ("a@b.se",)),
        (b"<[a@b.se]> <a@b.se>", ("a@b.se",)),
        (b"Your message of Monday <a@b.se>", ("a@b.se",)),
        (b"=?utf-8?q?=3Ca=40b=2Ese=3E?=", ("a@b.se",)),
        (b"nothing here", ()),
    ],
)
def test_references_are_found_in_whatever_shape(written: bytes, meant: tuple[str, ...]) -> None:
    assert read_mail(headed(b"References: " + written)).references == meant


def test_references_are_limited_and_the_root_and_newest_are_kept() -> None:
    written = b" ".join(b"<%d@b.se>" % number for number in range(500))
    references = read_mail(headed(b"References: " + written)).references
    assert (len(references), references[0], references[-1]) == (200, "0@b.se", "499@b.se")


def test_a_second_message_id_stands_in_for_a_broken_first_one() -> None:
    assert read_mail(headed(b"Message-ID: <>", b"Message-ID: <2@b.se>")).message_id == "2@b.se"


def test_a_message_id_too_long_to_index_is_none() -> None:
    assert read_mail(headed(b"Message-ID: <" + b"a" * 2000 + b"@b.se>")).message_id == ""


def test_thread_topic_and_thread_index_of_outlook_are_read() -> None:
    read = read_mail(headed(b"Thread-Topic: =?utf-8?q?Fr=C3=A5ga?=", b"Thread-Index: AQHUK7SGyb2wc5IOhUuAQlATdAYRMQ=="))
    assert read.thread_topic == "Fråga"
    assert len(read.thread_index) == 22


BREAKS = [b"\r", b"\r\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b":", b"\xe5", b"\x00"]


@given(
    st.lists(
        st.sampled_from([b"From: a@x.se", b"To:b", b"X: a", b"\tfold", b" fold", b"  ", b"none", b"A :x", *BREAKS]),
        max_size=12,
    )
)
def test_the_short_way_through_a_header_reads_what_the_long_one_does(pieces: list[bytes]) -> None:
    raw = b"From: a@example.se\n" + b"".join(pieces) + b"\n\nbody"
    limits = Limits(header_fields=6, header_value_octets=9)
    short = _clean_header(raw, 0, len(raw), limits)
    block = _Block(raw, 0, len(raw), limits)
    block.read()
    assert short is None or short == (block.fields(), block.position)
