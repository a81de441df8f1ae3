"""Changes on the way that must change nothing in what is read."""

import random
import re
from dataclasses import replace

import pytest

from forwarding.reading import ReadMail, read_mail
from tests.forwarding.reading.messages import mail, multipart, nested, part

PLAIN = "Hej på er!\r\n\r\nJag söker jobbet – är det ledigt?\r\n\r\nDen 5 feb. 2024 kl. 10:12 skrev Bo <bo@x.se>:\r\n> Välkommen\r\n"
HTML = "<p>Hej på er!</p><p>Jag söker jobbet – är det ledigt?</p>"
FILE = bytes(range(256)) * 3


def content(read: ReadMail) -> ReadMail:
    """What must be equal: all but the headers of transport and what is said about the encoding."""
    return replace(read, headers=(), defects=())


def rich(encoding: str = "8bit", charset: str = "utf-8", boundary: str = "b1") -> bytes:
    """A mail with both alternatives and a file."""
    text = part(PLAIN.encode(charset), f"text/plain; charset={charset}", encoding=encoding)
    html = part(HTML.encode(charset), f"text/html; charset={charset}", encoding=encoding)
    both = nested(text, html, subtype="alternative", boundary=boundary + "-inner")
    file = part(
        FILE, "application/pdf; name=cv.pdf", "Content-Disposition: attachment; filename=cv.pdf", encoding="base64"
    )
    return multipart(both, file, boundary=boundary, headers=(b"Message-ID: <1@x.se>", b"References: <0@x.se>"))


def test_line_ends_do_not_matter() -> None:
    assert content(read_mail(rich().replace(b"\r\n", b"\n"))) == content(read_mail(rich()))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_the_transfer_encoding_does_not_matter(encoding: str) -> None:
    assert content(read_mail(rich(encoding))) == content(read_mail(rich("8bit")))


@pytest.mark.parametrize("charset", ["cp1252", "utf-16", "utf-16-le", "mac_roman", "utf-7"])
def test_the_charset_does_not_matter(charset: str) -> None:
    assert content(read_mail(rich("base64", charset))) == content(read_mail(rich("base64")))


@pytest.mark.parametrize("boundary", ["x", "=_a'b()+,-./:=?", "----=_Part_1", "b" * 70])
def test_the_boundary_does_not_matter(boundary: str) -> None:
    assert content(read_mail(rich(boundary=boundary))) == content(read_mail(rich()))


def test_folding_of_headers_does_not_matter() -> None:
    subject = b"Subject: en ganska l=C3=A5ng rad som n=C3=A5gon bryter p=C3=A5 v=C3=A4gen".replace(
        b"=C3", b"\xc3"
    ).replace(b"=A5", b"\xa5")
    flat = subject + b"\r\n" + rich()
    folded = re.sub(rb" (?=som|bryter)", b"\r\n ", subject) + b"\r\n" + rich()
    assert content(read_mail(folded)) == content(read_mail(flat))


def test_the_order_of_headers_does_not_matter() -> None:
    header, _, body = rich().partition(b"\r\n\r\n")
    lines = header.split(b"\r\n")
    for seed in range(10):
        random.Random(seed).shuffle(lines)
        assert content(read_mail(b"\r\n".join(lines) + b"\r\n\r\n" + body)) == content(read_mail(rich()))


def test_trace_headers_do_not_matter() -> None:
    trace = (
        b"Received: from a by b; Mon, 5 Feb 2024 10:12:00 +0100\r\n"
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none\r\nAuthentication-Results: x; dkim=pass\r\n"
        b"X-MS-Exchange-Organization-SCL: 1\r\nDelivered-To: jobb@lillestad.se\r\nX-Forwarded-For: jobb@lillestad.se x@y.se\r\n"
    )
    assert content(read_mail(trace + rich())) == content(read_mail(rich()))


@pytest.mark.parametrize("body", [PLAIN.encode(), b"", b"> citat\r\n"])
@pytest.mark.parametrize(
    "kind", ["application/pdf; name=a.pdf", "image/png; name=a.png", "message/rfc822", "text/plain; name=a.txt"]
)
def test_adding_an_attachment_changes_only_the_attachments(body: bytes, kind: str) -> None:
    text = part(body)
    without = read_mail(multipart(text))
    file = part("Subject: x\r\n\r\nny text", kind, "Content-Disposition: attachment")
    added = read_mail(multipart(text, file))
    assert replace(added, attachments=(), content_hash="") == replace(without, content_hash="")
    assert len(added.attachments) == 1
    assert added.content_hash != without.content_hash


def test_the_content_hash_survives_forwarding_and_changes_with_the_content() -> None:
    forwarded = b"Received: from a by b\r\nX-Trace: 1\r\n" + rich("quoted-printable", boundary="other").replace(
        b"\r\n", b"\n"
    )
    assert read_mail(forwarded).content_hash == read_mail(rich()).content_hash
    for changed in (
        rich().replace(b"s\xc3\xb6ker", b"vill ha"),
        rich().replace(b"Subject: Hej", b"Subject: Hopp"),
        rich().replace(b"anna@", b"bo@"),
        rich().replace(b"10:12:00", b"10:13:00"),
    ):
        assert read_mail(changed).content_hash != read_mail(rich()).content_hash


def test_reading_twice_gives_the_same() -> None:
    assert read_mail(rich()) == read_mail(rich())


def test_trailing_white_space_does_not_change_the_content_hash() -> None:
    assert read_mail(mail(b"rad  \r\nrad\r\n\r\n")).content_hash == read_mail(mail(b"rad\r\nrad\r\n")).content_hash
