"""Files that stand uuencoded in the text of a mail."""

import binascii
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import Limits, read_mail
from forwarding.reading.uuencoded import encoded_files, encoded_ranges
from tests.forwarding.reading.messages import mail, multipart, part

PICTURE = bytes(range(256)) * 3
NAMES = st.text("abcåäöABC 019._-", min_size=1, max_size=40).filter(lambda name: name.strip(" .") != "")


def block(name: str, content: bytes, *, line_end: str = "\n", backtick: bool = True) -> str:
    """A uuencoded file, with the zero-length line before `end` written as a backtick or as a space."""
    lines = [content[start : start + 45] for start in range(0, len(content), 45)]
    encoded = [binascii.b2a_uu(line, backtick=backtick).decode("ascii").rstrip("\n") for line in lines]
    return line_end.join([f"begin 644 {name}", *encoded, "`" if backtick else " ", "end", ""])


def test_a_file_in_the_text_is_an_attachment_and_its_block_is_folded() -> None:
    body = f"Hej!\n\nHär kommer bilden.\n\n{block('Källaren.png', PICTURE)}\nHälsningar\nAnna\n"
    read = read_mail(mail(body.replace("\n", "\r\n").encode(), b"Content-Type: text/plain; charset=utf-8"))
    assert [(one.name, one.content_type, one.content, one.derived) for one in read.attachments] == [
        ("Källaren.png", "image/png", PICTURE, True)
    ]
    assert read.visible_text.split() == ["Hej!", "Här", "kommer", "bilden.", "Hälsningar", "Anna"]
    assert read.text == body


def test_two_files_of_one_name_are_told_apart() -> None:
    text = f"Hej!\n{block('a.pdf', b'one')}{block('a.pdf', b'two')}"
    assert [one.name for one in read_mail(mail(text.encode())).attachments] == ["a.pdf", "a1.pdf"]


def test_a_mail_that_is_only_a_file_still_shows_its_text() -> None:
    read = read_mail(mail(block("rapport.csv", b"a;b\n").encode()))
    assert read.visible_text == read.text != ""
    assert [one.name for one in read.attachments] == ["rapport.csv"]


def test_a_file_stands_in_one_part_of_a_mail() -> None:
    read = read_mail(multipart(part("Hej!"), part(block("../../etc/passwd", b"root"))))
    assert [one.name for one in read.attachments] == ["passwd"]


def test_a_winmail_dat_in_the_text_is_unpacked_like_any_other() -> None:
    read = read_mail(mail(b"Hej!\n" + block("winmail.dat", b"\x78\x9f\x3e\x22\x00\x00").encode()))
    assert [one.name for one in read.attachments] == ["winmail.dat"]


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 notes for the meeting\nWe begin at ten and end at noon.\nend\n",
        block("cut.png", PICTURE).removesuffix("end\n"),
        "begin 644 empty\n`\nend\n",
        "> " + block("quoted.png", PICTURE).replace("\n", "\n> "),
        "please begin 644 a\n#86)C\n`\nend\n",
    ],
)
def test_what_is_no_whole_file_stays_text(text: str) -> None:
    read = read_mail(mail(text.encode()))
    assert read.attachments == ()
    assert read.visible_text == read.text


def test_at_most_so_many_files_are_taken() -> None:
    text = "".join(block(f"{number}.txt", b"abc") for number in range(20)).encode()
    assert len(encoded_files(text, Limits(uuencoded_files=7))) == 7


@given(NAMES, st.binary(min_size=1, max_size=2000), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_file_survives(name: str, content: bytes, line_end: str, backtick: bool) -> None:
    text = f"Hej{line_end}{block(name, content, line_end=line_end, backtick=backtick)}Slut"
    (found,) = encoded_files(text.encode(), Limits())
    assert found.content == content


@given(st.text(st.sampled_from("begin 644a\nM#`end\r é"), max_size=400))
def test_any_text_is_read_and_ranges_lie_in_it(text: str) -> None:
    encoded_files(text.encode(), Limits())
    spans = [0, *(position for span in encoded_ranges(text) for position in span), len(text)]
    assert spans == sorted(spans)


@pytest.mark.parametrize("unit", ["begin 644 a\n", "begin 644 a\n" + "M" * 61 + "\n", "M" * 61 + "\n", "begin ", "`\n"])
def test_time_grows_with_the_length(unit: str) -> None:
    octets = b"begin 644 a\n" + unit.encode() * (4_000_000 // len(unit))
    started = time.process_time()
    encoded_files(octets, Limits())
    encoded_ranges(octets.decode())
    assert time.process_time() - started < 2
