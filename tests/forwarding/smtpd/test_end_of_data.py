"""Only CRLF.CRLF ends a message, whatever other servers take for a line end (SMTP smuggling)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.smtpd.data import DataDecoder
from tests.support.smtp import Running

LOOKALIKES = [
    b"\n.\n",
    b"\r.\r",
    b"\r.\n",
    b"\n.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
]
SMUGGLED = b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@y>\r\nDATA\r\nFrom: e\r\n\r\nsmug\r\n.\r\n"


def unstuffed(octets: bytes) -> bytes:
    """What RFC 5321 section 4.5.2 makes of the octets between 354 and the final dot."""
    return octets.removesuffix(b".\r\n").replace(b"\r\n.", b"\r\n")


@pytest.mark.parametrize("lookalike", LOOKALIKES)
def test_lookalike_of_the_end_stays_in_the_message(either: Running, lookalike: bytes) -> None:
    octets = b"a: b\r\n\r\nx" + lookalike + SMUGGLED
    with either.session().hello() as session:
        assert session.command(octets.removesuffix(b"\r\n")).startswith(b"250")
        assert session.command(b"NOOP").startswith(b"250")
    assert [mail.content for mail in either.spool.mails] == [unstuffed(octets)]


def test_bare_cr_before_the_real_end_does_not_hide_it(either: Running) -> None:
    with either.session().hello() as session:
        assert session.command(b"a: b\r\n\r\nx\r\r\n.").startswith(b"250")
    assert [mail.content for mail in either.spool.mails] == [b"a: b\r\n\r\nx\r\r\n"]


def test_empty_message_is_accepted(server: Running) -> None:
    with server.session().hello() as session:
        assert session.command(b".").startswith(b"250")
    assert server.spool.mails[0].content == b""


def test_stuffed_dots_are_removed_at_line_starts_only(server: Running) -> None:
    with server.session().hello() as session:
        assert session.command(b"..a\r\nb..\r\n...\r\n\n..c\r\n.").startswith(b"250")
    assert server.spool.mails[0].content == b".a\r\nb..\r\n..\r\n\n..c\r\n"


def test_what_follows_the_end_is_the_next_command(server: Running) -> None:
    with server.session().hello() as session:
        session.send(b"a: b\r\n\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n")
        assert [reply[:3] for reply in session.replies(3)] == [b"250", b"250", b"221"]


def message_octets() -> st.SearchStrategy[bytes]:
    """Octets rich in the pieces of the end mark, followed by the end and a command."""
    piece = st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n..", b"x", b"\0"])
    return st.lists(piece, max_size=30).map(b"".join)


@given(message_octets(), st.lists(st.integers(1, 4), min_size=1))
def test_chunk_borders_make_no_difference(octets: bytes, sizes: list[int]) -> None:
    stream = octets + b"\r\n.\r\nNOOP\r\n"
    whole = DataDecoder()
    expected = whole.feed(stream)
    decoder, content, position, turn = DataDecoder(), b"", 0, 0
    while decoder.rest is None:
        step = sizes[turn % len(sizes)]
        content += decoder.feed(stream[position : position + step])
        position, turn = position + step, turn + 1
    assert content == expected
    assert decoder.rest + stream[position:] == whole.rest


@given(message_octets())
def test_decoder_agrees_with_the_definition(octets: bytes) -> None:
    stream = b"\r\n" + octets + b"\r\n.\r\n"
    message = stream[2 : stream.index(b"\r\n.\r\n") + 2]
    decoder = DataDecoder()
    assert decoder.feed(stream[2:]) == (b"\r\n" + message).replace(b"\r\n.", b"\r\n")[2:]
