"""Rich text, and the HTML that Outlook hides in it."""

import time
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import read_mail
from forwarding.reading.rtf_text import rtf_to_html, rtf_to_text
from tests.forwarding.reading.messages import multipart, part
from tests.forwarding.reading.test_attachments import mapi, tnef_attribute, uncompressed

HEAD = rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fswiss\fcharset238 Arial;}}"
PLAIN = st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"])


def hidden(text: str) -> bytes:
    """Characters as rich text: escapes for its own signs, UTF-16 numbers for what is not ASCII."""
    units = (int.from_bytes(text.encode("utf-16-le")[at : at + 2], "little") for at in range(0, _octets(text), 2))
    return b"".join(_unit(unit) for unit in units)


def _octets(text: str) -> int:
    return len(text.encode("utf-16-le"))


def _unit(unit: int) -> bytes:
    if chr(unit) in "\\{}":
        return b"\\" + bytes([unit])
    return bytes([unit]) if unit < 128 else b"\\u%d?" % (unit if unit < 0x8000 else unit - 0x10000)


def test_html_inside_rich_text_comes_back() -> None:
    rtf = HEAD + (
        rb"{\*\htmltag19 <html>}{\*\htmltag50 <body>}{\*\htmltag64 <p class=\{a\}>}\htmlrtf {\b \htmlrtf0 "
        rb"R\'e4k\htmlrtf \par\htmlrtf0 {\*\mhtmltag84 <img src=x>}{\*\htmltag84 &nbsp;}\htmlrtf \'a0}\htmlrtf0 "
        rb"1 \lquote <\rquote  2{\*\htmltag72 </p>}\f1 \'b3\u8364?{\*\htmltag58 </body>}}"
    )
    assert rtf_to_html(rtf) == "<html><body><p class={a}>Räk&nbsp;1 ‘&lt;’ 2</p>ł€</body>"


def test_rich_text_that_was_none_gives_no_html() -> None:
    assert rtf_to_html(rb"{\rtf1\ansi Hej}") is None
    assert rtf_to_html(rb"{\rtf1\ansi\fromtext Hej}") is None
    assert rtf_to_html(b"fromhtml1") is None


def test_a_winmail_dat_with_hidden_html_is_displayed() -> None:
    rtf = HEAD + rb"{\*\htmltag64 <p>}Hej p\'e5 dig{\*\htmltag72 </p>}}"
    stream = b"\x78\x9f\x3e\x22\x01\x00" + tnef_attribute(1, 0x00069003, mapi((0x10090102, uncompressed(rtf))))
    read = read_mail(multipart(part(stream, "application/ms-tnef; name=winmail.dat", encoding="base64")))
    assert (read.text, read.html) == ("Hej på dig\n", "<p>Hej på dig</p>")
    assert [one.name for one in read.attachments] == ["winmail.dat", "message.rtf"]


def test_binary_data_is_no_text() -> None:
    assert rtf_to_text(b"{\\rtf1 a{\\pict\\bin4 }}}}}b}") == "ab"


@given(st.lists(st.tuples(st.booleans(), st.text(PLAIN, min_size=1, max_size=30)), max_size=20))
def test_any_html_comes_back(pieces: list[tuple[bool, str]]) -> None:
    rtf = HEAD + b"".join(
        b"{\\*\\htmltag64 " + hidden(f"<{text}>") + b"}" if tag else b"\\htmlrtf\\b\\htmlrtf0 " + hidden(text)
        for tag, text in pieces
    )
    assert rtf_to_html(rtf + b"}") == "".join(f"<{text}>" if tag else escape(text, quote=False) for tag, text in pieces)


@given(
    st.lists(st.sampled_from([*rb"{}\*", b"\\htmltag", b"\\htmlrtf", b"\\u-1", b"\\bin9", b"\\f1", b"\\'e5", b"x "]))
)
def test_any_tokens_are_read(tokens: list[int | bytes]) -> None:
    rtf = HEAD + b"".join(bytes([token]) if isinstance(token, int) else token for token in tokens)
    rtf_to_text(rtf).encode()
    (rtf_to_html(rtf) or "").encode()


@given(st.binary(max_size=500))
def test_any_octets_are_read(octets: bytes) -> None:
    rtf_to_text(b"{\\rtf1" + octets)
    rtf_to_html(b"{\\rtf1\\fromhtml1" + octets)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"{", b"}", b"\\", b"\\u1", b"{\\*\\htmltag ", b"\\htmlrtf", b"\\'", b"\\bin0", b"a"])
def test_time_grows_with_the_length(unit: bytes) -> None:
    rtf = HEAD + unit * (2_000_000 // len(unit))
    started = time.process_time()
    rtf_to_html(rtf)
    assert time.process_time() - started < 4
