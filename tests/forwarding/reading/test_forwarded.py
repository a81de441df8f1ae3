"""Mails no public corpus has: forwarded ones, invitations by forwarders, Swedish absence replies, doubled headers."""

from forwarding.reading import Address, read_mail
from tests.forwarding.reading.messages import headed, multipart, part

AUTHOR = (
    b"From: =?utf-8?q?=C3=85sa_=C3=96berg?= <asa@example.se>",
    b"To: jobb@lillestad.se",
    b"Subject: =?iso-8859-1?q?Ans=F6kan_sommarjobb?=",
    b"Date: Mon, 5 Feb 2024 10:12:00 +0100",
    b"Message-ID: <abc@example.se>",
)


def forwarded(*trace: bytes) -> bytes:
    return headed(*trace, *AUTHOR, body="Hej, jag söker sommarjobb.\r\n".encode())


MICROSOFT_365 = (
    b"Return-Path: <bounces+SRS=abcd=EF@lillestad.onmicrosoft.com>",
    b"Received: from mail-am6eur05on2044.outbound.protection.outlook.com by mx.mail.kundo.se; Mon, 5 Feb 2024 09:12:04 +0000",
    b"ARC-Seal: i=1; a=rsa-sha256; s=arcselector9901; d=microsoft.com; cv=none;\r\n b=abc==",
    b"ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass smtp.mailfrom=example.se; dkim=pass header.d=example.se",
    b"X-MS-Exchange-ForwardingLoop: jobb@lillestad.se;84df9e7f-e9f6-40af-b435-aaaaaaaaaaaa",
    b"X-MS-Exchange-Inbox-Rules-Loop: jobb@lillestad.se",
    b"Resent-From: <jobb@lillestad.se>",
)
GMAIL = (
    b"Delivered-To: jobb.lillestad.se@mail.kundo.se",
    b"X-Forwarded-To: jobb.lillestad.se@mail.kundo.se",
    b"X-Forwarded-For: jobb@lillestad.se jobb.lillestad.se@mail.kundo.se",
    b"Delivered-To: jobb@lillestad.se",
    b"X-Google-Smtp-Source: AGHT+abc",
)


def test_a_mail_forwarded_by_microsoft_365_is_the_authors_mail() -> None:
    read = read_mail(forwarded(*MICROSOFT_365))
    assert read.sender == Address("Åsa Öberg", "asa@example.se")
    assert (read.subject, read.text) == ("Ansökan sommarjobb", "Hej, jag söker sommarjobb.\n")
    assert read.header("X-MS-Exchange-ForwardingLoop").startswith("jobb@lillestad.se;")


def test_every_way_of_forwarding_leaves_one_fingerprint() -> None:
    hashes = {read_mail(forwarded(*trace)).content_hash for trace in ((), MICROSOFT_365, GMAIL)}
    assert len(hashes) == 1


def test_all_delivered_to_headers_are_kept_in_order() -> None:
    read = read_mail(forwarded(*GMAIL))
    assert read.all_headers("Delivered-To") == ("jobb.lillestad.se@mail.kundo.se", "jobb@lillestad.se")


def test_doubled_from_and_message_id_are_both_seen() -> None:
    raw = headed(b"From: Bo <bo@example.org>", b"Message-ID: <x@example.org>", *AUTHOR)
    read = read_mail(raw)
    assert [sender.address for sender in read.senders] == ["bo@example.org", "asa@example.se"]
    assert read.message_id == "x@example.org"
    assert read.all_headers("message-id") == ("<x@example.org>", "<abc@example.se>")


def test_an_internationalised_mail_is_read() -> None:
    raw = headed(
        "From: Åsa <åsa@räksmörgås.se>".encode(),
        "To: ansökan@lillestad.se".encode(),
        "Subject: Hälsning 👋".encode(),
        "Message-ID: <å@räksmörgås.se>".encode(),
    )
    read = read_mail(raw)
    assert read.sender == Address("Åsa", "åsa@räksmörgås.se")
    assert (read.to[0].address, read.subject, read.message_id) == (
        "ansökan@lillestad.se",
        "Hälsning 👋",
        "å@räksmörgås.se",
    )


def test_a_swedish_absence_reply_is_read_with_its_quote_folded() -> None:
    raw = headed(
        b"From: Karin <karin@lillestad.se>",
        "Subject: Automatiskt svar: Fråga om bygglov".encode(),
        b"Auto-Submitted: auto-replied",
        b"X-Auto-Response-Suppress: All",
        b"Content-Type: text/html; charset=utf-8",
        body="<p>Hej!</p><p>Jag är på semester till den 12 augusti.</p><p>Med vänlig hälsning<br>Karin</p>".encode(),
    )
    read = read_mail(raw)
    assert read.subject == "Automatiskt svar: Fråga om bygglov"
    assert read.visible_text == "Hej!\n\nJag är på semester till den 12 augusti.\n\nMed vänlig hälsning\nKarin\n"


def test_an_invitation_from_outlook_is_text_and_event() -> None:
    ics = (
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\n"
        "DTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        "ORGANIZER;CN=Bo:mailto:bo@example.se\r\nSUMMARY;LANGUAGE=sv-SE:Avstämning\r\nUID:040000008200E00074C5B7101A82E008\r\n"
        "DTSTART;TZID=W. Europe Standard Time:20240205T130000\r\nDTEND;TZID=W. Europe Standard Time:20240205T140000\r\n"
        "LOCATION;LANGUAGE=sv-SE:Teams\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    raw = multipart(
        part("Välkomna!"),
        part("<p>Välkomna!</p>", "text/html; charset=utf-8"),
        part(ics, 'text/calendar; charset="utf-8"; method=REQUEST', encoding="base64"),
        subtype="alternative",
    )
    read = read_mail(raw)
    assert read.text == "Välkomna!"
    assert read.calendar is not None
    assert (read.calendar.summary, read.calendar.location) == ("Avstämning", "Teams")
    assert str(read.calendar.starts) == "2024-02-05 13:00:00+01:00"
