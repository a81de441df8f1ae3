"""The MIME tree: delimiters as they should be and as they are, and its limits."""

import pytest

from forwarding.reading import Limits, read_mail
from forwarding.reading.transfer import decode_base64, decode_transfer
from tests.forwarding.reading.messages import HEADER, joined, mail, multipart, nested, part


def test_parts_are_read_in_order() -> None:
    read = read_mail(multipart(part("ett"), part("%PDF", "application/pdf; name=a.pdf"), part("tv\u00e5")))
    assert read.text == "ett\ntvå"
    assert [(one.name, one.content) for one in read.attachments] == [("a.pdf", b"%PDF")]


def test_a_missing_closing_delimiter_loses_nothing() -> None:
    raw = multipart(part("ett"), part("x", "application/pdf; name=a.pdf")).replace(b"--b1--\r\n", b"")
    read = read_mail(raw)
    assert (read.text, read.attachments[0].content) == ("ett", b"x\r\n")
    assert "closing_boundary_missing" in read.defects


def test_a_closing_delimiter_glued_to_the_content_is_seen() -> None:
    read = read_mail(mail(b"--b1\r\n\r\nhej--b1--\r\n", b"Content-Type: multipart/mixed; boundary=b1"))
    assert read.text == "hej"


def test_a_missing_boundary_parameter_is_guessed_from_the_delimiters() -> None:
    read = read_mail(
        mail(joined(part("ett"), part("x", "image/png; name=a.png"), boundary="x-1"), b"Content-Type: multipart/mixed")
    )
    assert (read.text.strip(), [one.name for one in read.attachments]) == ("ett", ["a.png"])
    assert "boundary_guessed" in read.defects


@pytest.mark.parametrize("kind", [b"multipart/mixed", b"multipart/mixed; boundary=another"])
def test_a_boundary_is_guessed_from_the_first_line_of_the_body(kind: bytes) -> None:
    read = read_mail(mail(joined(part("ett"), boundary="=_x1"), b"Content-Type: " + kind))
    assert read.text.strip() == "ett"


def test_a_multipart_without_delimiters_is_text() -> None:
    assert read_mail(mail(b"bara text", b"Content-Type: multipart/mixed; boundary=b1")).text == "bara text"


def test_an_inner_boundary_may_begin_like_the_outer_one() -> None:
    inner = nested(part("ett"), part("<p>ett", "text/html"), subtype="alternative", boundary="b1-inner")
    read = read_mail(multipart(inner, part("x", "application/pdf; name=a.pdf")))
    assert (read.text, read.html, len(read.attachments)) == ("ett", "<p>ett", 1)


def test_an_inner_multipart_may_reuse_the_outer_boundary() -> None:
    inner = nested(part("ett"), subtype="alternative", boundary="b1")
    read = read_mail(multipart(inner, part("x", "application/pdf; name=a.pdf")))
    assert (read.text, [one.name for one in read.attachments]) == ("ett", ["a.pdf"])


def test_text_behind_a_delimiter_is_ignored_where_no_delimiter_is_bare() -> None:
    read = read_mail(mail(b"--b1 junk\r\n\r\nhej\r\n--b1-- junk\r\n", b"Content-Type: multipart/mixed; boundary=b1"))
    assert read.text == "hej"


def test_a_lone_closing_delimiter_is_not_shown() -> None:
    read = read_mail(mail(b"hej\r\n--b1--\r\n", b"Content-Type: multipart/mixed; boundary=b1"))
    assert read.text.strip() == "hej"


def test_text_under_a_file_name_is_shown_where_nothing_else_is() -> None:
    named = part("inneh\u00e5ll", "text/plain; charset=utf-8; name=a.txt")
    read = read_mail(multipart(part(""), named))
    assert (read.text, [one.name for one in read.attachments]) == ("innehåll", ["a.txt"])
    assert read_mail(multipart(part("Hej"), named)).text == "Hej"


def test_a_part_without_header_is_text() -> None:
    read = read_mail(mail(b"--b1\r\nutan rubrik\r\n--b1--\r\n", b"Content-Type: multipart/mixed; boundary=b1"))
    assert read.text == "utan rubrik"


def test_only_text_outside_of_empty_parts_is_shown() -> None:
    read = read_mail(
        mail(
            b"This is a multi-part message in MIME format.\r\n--b1\r\n--b1--\r\nhej",
            b"Content-Type: multipart/mixed; boundary=b1",
        )
    )
    assert read.text == "hej"
    assert "text_outside_parts" in read.defects


def test_parts_beyond_the_depth_become_one_attachment() -> None:
    body = b"".join(
        b'Content-Type: multipart/mixed; boundary="n%d"\r\n\r\n--n%d\r\nContent-Type: text/plain\r\n\r\nniv\xc3\xa5 %d\r\n--n%d\r\n'
        % (level, level, level, level)
        for level in range(40)
    )
    read = read_mail(HEADER + body + b"\r\nslut")
    assert [line for line in read.text.split("\n") if line] == [f"nivå {level}" for level in range(30)]
    assert [one.name for one in read.attachments] == ["resten.eml"]
    assert "nivå 39".encode() in read.attachments[0].content
    assert "mime_too_deep" in read.defects


def test_a_depth_of_twenty_five_is_read_in_full() -> None:
    inner = part("längst inne")
    for level in range(25):
        inner = nested(inner, subtype="mixed", boundary=f"level{level}")
    assert read_mail(HEADER + inner).text == "längst inne"


def test_parts_beyond_the_number_become_one_attachment() -> None:
    read = read_mail(multipart(*(part(f"rad {number}") for number in range(50))), Limits(mime_parts=10))
    assert read.text.split("\n")[:9] == [f"rad {number}" for number in range(9)]
    assert [one.name for one in read.attachments] == ["resten.eml"]
    assert read.attachments[0].content.count(b"rad ") == 41


@pytest.mark.parametrize(
    ("data", "encoding", "meant"),
    [
        (b"SGVq", "base64", b"Hej"),
        (b"SGVqIQ", "base64", b"Hej!"),
        (b"SG Vq\r\n!IQ==", "base64", b"Hej!"),
        (b"SGVqIQ==SGVqIQ==", "base64", b"Hej!Hej!"),
        (b"SGVqI", "base64", b"Hej"),
        (b"=E5=\r\n =3D =G1", "quoted-printable", b"\xe5 = =G1"),
        (b"begin 644 a\n#2&5J\n`\nend\n", "x-uuencode", b"Hej"),
        (b"as it is", "x-unknown", b"as it is"),
    ],
)
def test_transfer_encodings_are_decoded_with_their_faults(data: bytes, encoding: str, meant: bytes) -> None:
    assert decode_transfer(data, encoding) == meant


def test_base64_of_any_length_is_decoded() -> None:
    assert [decode_base64(b"QUJDRA=="[:length]) for length in range(9)][4:] == [
        b"ABC",
        b"ABC",
        b"ABCD",
        b"ABCD",
        b"ABCD",
    ]


def test_attachments_keep_their_octets_exactly() -> None:
    octets = bytes(range(256)) * 40
    read = read_mail(multipart(part("hej"), part(octets, "application/x-data; name=a.bin", encoding="base64")))
    assert read.attachments[0].content == octets
