"""Any octets give a mail, every string of it can be stored, and the ranges cover the text (property tests)."""

import dataclasses
import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from forwarding.reading import Limits, ReadMail, read_envelope, read_headers, read_mail
from forwarding.reading.html_text import html_to_text
from forwarding.reading.quoting import text_ranges
from forwarding.reading.reader import read_in_full

UNSTORABLE = re.compile("[\x00\x80-\x9f\ud800-\udfff]")

FRAGMENTS = [
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Content-Type: ", b"Content-Disposition: ",
    b"Content-Transfer-Encoding: ", b"multipart/mixed; boundary=b", b"multipart/alternative; boundary=b", b"multipart/related; boundary=c",
    b"text/plain", b"text/html", b"text/calendar", b"message/rfc822", b"application/ms-tnef", b"image/png", b"; charset=", b"utf-8",
    b"utf-16", b"utf-7", b"gb2312", b"iso-2022-jp", b"; name=", b"; filename*0*=utf-8''%", b"attachment", b"base64",
    b"quoted-printable", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--b\r\n", b"--b--", b"--c\n", b"=?utf-8?q?", b"=?utf-8?b?", b"?=", b"<",
    b">", b'"', b"(", b")", b"\\", b",", b";", b":", b"@", b"=", b"a@b.se", b"On 1 Jan 2024 a@b.se wrote:", b"> ", b"-- \n", b"\x00",
    b"\xff\xfe", b"\xed\xa0\x80", b"\xc2\x80", b"\xe5\xe4\xf6", "åäö".encode(), b"<div>", b"</div>", b"<blockquote>", b"<!--", b"&#0;",
    b"&#xd800;", b"&#128;", b"BEGIN:VCALENDAR\n", b"BEGIN:VEVENT\n", b"DTSTART:", b"20240101T000000Z", b"\x78\x9f\x3e\x22", b" ", b"\t",
    b"begin 644 a\n", b"#86)C\n", b"`\nend\n", b"{\\rtf1\\fromhtml1 ", b"{\\*\\htmltag64 ", b"\\htmlrtf", b"}",
]  # fmt: skip

mails = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=6)), max_size=80).map(b"".join),
)


def strings_of(value: object) -> Iterator[str]:
    """Every string within a value of this package."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from strings_of(one)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from strings_of(getattr(value, field.name))


def check(read: ReadMail) -> None:
    assert not [string for string in strings_of(read) if UNSTORABLE.search(string)]
    assert "".join(read.text[one.start : one.end] for one in read.ranges) == read.text
    assert read.date is None or read.date.utcoffset() is not None


@settings(max_examples=1500, deadline=2000)
@given(mails)
def test_any_octets_are_read_in_full_without_an_exception(raw: bytes) -> None:
    check(read_in_full(raw, Limits()))


@settings(max_examples=200, deadline=2000)
@given(mails)
def test_the_lower_steps_of_the_ladder_keep_the_original(raw: bytes) -> None:
    for read in (read_headers(raw), read_envelope(raw)):
        check(read)
        assert [(one.name, one.content) for one in read.attachments] == [("original.eml", raw)]


@settings(max_examples=200, deadline=2000)
@given(mails, st.integers(0, 5), st.integers(0, 200))
def test_limits_of_any_size_hold(raw: bytes, number: int, octets: int) -> None:
    limits = Limits(
        header_octets=octets, header_fields=number, mime_depth=number, mime_parts=number, shown_text_octets=octets,
        text_characters=octets, filename_characters=number + 5, quoting_lines=number, tnef_octets=octets,
    )  # fmt: skip
    read = read_in_full(raw, limits)
    check(read)
    assert len(read.text) <= octets


@settings(max_examples=500, deadline=2000)
@given(
    st.lists(
        st.one_of(st.sampled_from(FRAGMENTS).map(lambda octets: octets.decode("latin-1")), st.text(max_size=8)),
        max_size=60,
    ).map("".join)
)
def test_any_html_becomes_text_with_marks_inside_of_it(html: str) -> None:
    converted = html_to_text(html)
    assert all(0 <= mark.start <= mark.end <= len(converted.text) for mark in converted.marks)


@settings(max_examples=500, deadline=2000)
@given(st.text(alphabet="a>|-_ \n:@<Onwrote1Från", max_size=300))
def test_ranges_cover_any_text_and_leave_something_to_read(text: str) -> None:
    ranges = text_ranges(text, (), Limits())
    assert "".join(text[one.start : one.end] for one in ranges) == text
    if any(character.isalnum() for character in text):
        assert any(
            character.isalnum() for one in ranges if one.kind == "visible" for character in text[one.start : one.end]
        )


def test_a_fault_of_ours_costs_the_body_but_not_the_mail() -> None:
    class Broken(bytes):
        """Octets whose slices fail, as a fault in the reader would."""

        def find(self, *args: object) -> int:
            raise ValueError("broken")

    raw = Broken(b"From: a@b.se\r\nSubject: Hej\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx")
    read = read_mail(raw)
    assert (read.stage, read.subject) == ("headers", "Hej")
    assert read.defects == ("body_unread",)
