"""Classes of mail, by evidence that survives a customer's forwarding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.bounces import read_bounces
from forwarding.classifying import MailClass, auto_answer_obstacle, classify, has_null_sender, subject_skeleton
from forwarding.reading import ReadMail, read_mail

ANNA = "anna@example.com"


def mail(*headers: str, subject: str = "Sommarjobb", author: str = f"Anna <{ANNA}>", body: str = "Hej!") -> ReadMail:
    return read_mail("\n".join([f"From: {author}", f"Subject: {subject}", *headers, "", body]).encode())


def test_an_ordinary_mail_is_written_by_a_person():
    assert classify(mail(), ANNA) is MailClass.HUMAN


def test_a_mail_whose_envelope_is_not_known_is_written_by_a_person():
    assert classify(mail(), None) is MailClass.HUMAN


# --- automatic replies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        'Auto-Submitted: auto-replied; owner-email="a@b.se"',
        "Auto-Submitted: Auto-Replied (vacation)",
        "X-Autoreply: yes",
        "X-Autorespond: Semester",
        "X-Autoresponder: 1",
        "X-Auto-Reply: true",
        "Precedence: auto_reply",
        "Precedence: Auto-Reply",
    ],
)
def test_a_header_that_says_automatic_reply_decides(header):
    assert classify(mail(header), ANNA) is MailClass.AUTO_REPLY


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "X-Autoreply: no", "X-Auto-Response-Suppress: All"])
def test_a_header_that_says_nothing_of_the_kind_does_not(header):
    assert classify(mail(header), ANNA) is MailClass.HUMAN


@pytest.mark.parametrize(
    "subject",
    [
        "Autosvar: Sommarjobb",
        "自动答复: 问题",
        "자동 회신: 질문",
        "Otomatik yanıt: Soru",
        "Răspuns automat: Întrebare",
        "Αυτόματη απάντηση: Ερώτηση",
        "Automatski odgovor: Pitanje",
        "Automaatvastus: Küsimus",
        "Автоматична відповідь: Питання",
        "رد تلقائي: سؤال",
        "Automatická odpoveď: Otázka",
        "AUTOSVAR - Sommarjobb",
        "Automatiskt svar: Sommarjobb",
        "Automatic reply: Sommarjobb",
        "Out of Office: Sommarjobb",
        "Auto: Sommarjobb",
        "Automatische Antwort: Sommarjobb",
        "Abwesenheitsnotiz: Sommarjobb",
        "Réponse automatique : Sommarjobb",
        "Respuesta automática: Sommarjobb",
        "Risposta automatica: Sommarjobb",
        "Automatisch antwoord: Sommarjobb",
        "Automatisk svar: Sommarjobb",
        "Fraværsmelding: Sommarjobb",
        "Automaattinen vastaus: Sommarjobb",
        "Odpowiedź automatyczna: Sommarjobb",
    ],
)
def test_the_beginning_of_the_subject_tells_an_automatic_reply_in_many_languages(subject):
    assert classify(mail(subject=subject), ANNA) is MailClass.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "header", "mail_from"),
    [
        ("Frånvaro: Sommarjobb", "X-Auto-Response-Suppress: All", ANNA),
        ("Frånvaro: Sommarjobb", "X-Mailer: x", ""),
        ("Frånvarande: Sv: Sommarjobb", "X-Mailer: x", ANNA),
        ("Semester: Re: Sommarjobb", "X-Mailer: x", ANNA),
        ("Vacation", "Auto-Submitted: auto-generated", ANNA),
        ("Urlaub: AW: Sommarjobb", "X-Mailer: x", ANNA),
    ],
)
def test_a_word_of_absence_counts_with_another_sign(subject, header, mail_from):
    assert classify(mail(header, subject=subject), mail_from) is MailClass.AUTO_REPLY


@pytest.mark.parametrize(
    "subject", ["Frånvaro Lisa 3B", "Frånvaro: Lisa Alm, klass 3B", "Semesterstängt?", "Ledig tomt", "Urlaub"]
)
def test_a_word_of_absence_alone_is_a_subject_like_any_other(subject):
    assert classify(mail(subject=subject), ANNA) is MailClass.HUMAN


# --- generated and lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-notified",
        "Precedence: bulk",
        "Precedence: junk",
        "X-FC-MachineGenerated: true",
    ],
)
def test_mail_of_systems_is_generated(header):
    assert classify(mail(header), ANNA) is MailClass.AUTO_GENERATED


def test_the_null_sender_without_any_other_sign_is_a_system():
    assert classify(mail(), "") is MailClass.AUTO_GENERATED
    assert classify(mail("Return-Path: <>"), None) is MailClass.AUTO_GENERATED


@pytest.mark.parametrize(
    "header",
    [
        "List-Id: Nyheter <nyheter.example.com>",
        "List-Unsubscribe: <mailto:av@example.com>",
        "X-BeenThere: l@example.com",
        "Precedence: list",
    ],
)
def test_mail_of_lists_is_list(header):
    assert classify(mail(header), ANNA) is MailClass.LIST


def test_an_answer_on_an_old_list_is_list_and_not_generated():
    assert classify(mail("Precedence: bulk", "Sender: owner-isp@example.com"), ANNA) is MailClass.LIST
    assert classify(mail("Precedence: bulk", subject="Re: Sommarjobb"), ANNA) is MailClass.LIST


# --- the traps of forwarding ---------------------------------------------------------------------------------------

RULE = "X-MS-Exchange-Inbox-Rules-Loop: jobb@lillestad.se"
LOOP = "X-MS-Exchange-ForwardingLoop: jobb@lillestad.se;0123"
AGENT = "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent"


@pytest.mark.parametrize(
    "header",
    [RULE, LOOP, AGENT, "X-Forwarded-For: jobb@lillestad.se x@mail.kundo.se", "Resent-From: jobb@lillestad.se"],
)
def test_what_a_forwarder_stamps_does_not_make_a_mail_automatic(header):
    assert classify(mail(header), ANNA) is MailClass.HUMAN


@pytest.mark.parametrize("header", [RULE, LOOP, AGENT])
def test_a_forwarding_rule_may_also_declare_it_generated_and_empty_the_envelope(header):
    assert classify(mail(header, "Auto-Submitted: auto-generated"), "") is MailClass.HUMAN


@pytest.mark.parametrize("header", [RULE, LOOP, AGENT])
def test_an_automatic_reply_stays_one_behind_a_forwarding_rule(header):
    assert classify(mail(header, "Auto-Submitted: auto-replied"), "") is MailClass.AUTO_REPLY


# --- reports and invitations ---------------------------------------------------------------------------------------


def multipart(kind: str, part_type: str, part: str) -> bytes:
    return (
        f'From: x@example.com\nSubject: s\nContent-Type: {kind}; boundary="b"\n\n--b\n\nText\n'
        f"--b\nContent-Type: {part_type}\n\n{part}\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("report_type", "part_type", "part", "expected"),
    [
        (
            "delivery-status",
            "message/delivery-status",
            "Final-Recipient: rfc822; a@x.se\nAction: failed",
            MailClass.DSN,
        ),
        ("delivery-status", "text/plain", "damaged", MailClass.DSN),
        ("disposition-notification", "message/disposition-notification", "Disposition: a/b; displayed", MailClass.MDN),
        ("feedback-report", "message/feedback-report", "Feedback-Type: abuse", MailClass.ARF),
    ],
)
def test_reports_are_told_by_their_type(report_type, part_type, part, expected):
    raw = multipart(f"multipart/report; report-type={report_type}", part_type, part)
    read = read_mail(raw)
    assert classify(read, "a@x.se", read_bounces(raw, read, "a@x.se")) is expected


def test_a_report_is_a_report_although_it_declares_to_be_generated():
    raw = multipart(
        "multipart/report; report-type=delivery-status", "message/delivery-status", "Final-Recipient: a@x.se"
    )
    assert classify(read_mail(b"Auto-Submitted: auto-replied\n" + raw), "") is MailClass.DSN


def test_a_read_receipt_request_is_no_receipt():
    assert classify(mail("Disposition-Notification-To: anna@example.com"), ANNA) is MailClass.HUMAN


EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{method}BEGIN:VEVENT\r\nUID:1@x\r\nSUMMARY:Möte\r\n"
    "DTSTART:20260302T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR"
)


def test_an_invitation_is_calendar_and_a_mail_with_a_published_date_is_not():
    invitation = read_mail(
        multipart("multipart/alternative", "text/calendar; method=REQUEST", EVENT.format(method="METHOD:REQUEST\r\n"))
    )
    published = read_mail(multipart("multipart/mixed", "text/calendar", EVENT.format(method="METHOD:PUBLISH\r\n")))
    assert classify(invitation, ANNA) is MailClass.CALENDAR
    assert classify(published, ANNA) is MailClass.HUMAN


# --- may it be answered automatically ------------------------------------------------------------------------------


def obstacle(read: ReadMail, mail_from: str | None = ANNA) -> str:
    return auto_answer_obstacle(read, mail_from, classify(read, mail_from))


def test_a_persons_mail_may_be_answered():
    assert obstacle(mail()) == ""


@pytest.mark.parametrize(
    ("read", "mail_from", "expected"),
    [
        (mail("Precedence: bulk"), ANNA, "class"),
        (mail(RULE), "", "null_sender"),
        (mail(author="Anna"), ANNA, "no_author"),
        (mail(author="a@x.se, b@x.se"), ANNA, "several_authors"),
        (mail("X-Auto-Response-Suppress: DR, OOF"), ANNA, "response_suppressed"),
        (mail("X-Auto-Response-Suppress: All"), ANNA, "response_suppressed"),
        (mail("X-Auto-Response-Suppress: AutoReply"), ANNA, "response_suppressed"),
    ],
)
def test_what_forbids_an_automatic_answer_has_a_code(read, mail_from, expected):
    assert obstacle(read, mail_from) == expected


@pytest.mark.parametrize(
    "address",
    [
        "noreply@x.se",
        "no-reply@x.se",
        "no.reply@x.se",
        "donotreply@x.se",
        "do-not-reply@x.se",
        "info-noreply@x.se",
        "MAILER-DAEMON@x.se",
        "postmaster@x.se",
        "bounces+1@x.se",
        "svara-ej@x.se",
        "ej_svara@x.se",
    ],
)
def test_addresses_that_nobody_reads_are_not_answered(address):
    assert obstacle(mail(author=address)) == "unanswerable_address"


@pytest.mark.parametrize("address", ["norepa@x.se", "nora@noreply.se", "anreply@x.se", "jobb@x.se"])
def test_addresses_that_only_look_like_it_are_answered(address):
    assert obstacle(mail(author=address)) == ""


def test_a_reply_address_that_nobody_reads_is_not_answered():
    assert obstacle(mail("Reply-To: noreply@x.se")) == "unanswerable_address"


@pytest.mark.parametrize(
    "mail_from",
    [
        "bounces+SRS=Ab1cD=2E@lillestad.onmicrosoft.com",
        "jobb+SRS=Ab1cD=2E=example.com=anna@lillestad.se",
        "SRS0=Ab1C=2E=example.com=anna@lillestad.se",
        "jobb+caf_=jobb.lillestad.se=mail.kundo.se@lillestad.se",
    ],
)
def test_a_forwarders_envelope_sender_does_not_forbid_an_answer(mail_from):
    assert obstacle(mail(), mail_from) == ""


def test_suppressing_delivery_reports_only_does_not_forbid_an_answer():
    assert obstacle(mail("X-Auto-Response-Suppress: DR, RN, NRN")) == ""


# --- small values --------------------------------------------------------------------------------------------------


def test_the_null_sender_is_known_from_the_envelope_before_the_return_path():
    assert has_null_sender(mail(), "")
    assert has_null_sender(mail(), "<>")
    assert not has_null_sender(mail("Return-Path: <>"), ANNA)
    assert not has_null_sender(mail(), None)


def test_subjects_of_one_storm_have_one_skeleton():
    assert subject_skeleton("Larm 4711:  disk 93 % full") == subject_skeleton("larm 0815: disk 99 % full")


@given(st.binary(max_size=400), st.one_of(st.none(), st.text(max_size=20)))
def test_every_mail_has_a_class(raw, mail_from):
    assert classify(read_mail(raw), mail_from) in MailClass
