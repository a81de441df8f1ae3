"""Mails made to stop a reader: each is read within two processor seconds, without an exception, in bounded memory."""

import base64
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forwarding.reading import Limits, read_mail
from forwarding.reading.reader import read_in_full
from tests.forwarding.reading.messages import HEADER, mail, multipart, part

CPU_SECONDS = 2.0
MEGABYTE = 1024 * 1024


def nested_multiparts(depth: int) -> bytes:
    level = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    return HEADER + b"".join(level % (number, number) for number in range(depth)) + b"\r\nhej\r\n"


def in_html(markup: bytes) -> bytes:
    return mail(markup, b"Content-Type: text/html; charset=utf-8")


def in_mixed(body: bytes, boundary: bytes = b"b") -> bytes:
    return mail(body, b"Content-Type: multipart/mixed; boundary=" + boundary)


def tnef_with_rtf(rtf: bytes) -> bytes:
    properties = struct.pack("<IIII", 1, 0x10090102, 1, len(rtf)) + rtf
    stream = b"\x78\x9f\x3e\x22\0\0" + struct.pack("<BII", 1, 0x00069003, len(properties)) + properties + b"\0\0"
    return mail(stream, b"Content-Type: application/ms-tnef")


CALENDAR = b"Content-Type: text/calendar"
BOMBS = {
    "multiparts nested 1,000 deep": nested_multiparts(1_000),
    "multiparts nested 5,000 deep": nested_multiparts(5_000),
    "one boundary nested 5,000 times": in_mixed(b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 5_000),
    "attached messages nested 1,000 deep": HEADER + b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"x",
    "10,000 parts": in_mixed(b"--b\r\nContent-Type: text/plain\r\n\r\nhej\r\n" * 10_000),
    "100,000 parts": in_mixed(b"--b\r\n\r\nh\r\n" * 100_000),
    "990 attached messages": in_mixed(b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nx\r\n" * 990),
    "20,000 parentheses in From": b"From: " + b"(" * 20_000 + b"\r\n\r\nhej",
    "quotes and backslashes in From": b"From: " + b'"\\' * 100_000 + b"\r\n\r\nhej",
    "100,000 angles in From": b"From: " + b"<" * 100_000 + b"\r\n\r\nhej",
    "20,000 recipients": b"From: a@b.se\r\nTo: " + b", ".join(b"a%d@x.se" % n for n in range(20_000)) + b"\r\n\r\nhej",
    "20,000 encoded words": mail(b"hej", b"X-Subject: " + b"=?utf-8?q?a?= " * 20_000),
    "20,000 unclosed encoded words": mail(b"hej", b"X-Subject: " + b"=?utf-8?q?a" * 20_000),
    "encoded words closed at the end": mail(b"hej", b"X-Subject: " + b"=?utf-8?q?a" * 20_000 + b"?="),
    "5,000 parameters": mail(b"hej", b"Content-Type: text/plain" + b"".join(b"; a%d=b" % n for n in range(5_000))),
    "5,000 pieces of one parameter": mail(
        b"hej", b"Content-Disposition: attachment" + b"".join(b"; filename*%d*=b" % n for n in range(5_000))
    ),
    "a parameter of spaces": mail(b"hej", b"Content-Type: text/plain;" + b" " * 200_000 + b"x"),
    "a parameter of semicolons": mail(b"hej", b"Content-Type: text/plain" + b";" * 200_000 + b"x"),
    "a parameter of backslashes": mail(b"hej", b'Content-Type: text/plain; a="' + b"\\" * 200_001),
    "100,000 angles in Message-ID": mail(b"hej", b"Message-ID: " + b"<" * 100_000),
    "a References of at signs": mail(b"hej", b"References: " + b"a@" * 30_000),
    "100,000 header lines": b"From: a@b.se\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\nhej",
    "100,000 continuation lines": b"From: a@b.se\r\nX:" + b" a\r\n" * 100_000 + b"\r\nhej",
    "10,000 broken header lines": b"From: a@b.se\r\n" + b"no colon here\r\nSubject: a\r\n" * 5_000 + b"\r\nhej",
    "a header without end": b"From: a@b.se\r\nX-A: " + b"b" * (30 * MEGABYTE),
    "a date of parentheses": mail(b"hej", b"X-Date: x", b"Date: " + b"(" * 200_000),
    "a million line breaks": b"\n" * 1_000_000,
    "a million carriage returns": b"\r" * 1_000_000,
    "200,000 mbox lines": b"From a\n" * 200_000,
    "html nested 200,000 deep": in_html(b"<div>" * 200_000 + b"hej"),
    "a million angles": in_html(b"<" * 1_000_000),
    "250,000 comments": in_html(b"<!--" * 250_000 + b"hej>"),
    "140,000 style elements": in_html(b"<style>" * 140_000),
    "250,000 open quotes": in_html(b'<a "' * 250_000 + b">"),
    "200,000 character references": in_html(b"&amp;" * 200_000),
    "500,000 broken references": in_html(b"&a" * 500_000),
    "160,000 attributes": in_html(b"<div " + b'a="b" ' * 160_000 + b">hej"),
    "70,000 blockquotes": in_html(b"<blockquote>a" * 70_000),
    "250,000 paragraphs": in_html(b"<p>a" * 250_000),
    "40,000 quote marks of Gmail": in_html(b"<div class=gmail_quote>a" * 40_000),
    "40,000 signatures": in_html(b"<div class=gmail_signature>a" * 40_000),
    "60,000 half closed titles": in_html(b"<title>a</title" * 60_000),
    "300,000 times On": mail(b"On " * 300_000),
    "19,000 attributions": mail(b"On 2011 a wrote\n" * 19_000),
    "250,000 quoted lines": mail(b"> a\n" * 250_000),
    "9,900 From lines": mail(b"From: a\n\n" * 9_900),
    "a line of 900,000 dashes": mail(b"-" * 900_000),
    "19,000 signature delimiters": mail(b"-- \n" * 19_000),
    "19,000 device lines": mail(b"Sent from my iPhone\n" * 19_000),
    "9,900 device lines between text": mail(b"Sent from my iPhone\nx\n" * 9_900),
    "300,000 times Sent": mail(b"Sent " * 300_000),
    "330,000 flowed lines": mail(b"a \n" * 330_000, b"Content-Type: text/plain; format=flowed"),
    "two million boundary candidates": in_mixed(b"--ab\n" * 2_000_000, b"a"),
    "a million empty boundaries": mail(b"--\n" * 1_000_000, b'Content-Type: multipart/mixed; boundary=""'),
    "10,000 lines like boundaries": mail(b"--a b c\n" * 10_000, b"Content-Type: multipart/mixed"),
    "50 MB of unlabelled octets": mail(bytes(range(128, 256)) * 400_000),
    "broken GB 18030": mail(b"\xff\xfe\x81" * 300_000, b"Content-Type: text/plain; charset=gb2312"),
    "lone surrogates": mail(b"\xd8\x00" * 400_000, b"Content-Type: text/plain; charset=utf-16"),
    "a megabyte of NUL": mail(b"\0" * MEGABYTE),
    "soft line breaks": mail(b"=\n" * 500_000, b"Content-Transfer-Encoding: quoted-printable"),
    "base64 ended 250,000 times": mail(b"QQ==" * 250_000, b"Content-Transfer-Encoding: base64"),
    "half a million uu lines": mail(b"begin 644 a\n" + b"M\n" * 500_000, b"Content-Transfer-Encoding: x-uuencode"),
    "30 MB of base64": multipart(part("hej"), part(b"\x89PNG" * (22 * MEGABYTE // 4), "image/png", encoding="base64")),
    "15,000 nested events": mail(b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 15_000, CALENDAR),
    "3,000 endless events": mail(
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT\r\n" * 3_000 + b"END:VCALENDAR",
        CALENDAR,
    ),
    "compressed text that grows": tnef_with_rtf(
        struct.pack("<IIII", 0, 2**31 - 1, 0x75465A4C, 0) + (b"\xff" + b"\x00\x0f" * 8) * 60_000
    ),
    "two million braces": tnef_with_rtf(
        struct.pack("<IIII", 0, 2 * MEGABYTE, 0x414C454D, 0) + b"{\\rtf" + b"{" * 2_000_000
    ),
    "100,000 tags in rich text": tnef_with_rtf(
        struct.pack("<IIII", 0, 2 * MEGABYTE, 0x414C454D, 0) + b"{\\rtf1\\fromhtml1" + b"{\\*\\htmltag <b>}" * 100_000
    ),
    "100,000 files in the text": mail(b"begin 644 a\n#86)C\n`\nend\n" * 100_000),
    "a charset that runs code": mail(b"hej", b"Content-Type: text/plain; charset=zlib_codec"),
    "nothing": b"",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_two_seconds(name: str) -> None:
    started = time.process_time()
    read = read_in_full(BOMBS[name], Limits())
    assert time.process_time() - started < CPU_SECONDS
    assert "".join(read.text[one.start : one.end] for one in read.ranges) == read.text


@pytest.mark.parametrize("name", ["multiparts nested 1,000 deep", "10,000 parts", "100,000 parts"])
def test_what_is_beyond_the_limits_is_attached(name: str) -> None:
    read = read_mail(BOMBS[name])
    assert read.attachments[-1].name == "resten.eml"
    assert read.stage == "full"


def test_visible_text_beside_a_big_attachment_is_found() -> None:
    read = read_mail(BOMBS["30 MB of base64"])
    assert (read.text, len(read.attachments[0].content)) == ("hej", 22 * MEGABYTE)


def test_memory_stays_below_six_times_the_mail(tmp_path: Path) -> None:
    """Measured in a process of its own, because the peak of a process never falls."""
    raw = multipart(
        part("hej"), part(base64.b64encode(b"\x00" * 30 * MEGABYTE), "image/png", "Content-Transfer-Encoding: base64")
    )
    path = tmp_path / "big.eml"
    path.write_bytes(raw)
    before, after = (
        _peak_octets("import forwarding.reading"),
        _peak_octets(
            f"from pathlib import Path; from forwarding.reading import read_mail; read_mail(Path({str(path)!r}).read_bytes())"
        ),
    )
    assert after - before < 6 * len(raw)


def _peak_octets(code: str) -> int:
    report = f"{code}\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, check=True, text=True)

    return int(done.stdout) * 1024
