"""Delivery reports, complaints and receipts: from octets to recipient, action, status and the mail that came back."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.bounces import Bounce, is_delivery_report, read_bounces, read_complaint, read_disposition
from forwarding.bounces.addresses import addresses_in
from forwarding.bounces.report import MAX_RECIPIENTS
from forwarding.bounces.status import best_status
from forwarding.reading import read_mail
from tests.forwarding.hostile_reports import HOSTILE_REPORTS

STATUS = """\
Reporting-MTA: dns; mx.lillestad.se
Arrival-Date: Mon, 2 Mar 2026 10:00:00 +0100

Final-Recipient: rfc822; anna@mottagare.se
Original-Recipient: rfc822;anna.alm@mottagare.se
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <anna@mottagare.se>: Recipient address
    rejected: User unknown
"""
ORIGINAL = """\
Message-ID: <c.zf.bk.aaaaaaaaaaaaaaaa@mgeu.lillestad.se>
X-Kundo-Loop: v1;7;42;aaaaaaaaaaaaaaaa
From: Jobb <jobb@lillestad.se>
To: Anna Alm <anna.alm@mottagare.se>
Subject: Sommarjobb

Hej Anna!
"""


def report(
    status: str = STATUS,
    *,
    kind: str = "message/delivery-status",
    outer: str = "multipart/report; report-type=delivery-status",
    encoding: str = "",
    original: str = ORIGINAL,
    original_kind: str = "message/rfc822",
) -> bytes:
    """A report of three parts as RFC 6522 has it, with one thing changed."""
    lines = [
        "From: Mail Delivery System <MAILER-DAEMON@mx.lillestad.se>",
        "To: b.x@mail.kundo.se",
        "Subject: Undelivered Mail Returned to Sender",
        f'Content-Type: {outer}; boundary="=_b"',
        "",
        "--=_b",
        "Content-Type: text/plain",
        "",
        "Sorry.",
        "--=_b",
        f"Content-Type: {kind}",
        *([f"Content-Transfer-Encoding: {encoding}"] if encoding else []),
        "",
        status,
        "--=_b",
        f"Content-Type: {original_kind}",
        "",
        original,
        "--=_b--",
        "",
    ]
    return "\r\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n").encode()


def bounces(raw: bytes, mail_from: str | None = "") -> tuple[Bounce, ...]:
    return read_bounces(raw, read_mail(raw), mail_from)


def recipients(raw: bytes, mail_from: str | None = "") -> list[str]:
    return [bounce.recipient for bounce in bounces(raw, mail_from)]


# --- reports with a delivery status --------------------------------------------------------------------------------


def test_a_standard_report_tells_everything():
    assert bounces(report()) == (
        Bounce(
            recipient="anna@mottagare.se",
            action="failed",
            status="5.1.1",
            diagnostic="550 5.1.1 <anna@mottagare.se>: Recipient address rejected: User unknown",
            original_message_id="c.zf.bk.aaaaaaaaaaaaaaaa@mgeu.lillestad.se",
            original_recipient="anna.alm@mottagare.se",
            original_loop="v1;7;42;aaaaaaaaaaaaaaaa",
        ),
    )


def test_a_report_needs_no_null_sender():
    assert recipients(report(), "anybody@example.com") == ["anna@mottagare.se"]


def test_a_base64_encoded_status_is_read():
    encoded = base64.encodebytes(STATUS.encode()).decode()
    assert recipients(report(encoded, encoding="base64")) == ["anna@mottagare.se"]


def test_a_quoted_printable_status_is_read():
    assert recipients(report(STATUS.replace("@", "=40"), encoding="quoted-printable")) == ["anna@mottagare.se"]


def test_a_status_without_blank_line_between_the_groups_is_read():
    assert recipients(report(STATUS.replace("\n\n", "\n"))) == ["anna@mottagare.se"]


def test_a_blank_line_between_all_fields_is_read():
    assert recipients(report("\n\n".join(STATUS.split("\n")))) == ["anna@mottagare.se"]


SECOND = "Final-Recipient: rfc822; bo@mottagare.se\nAction: delayed\nStatus: 4.2.2\n"


@pytest.mark.parametrize("separator", ["\n", ""], ids=["blank line", "no blank line"])
def test_every_group_is_a_recipient(separator):
    found = bounces(report(STATUS + separator + SECOND))
    assert [(bounce.recipient, bounce.action, bounce.status) for bounce in found] == [
        ("anna@mottagare.se", "failed", "5.1.1"),
        ("bo@mottagare.se", "delayed", "4.2.2"),
    ]


def test_fields_in_any_order_stay_with_their_recipient():
    status = (
        "Reporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; a@x.se\n\n"
        "Action: delayed\nStatus: 4.0.0\nFinal-Recipient: rfc822; b@x.se\n"
    )
    assert [(bounce.recipient, bounce.action) for bounce in bounces(report(status))] == [
        ("a@x.se", "failed"),
        ("b@x.se", "delayed"),
    ]


def test_an_international_report_is_read():
    status = (
        "Reporting-MTA: dns; x\n\nFinal-Recipient: utf-8; ans\\x{F6}kan@mottagare.se\nAction: failed\nStatus: 5.6.7\n"
    )
    raw = report(status, kind="message/global-delivery-status", original_kind="message/global-headers")
    assert recipients(raw) == ["ansökan@mottagare.se"]
    assert bounces(raw)[0].original_message_id == "c.zf.bk.aaaaaaaaaaaaaaaa@mgeu.lillestad.se"


def test_the_original_is_also_found_as_headers_only():
    assert bounces(report(original_kind="text/rfc822-headers"))[0].original_message_id.startswith("c.zf.bk.")


def test_a_status_in_an_ordinary_multipart_counts():
    assert recipients(report(outer="multipart/mixed"), "someone@example.com") == ["anna@mottagare.se"]


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("rfc822;<anna@mottagare.se>", "anna@mottagare.se"),
        ("RFC822 ; anna@mottagare.se (Anna)", "anna@mottagare.se"),
        ("anna@mottagare.se", "anna@mottagare.se"),
        ('rfc822; "anna alm."@mottagare.se'.replace(" alm", "..alm"), '"anna..alm."@mottagare.se'),
        ("rfc822; anna@[192.0.2.1]", "anna@[192.0.2.1]"),
    ],
)
def test_recipient_fields_are_read_as_they_are_written(field, address):
    assert recipients(report(f"Final-Recipient: {field}\nAction: failed\nStatus: 5.0.0\n")) == [address]


def test_an_address_that_only_means_something_inside_the_reporting_host_gives_way_to_the_original():
    status = "Original-Recipient: rfc822;anna@x.se\nFinal-Recipient: rfc822;anna@sims-daemon\nAction: failed\n"
    assert recipients(report(status)) == ["anna@x.se"]


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.1.1", "failed"),
        ("Failed (hard)", "5.1.1", "failed"),
        ("delayed", "4.4.1", "delayed"),
        ("relayed", "2.0.0", "relayed"),
        ("expanded", "2.0.0", "expanded"),
        ("delivered", "2.1.5", "delivered"),
        ("", "4.4.1", "delayed"),
        ("gone", "2.0.0", "delivered"),
        ("", "", "failed"),
    ],
)
def test_the_action_follows_the_field_and_else_the_status(action, status, expected):
    raw = report(f"Final-Recipient: rfc822; a@x.se\nAction: {action}\nStatus: {status}\n")
    assert [bounce.action for bounce in bounces(raw)] == [expected]


@pytest.mark.parametrize(
    ("field", "diagnostic", "expected"),
    [
        ("5.1.1", "", "5.1.1"),
        ("5.1.1 (bad destination)", "", "5.1.1"),
        ("5.0.0", "550 5.2.2 Mailbox full", "5.2.2"),
        ("4.0.0", "550 5.2.2 Mailbox full", "4.0.0"),
        ("", "550 No such user", "5.1.1"),
        ("", "452 user is over quota", "4.2.2"),
        ("", "host 192.0.2.25 said something", ""),
    ],
)
def test_the_status_is_made_precise_by_the_diagnostic(field, diagnostic, expected):
    assert best_status(field, diagnostic) == expected


def test_a_status_without_diagnostic_is_explained_by_the_words_of_the_report():
    status = "Final-Recipient: rfc822; anna@mottagare.se\nAction: failed\nStatus: 5.0.0\n"
    raw = report(status).replace(b"Sorry.", b"Could not deliver:\r\n\r\nanna@mottagare.se: 552 5.2.2 Mailbox full")
    bounce = bounces(raw)[0]
    assert (bounce.status, bounce.diagnostic) == ("5.2.2", "anna@mottagare.se: 552 5.2.2 Mailbox full")


def test_a_report_wrapped_by_a_mail_filter_is_unwrapped():
    inner = report().decode().replace("\r\n", "\n")
    raw = (
        "From: postmaster@x.se\nSubject: Delivery Status Notification (Failure)\n"
        'Content-Type: multipart/mixed; boundary="o"\n\n--o\nContent-Type: message/rfc822\n\n' + inner + "\n--o--\n"
    ).encode()
    assert recipients(raw) == ["anna@mottagare.se"]


def test_a_person_who_forwards_a_report_has_not_sent_a_report():
    inner = report().decode().replace("\r\n", "\n")
    raw = (
        "From: Anna <anna@x.se>\nSubject: VB: Undelivered\n"
        'Content-Type: multipart/mixed; boundary="o"\n\n--o\n\nVad betyder detta?\n'
        "--o\nContent-Type: message/rfc822\n\n" + inner + "\n--o--\n"
    ).encode()
    assert bounces(raw, "anna@x.se") == ()
    assert not is_delivery_report(read_mail(raw), "anna@x.se")


def test_a_person_who_passes_the_parts_of_a_report_on_has_not_sent_a_report():
    raw = report(outer="multipart/mixed").replace(b"Mail Delivery System <MAILER-DAEMON@", b"Anna <anna@")
    assert bounces(raw, "anna@x.se") == ()
    assert not is_delivery_report(read_mail(raw), "anna@x.se")


# --- complaints and receipts ---------------------------------------------------------------------------------------

FEEDBACK = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Rcpt-To: <bo@mottagare.se>\n"


def test_a_complaint_names_its_kind_the_recipient_and_our_mail():
    raw = report(FEEDBACK, kind="message/feedback-report", outer="multipart/report; report-type=feedback-report")
    complaint = read_complaint(raw)
    assert complaint is not None
    assert (complaint.kind, complaint.recipients) == ("abuse", ("bo@mottagare.se",))
    assert complaint.original_message_id == "c.zf.bk.aaaaaaaaaaaaaaaa@mgeu.lillestad.se"
    assert bounces(raw) == ()


def test_a_complaint_without_recipient_names_those_of_the_returned_mail():
    raw = report("Feedback-Type: abuse\n", kind="message/feedback-report")
    complaint = read_complaint(raw)
    assert complaint is not None
    assert complaint.recipients == ("anna.alm@mottagare.se",)


RECEIPT = (
    "Reporting-UA: x\nFinal-Recipient: rfc822; anna@mottagare.se\nOriginal-Message-ID: <c.zf.bk.m@x>\n"
    "Disposition: manual-action/MDN-sent-manually; displayed/error\n"
)


def test_a_receipt_names_what_was_done_with_which_mail():
    raw = report(
        RECEIPT,
        kind="message/disposition-notification",
        outer="multipart/report; report-type=disposition-notification",
    )
    receipt = read_disposition(raw)
    assert receipt is not None
    assert (receipt.kind, receipt.recipient, receipt.original_message_id) == (
        "displayed",
        "anna@mottagare.se",
        "c.zf.bk.m@x",
    )
    assert bounces(raw) == ()


def test_an_ordinary_mail_is_neither_complaint_nor_receipt():
    assert read_complaint(b"From: a@x.se\n\nHej") is None
    assert read_disposition(b"From: a@x.se\n\nHej") is None


# --- addresses in free text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<anna@x.se>: host said", ("anna@x.se",)),
        ('"anna@x.se": no', ("anna@x.se",)),
        ("anna@x.se, bo@x.se.", ("anna@x.se", "bo@x.se")),
        ("写给 anna@x.jp您好，", ("anna@x.jp",)),
        ("ansökan@östersund.se", ("ansökan@östersund.se",)),
        ("@ and a@ and @b", ()),
    ],
)
def test_addresses_are_found_in_sentences(text, found):
    assert addresses_in(text) == found


# --- whatever the octets -------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        b"From: MAILER-DAEMON@x\n",
        b"Subject: Undeliverable\n",
        b"Content-Type: multipart/report; boundary=b\n",
        b"\n",
        b"--b\n",
        b"--b--\n",
        b"Content-Type: message/delivery-status\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Final-Recipient: rfc822; a@b.se\n",
        b"Action: failed\n",
        b"Status: 5.1.1\n",
        b"\x00\xff\r",
        b"<a@b.se>: 550 no\n",
        b"Message-ID: <a@b>\n",
        b"--- Original message ---\n",
    ]
)


@given(st.lists(st.one_of(pieces, st.binary(max_size=30)), max_size=25).map(b"".join))
def test_no_octets_make_it_raise_or_give_what_cannot_be_stored(raw):
    mail = read_mail(raw)
    for bounce in read_bounces(raw, mail, ""):
        assert "@" in bounce.recipient
        assert "\0" not in repr(bounce)
    read_complaint(raw)
    read_disposition(raw)
    is_delivery_report(mail, None)


DAEMON = b"From: mailer-daemon@x\nSubject: Undeliverable\n\n"
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20_000))
HOSTILE = {
    "nested multiparts": NESTED,
    "many parts": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 300_000,
    "one long line": DAEMON + b"<a@" * 700_000,
    "many addresses": DAEMON + b"a@b.se\n" * 300_000,
    "header lines without end": DAEMON + b"To: a@b.se\n" * 200_000,
    "quotes": DAEMON + b'"' * 2_000_000,
    "status of a million fields": report("Action: failed\n" * 200_000),
    "many text parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nhej\n" * 100_000,
    "a field and many lines": DAEMON + b"Status: x\n" + b"word " * 20 + b"\nword" * 300_000,
    "big text parts": DAEMON.strip()
    + b"\nContent-Type: multipart/mixed; boundary=b\n\n"
    + (b"--b\n\n" + b"x" * 50_000 + b"\n") * 150,
    "white space": DAEMON + b" " * 2_000_000 + b"x",
    "base64 of nothing": b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    + b"=" * 2_000_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_reports_cost_little(raw):
    mail = read_mail(DAEMON)
    started = time.process_time()
    read_bounces(raw, mail, "")
    assert time.process_time() - started < 2


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_REPORTS)
def test_a_hostile_report_is_read_in_two_seconds_and_names_no_more_than_its_share(name):
    mail = read_mail(HOSTILE_REPORTS[name])
    started = time.process_time()
    bounces = read_bounces(HOSTILE_REPORTS[name], mail, "")
    is_delivery_report(mail, "")
    assert time.process_time() - started < 2
    assert len(bounces) <= MAX_RECIPIENTS
