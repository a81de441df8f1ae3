"""Encoded words (RFC 2047) and parameters (RFC 2231) with the faults they have in real mail."""

import pytest

from forwarding.reading.parameters import content_type, parse_parameterized
from forwarding.reading.words import decode_words, header_charsets


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"=?utf-8?q?r=C3=A4ksm=C3=B6rg=C3=A5s?=", "räksmörgås"),
        (b"=?UTF-8?B?csOka3Ntw7ZyZ8Olcw==?=", "räksmörgås"),
        (b"=?utf-8?B?csOka3Ntw7ZyZ8Olcw?=", "räksmörgås"),
        (b"=?iso-8859-1*sv?q?r=E4k?=", "räk"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        (b"=?utf-8?b?w6Q=?=\r\n =?utf-8?b?w7Y=?=", "äö"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8?q?with spaces inside?=", "with spaces inside"),
        (b"=?utf-8?q?cut off", "cut off"),
        (b"=?x-unknown?q?=C3=A4?=", "ä"),
        (b"=?utf-8?q?Fr=F6sche?=", "Frösche"),
        (b"=?iso-8859-1?q?\xe4?=", "ä"),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?gb2312?b?1tDOxA==?=", "中文"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"r\xc3\xa4k", "räk"),
        (b"r\xe4k", "räk"),
        (b"100 % =? no word", "100 % =? no word"),
    ],
)
def test_header_text_is_decoded(written: bytes, meant: str) -> None:
    assert decode_words(written) == meant


def test_raw_japanese_escapes_are_read_whatever_the_body_is() -> None:
    assert decode_words("会議の件について".encode("iso2022_jp"), "us-ascii") == "会議の件について"


def test_raw_octets_follow_the_charset_of_the_body() -> None:
    assert decode_words("Żółw".encode("iso-8859-2"), "iso-8859-2") == "Żółw"


def test_a_chinese_label_in_the_mail_decodes_pairs_but_not_western_letters() -> None:
    charsets = header_charsets(b"Content-Type: text/plain; charset=gb2312\r\n", "")
    assert decode_words("中文".encode("gb2312"), charsets) == "中文"
    assert decode_words(b"Fr\xf6sche", charsets) == "Frösche"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b'attachment; filename="a b.pdf"', "a b.pdf"),
        (b"attachment; filename=a b.pdf; size=1", "a b.pdf"),
        (b'attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        (b"attachment; filename*=utf-8''r%C3%A4k.pdf", "räk.pdf"),
        (b"attachment; filename*0*=utf-8''r%C3%A4; filename*1=k.pdf", "räk.pdf"),
        (b"attachment; filename*1=k.pdf; filename*0=r\xc3\xa4", "räk.pdf"),
        (b'attachment; filename="=?utf-8?q?r=C3=A4k.pdf?="', "räk.pdf"),
        (b"attachment; filename==?iso-8859-1?q?r=E4k.pdf?=", "räk.pdf"),
        (b'attachment; filename="unclosed.pdf', "unclosed.pdf"),
        (b"attachment; filename=plain.pdf; filename*=utf-8''r%C3%A4k.pdf", "räk.pdf"),
        (b'attachment; filename="r\xe4k.pdf"', "räk.pdf"),
    ],
)
def test_file_names_are_decoded(written: bytes, name: str) -> None:
    assert parse_parameterized(written).get("filename") == name


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (b"TEXT/HTML; charset=utf-8", "text/html"),
        (b"text", "text/plain"),
        (b"", "text/plain"),
        (b"garbage", "text/plain"),
        (b"text/html charset=utf-8", "text/html"),
        (b'"text/html"; charset=utf-8', "text/html"),
        (b"text / html", "text/html"),
        (b"plain/text; charset=utf-8", "text/plain"),
        (b"html/text", "text/html"),
    ],
)
def test_content_types_are_mended(written: bytes, kind: str) -> None:
    assert content_type(written, "text/plain").value == kind


def test_parameters_are_limited() -> None:
    many = b"text/plain" + b"".join(b"; a%d=b" % number for number in range(500))
    assert len(parse_parameterized(many, 20).parameters) == 20
