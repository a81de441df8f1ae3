"""Whatever a mail says, the ways it can be written and carried give the same reading, in any combination of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import ReadMail, read_mail
from tests.forwarding.reading.messages import nested, part
from tests.support.forwarders import FORWARDERS, Forwarder

LETTERS = "abcdefghijklmnopqrstuvwxyzåäöÅÄÖéüß 0123456789.,:!?-_<>=&@/"
"""All of them are in every charset below, and no octets of theirs in one charset are letters in another."""
TRACE = (
    b"Received: from a.example by b.example; Mon, 5 Feb 2024 10:12:00 +0100\r\n",
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=microsoft.com\r\n",
    b"Authentication-Results: mx.example; dkim=pass header.d=example.se\r\n",
    b"X-MS-Exchange-Organization-SCL: 1\r\n",
    b"Delivered-To: jobb@lillestad.se\r\n",
    b"X-Forwarded-For: jobb@lillestad.se x@mail.kundo.se\r\n",
    b"Resent-From: <jobb@lillestad.se>\r\n",
)

line = st.text(LETTERS, min_size=1, max_size=60).map(lambda text: f"x{text.strip()}y")
text = st.lists(st.one_of(line, st.just("")), min_size=1, max_size=8).map("\n".join)


@dataclass(frozen=True)
class Said:
    """What the author wrote."""

    subject: str
    text: str
    html: bool
    files: tuple[bytes, ...]


@dataclass(frozen=True)
class Written:
    """How it is written down."""

    charset: str = "utf-8"
    encoding: str = "base64"
    boundary: str = "b1"
    folded: bool = False
    order: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    trace: tuple[bytes, ...] = ()
    line_end: bytes = b"\r\n"


said = st.builds(Said, line, text, st.booleans(), st.lists(st.binary(max_size=80), max_size=3).map(tuple))
written = st.builds(
    Written,
    charset=st.sampled_from(["utf-8", "cp1252", "mac_roman", "utf-16"]),
    encoding=st.sampled_from(["base64", "quoted-printable", "8bit"]),
    boundary=st.sampled_from(["b1", "----=_Part_7", "=_a'b()+,-./:=?", "b" * 70]),
    folded=st.booleans(),
    order=st.permutations(range(6)).map(tuple),
    trace=st.lists(st.sampled_from(TRACE), max_size=5).map(tuple),
    line_end=st.sampled_from([b"\r\n", b"\n"]),
)


def octets(what: Said, how: Written) -> bytes:
    """The mail, as it would be sent."""
    # UTF-16 and octets beyond text lines need an encoding that has none.
    encoding = "base64" if how.charset == "utf-16" else how.encoding
    lines = what.text.replace("\n", "\r\n")

    def body(content: str, kind: str) -> bytes:
        return part(content.encode(how.charset), f"{kind}; charset={how.charset}", encoding=encoding)

    shown = body(lines, "text/plain")
    if what.html:
        paragraphs = "".join(f"<p>{_escaped(each)}</p>\r\n" for each in what.text.split("\n"))
        shown = nested(shown, body(paragraphs, "text/html"), subtype="alternative", boundary=f"i{how.boundary[:60]}")
    files = [
        part(content, f"application/pdf; name=f{number}.pdf", "Content-Disposition: attachment", encoding="base64")
        for number, content in enumerate(what.files)
    ]
    fields = [
        b"From: Anna <anna@example.se>",
        b"To: jobb@lillestad.se",
        b"Subject:" + (b"\r\n " if how.folded else b" ") + what.subject.encode(),
        b"Date: Mon, 5 Feb 2024 10:12:00 +0100",
        b"Message-ID:" + (b"\r\n\t" if how.folded else b" ") + b"<1@example.se>",
        b"References: <0@example.se>" + (b"\r\n " if how.folded else b" ") + b"<00@example.se>",
    ]
    header = b"".join(fields[place] + b"\r\n" for place in how.order)
    whole = b"".join(how.trace) + header + nested(shown, *files, subtype="mixed", boundary=how.boundary)
    return whole.replace(b"\r\n", how.line_end)


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def content(read: ReadMail) -> ReadMail:
    """What must be equal: all but the headers of transport and what is said about the encoding."""
    return replace(read, headers=(), defects=())


@given(said, written, written)
def test_every_way_of_writing_and_carrying_a_mail_reads_the_same(what: Said, one: Written, other: Written) -> None:
    assert content(read_mail(octets(what, one))) == content(read_mail(octets(what, other)))


@given(said, written)
def test_nothing_the_author_wrote_is_lost(what: Said, how: Written) -> None:
    read = read_mail(octets(what, how))
    assert re.sub(r"\s", "", read.text) == re.sub(r"\s", "", what.text)
    assert "".join(read.text[each.start : each.end] for each in read.ranges) == read.text
    assert [attached.content for attached in read.attachments] == list(what.files)
    assert read.subject == " ".join(what.subject.split())


@given(said, written, st.sampled_from([each for each in FORWARDERS if each.faithful]))
def test_every_faithful_forwarder_leaves_the_same_mail(what: Said, how: Written, forwarder: Forwarder) -> None:
    raw = octets(what, replace(how, line_end=b"\r\n"))
    forwarded = forwarder.forward(raw, "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se", "anna@example.se")
    assert content(read_mail(forwarded.octets)) == content(read_mail(raw))


@given(said, written, st.binary(min_size=1, max_size=80))
def test_one_more_file_changes_the_files_only(what: Said, how: Written, file: bytes) -> None:
    more = read_mail(octets(replace(what, files=(*what.files, file)), how))
    less = read_mail(octets(what, how))
    assert replace(content(more), attachments=(), content_hash="") == replace(
        content(less), attachments=(), content_hash=""
    )
    assert [each.content for each in more.attachments[:-1]] == [each.content for each in less.attachments]
    assert (more.attachments[-1].content, more.content_hash != less.content_hash) == (file, True)
