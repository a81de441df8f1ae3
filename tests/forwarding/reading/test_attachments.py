"""Attachments: names, inline pictures, invitations, winmail.dat."""

import struct
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from forwarding.reading import Address, CalendarEvent, Limits, read_mail
from forwarding.reading.compressed_rtf import decompress_rtf
from forwarding.reading.rtf_text import rtf_to_text
from tests.forwarding.reading.messages import mail, multipart, part


def names(*parts: bytes) -> list[str]:
    return [one.name for one in read_mail(multipart(part("hej"), *parts)).attachments]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Content-Disposition: attachment; filename=åäö.pdf", "åäö.pdf"),
        ("Content-Disposition: attachment; filename*=utf-8''%D0%9F%D1%80.pdf", "Пр.pdf"),
        ('Content-Disposition: attachment; filename="C:\\\\Temp\\\\a.pdf"', "a.pdf"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', "passwd"),
        ('Content-Disposition: attachment; filename="fdp\u202eexe.pdf"', "fdpexe.pdf"),
        ('Content-Disposition: attachment; filename="a\tb.pdf"', "a b.pdf"),
        ('Content-Disposition: attachment; filename=".."', "document.pdf"),
        ("Content-Location: bild.pdf", "bild.pdf"),
        ("Content-ID: <image001.pdf@01D2.0>", "image001.pdf"),
        ("X-Nothing: here", "document.pdf"),
    ],
)
def test_names_are_what_the_sender_gave_made_safe(header: str, name: str) -> None:
    assert names(part("x", "application/pdf", header)) == [name]


def test_a_long_name_keeps_its_extension() -> None:
    (name,) = names(part("x", "application/pdf", f"Content-Disposition: attachment; filename={'a' * 400}.pdf"))
    assert (len(name), name[-4:]) == (200, ".pdf")


def test_equal_names_are_numbered() -> None:
    assert names(*(part("x", "image/png; name=a.png") for _ in range(3))) == ["a.png", "a1.png", "a2.png"]


def test_an_attached_message_is_called_by_its_subject() -> None:
    inner = "From: a@x.se\r\nSubject: =?utf-8?q?Fr=C3=A5ga_1/2?=\r\n\r\nx"
    assert names(part(inner, "message/rfc822"), part("From: a@x.se\r\n\r\nx", "message/rfc822")) == [
        "Fråga 1_2.eml",
        "mail.eml",
    ]


@pytest.mark.parametrize("source", ["cid:a1@x", "cid:a1%40x", "CID:a1@x", "bild.png"])
def test_a_picture_the_html_refers_to_is_inline(source: str) -> None:
    html = f'<p>Hej <img src="{source}"></p>'
    picture = part(b"\x89PNG", "image/png; name=bild.png", "Content-ID: <a1@x>", "Content-Disposition: attachment")
    (attachment,) = read_mail(multipart(part(html, "text/html"), picture, subtype="related")).attachments
    assert (attachment.inline, attachment.content_id) == (True, "a1@x")


def test_a_picture_nobody_refers_to_is_an_attachment() -> None:
    picture = part(b"\x89PNG", "image/png; name=bild.png", "Content-ID: <a1@x>", "Content-Disposition: attachment")
    (attachment,) = read_mail(multipart(part("<p>Hej</p>", "text/html"), picture)).attachments
    assert not attachment.inline


def test_an_inline_pdf_is_listed() -> None:
    read = read_mail(
        multipart(part("Hej"), part("%PDF", "application/pdf", "Content-Disposition: inline; filename=a.pdf"))
    )
    assert [(one.name, one.inline) for one in read.attachments] == [("a.pdf", False)]


def test_a_mail_that_is_one_file_has_no_text() -> None:
    read = read_mail(
        mail(b"JVBERg==", b"Content-Type: application/pdf; name=a.pdf", b"Content-Transfer-Encoding: base64")
    )
    assert (read.text, [(one.name, one.content) for one in read.attachments]) == ("", [("a.pdf", b"%PDF")])


INVITATION = """BEGIN:VCALENDAR
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:1@example.se
SUMMARY:Möte om skolskjuts
DTSTART;TZID=Europe/Stockholm:20240205T101200
DURATION:PT1H
LOCATION:Stadshuset\\, rum 3
ORGANIZER;CN=Anna Karlsson:mailto:anna@example.se
STATUS:CONFIRMED
END:VEVENT
END:VCALENDAR
"""


def test_an_invitation_is_shown_and_kept() -> None:
    read = read_mail(
        multipart(
            part("Välkommen"), part(INVITATION, "text/calendar; method=REQUEST; charset=utf-8"), subtype="alternative"
        )
    )
    zone = timezone(timedelta(hours=1))
    assert read.calendar == CalendarEvent(
        method="REQUEST",
        uid="1@example.se",
        summary="Möte om skolskjuts",
        starts=datetime(2024, 2, 5, 10, 12, tzinfo=zone),
        ends=datetime(2024, 2, 5, 11, 12, tzinfo=zone),
        location="Stadshuset, rum 3",
        organizer=Address("Anna Karlsson", "anna@example.se"),
        status="CONFIRMED",
    )
    assert [one.name for one in read.attachments] == ["inbjudan.ics"]
    assert read.text == "Välkommen"


def test_a_whole_day_and_a_cancellation_are_read() -> None:
    ics = (
        "BEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20240206\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    event = read_mail(mail(ics.encode(), b"Content-Type: text/calendar")).calendar
    assert event is not None
    assert (event.method, event.starts, event.ends, event.organizer) == ("CANCEL", date(2024, 2, 6), None, None)


def test_utc_times_are_aware() -> None:
    ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:2\nDTSTART:20240206T080000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    event = read_mail(mail(ics.encode(), b"Content-Type: text/calendar")).calendar
    assert event is not None
    assert event.starts == datetime(2024, 2, 6, 8, tzinfo=UTC)


@pytest.mark.parametrize("ics", ["", "BEGIN:VEVENT", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:never\nEND:X", "\x00"])
def test_a_broken_invitation_stays_an_attachment(ics: str) -> None:
    read = read_mail(mail(ics.encode(), b"Content-Type: text/calendar"))
    assert read.calendar is None or read.calendar.starts is None
    assert [one.name for one in read.attachments] == ["inbjudan.ics"]


def tnef_attribute(level: int, tag: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, tag, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def mapi(*properties: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack("<III", tag, 1, len(data)) + data + b"\x00" * (-len(data) % 4) for tag, data in properties
    )
    return struct.pack("<I", len(properties)) + body


def uncompressed(rtf: bytes) -> bytes:
    """Rich text in the container for compressed one, as it is (MS-OXRTFCP, section 2.1.3.2)."""
    return struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf


def winmail(*attributes: bytes) -> bytes:
    stream = b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)
    return multipart(part(stream, "application/ms-tnef; name=winmail.dat", encoding="base64"))


FILE = (
    tnef_attribute(2, 0x00069002, b"\x00" * 14)
    + tnef_attribute(2, 0x00018010, b"ATT1.TXT\x00")
    + tnef_attribute(2, 0x0006800F, b"innehall")
    + tnef_attribute(2, 0x00069005, mapi((0x3707001F, "Blåbär.pdf\x00".encode("utf-16-le"))))
)
RICH_TEXT = rb"{\rtf1\ansi Hej \'e5\'e4\'f6\par d\u229?r}"


def test_files_in_winmail_dat_stand_beside_the_original() -> None:
    read = read_mail(winmail(FILE))
    assert [(one.name, one.derived) for one in read.attachments] == [("winmail.dat", False), ("Blåbär.pdf", True)]
    assert (read.attachments[1].content, read.attachments[1].content_type) == (b"innehall", "application/pdf")


def test_a_plain_body_in_winmail_dat_is_the_text_of_a_mail_without_one() -> None:
    read = read_mail(winmail(tnef_attribute(1, 0x0002800C, "Hej på dig\x00".encode("cp1252")), FILE))
    assert read.text == "Hej på dig"
    assert "text_from_tnef" in read.defects


def test_an_html_body_in_winmail_dat_is_displayed() -> None:
    html = mapi((0x10130102, "<p>Räk</p>".encode()), (0x3FDE0003, b""))
    read = read_mail(winmail(tnef_attribute(1, 0x00069003, html)))
    assert (read.text, read.html) == ("Räk\n", "<p>Räk</p>")


def test_a_picture_that_the_html_in_winmail_dat_shows_is_inline() -> None:
    html = tnef_attribute(1, 0x00069003, mapi((0x10130102, b'<p>Hej<img src="cid:a@b"></p>')))
    picture = (
        tnef_attribute(2, 0x00069002, b"\x00" * 14)
        + tnef_attribute(2, 0x0006800F, b"\x89PNG")
        + tnef_attribute(2, 0x00069005, mapi((0x3707001E, b"a.png\x00"), (0x3712001E, b"a@b\x00")))
    )
    read = read_mail(winmail(html, picture, FILE))
    assert [(one.name, one.inline) for one in read.attachments if one.derived] == [
        ("a.png", True),
        ("Blåbär.pdf", False),
        ("message.html", False),
    ]


def test_a_rich_text_body_in_winmail_dat_gives_text() -> None:
    read = read_mail(winmail(tnef_attribute(1, 0x00069003, mapi((0x10090102, uncompressed(RICH_TEXT))))))
    assert read.text == "Hej åäö\ndår"
    assert [one.name for one in read.attachments] == ["winmail.dat", "message.rtf"]


def test_a_cut_off_winmail_dat_gives_what_is_whole() -> None:
    read = read_mail(winmail(FILE, FILE[:40]))
    assert [one.name for one in read.attachments if one.derived] == ["Blåbär.pdf", "file"]


def test_a_winmail_dat_over_the_limit_is_only_kept() -> None:
    raw = winmail(FILE)
    assert [one.name for one in read_mail(raw, Limits(tnef_octets=10)).attachments] == ["winmail.dat"]


def test_compressed_rtf_is_decompressed() -> None:
    """The example of MS-OXRTFCP, section 4.1.1."""
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompress_rtf(data, 1000) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_decompression_stops_at_its_limit() -> None:
    bomb = struct.pack("<IIII", 1000, 2**31 - 1, 0x75465A4C, 0) + b"\xff" + b"\x00\x0f" * 100_000
    assert len(decompress_rtf(bomb, 5000)) == 5000


def test_rtf_groups_without_text_are_left_out() -> None:
    assert rtf_to_text(rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator X;}Hej\tab d\'e5}") == "Hej\tdå"
    assert rtf_to_text(b"no rtf") == ""
