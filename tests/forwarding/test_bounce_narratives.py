"""Reports in words, as mail systems without RFC 3464 write them: believed only from those who may report."""

import pytest

from forwarding.bounces import Bounce, is_delivery_report, read_bounces
from forwarding.classifying import MailClass, classify
from forwarding.reading import read_mail

DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.lillestad.se>"
QUOTED = """\
Received: from app by mx.lillestad.se; Mon, 2 Mar 2026 10:00:00 +0100
Message-ID: <c.zf.bk.aaaaaaaaaaaaaaaa@lillestad.se>
From: Jobb <jobb@lillestad.se>
To: Anna <anna@mottagare.se>
Subject: Sommarjobb

Hej Anna, ring bo@annan.se!
"""


def written(text: str, *, author: str = DAEMON, subject: str = "Undelivered Mail", headers: str = "") -> bytes:
    return f"From: {author}\nTo: jobb@lillestad.se\nSubject: {subject}\n{headers}\n{text}".encode()


def bounces(raw: bytes, mail_from: str | None = "") -> tuple[Bounce, ...]:
    return read_bounces(raw, read_mail(raw), mail_from)


def recipients(raw: bytes, mail_from: str | None = "") -> list[str]:
    return [bounce.recipient for bounce in bounces(raw, mail_from)]


QMAIL_LIKE = f"""\
I was not able to deliver your message to the following addresses.

<anna@mottagare.se>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 No such user here

--- Below this line is a copy of the message.

{QUOTED}"""
EXIM_LIKE = f"""\
A message that you sent could not be delivered to one or more of its recipients.
The following address(es) failed:

  anna@mottagare.se
    host mx.mottagare.se [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<anna@mottagare.se>:
    550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------

{QUOTED}"""
EXCHANGE_LIKE = """\
Your message

  To:      Anna
  Subject: Sommarjobb
  Sent:    Mon, 2 Mar 2026 10:00:00 +0100

did not reach the following recipient(s):

anna@mottagare.se on Mon, 2 Mar 2026 10:00:05 +0100
    The recipient name is not recognized
"""
SWEDISH = f"""\
Meddelandet kunde inte levereras till följande mottagare:

anna@mottagare.se: okänd mottagare

Ursprungligt meddelande:
{QUOTED}"""
GERMAN = f"""\
Ihre Nachricht konnte nicht zugestellt werden.

Empfänger: <anna@mottagare.se>

{QUOTED}"""
JAPANESE = f"""\
下記のアドレスへ送信できませんでした。
anna@mottagare.se

{QUOTED}"""
SENDMAIL_LIKE = f"""\
   ----- The following addresses had permanent fatal errors -----
<anna@mottagare.se>
    (reason: 550 5.1.1 User unknown)

   ----- Transcript of session follows -----
... while talking to mx.mottagare.se.:
>>> RCPT To:<anna@mottagare.se>
<<< 550 5.1.1 User unknown

{QUOTED}"""
SENTENCE = f"There was an error delivering your mail to <anna@mottagare.se>.\nMessage headers follow.\n\n{QUOTED}"
REPLY_ONLY = f"   ----- Transcript of session follows -----\n554 <anna@mottagare.se>... Service unavailable\n\n{QUOTED}"
STATUS_AS_TEXT = (
    f"The mail was returned to sender.\n\nFinal-Recipient: rfc822; anna@mottagare.se\nAction: failed\n\n{QUOTED}"
)
NAMELESS = f"Your message could not be delivered.\n\n{QUOTED}"

MICROSOFT_SWEDISH = """\
Leveransen misslyckades för följande mottagare eller grupper:

anna@mottagare.se<mailto:anna@mottagare.se>
E-postadressen du angav hittades inte.

Diagnostikinformation för administratörer:

Genererande server: AM0PR01.prod.exchangelabs.com

anna@mottagare.se
Remote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'
"""
GMAIL_LIKE = """\
** Address not found **

Your message wasn't delivered to anna@mottagare.se because the address couldn't be found.

The response from the remote server was:
550 5.1.1 No such user
"""

CHINESE = "抱歉，您的邮件被退回来了。\n\n收件人（anna@mottagare.se）不存在，邮件无法送达。\n"

TEXTS = {
    "address in the brackets of Chinese": CHINESE,
    "Microsoft in Swedish": MICROSOFT_SWEDISH,
    "Gmail's sentence": GMAIL_LIKE,
    "address on a line of its own with a colon": QMAIL_LIKE,
    "indented address with the reason beneath": EXIM_LIKE,
    "address followed by a time": EXCHANGE_LIKE,
    "Swedish": SWEDISH,
    "German": GERMAN,
    "Japanese": JAPANESE,
    "address above a transcript": SENDMAIL_LIKE,
    "address in a sentence": SENTENCE,
    "address in a reply only": REPLY_ONLY,
    "delivery status in the text": STATUS_AS_TEXT,
    "only the returned mail names a recipient": NAMELESS,
}
every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


@every_text
def test_the_recipient_is_found(text):
    assert recipients(written(text)) == ["anna@mottagare.se"]
    assert is_delivery_report(read_mail(written(text)), "")


@every_text
def test_the_same_words_from_a_person_are_no_report(text):
    raw = written(text, author="Karin <karin@lillestad.se>", subject="VB: Undelivered Mail")
    assert bounces(raw, "karin@lillestad.se") == ()
    assert not is_delivery_report(read_mail(raw), "karin@lillestad.se")


@every_text
def test_line_endings_do_not_matter(text):
    assert recipients(written(text).replace(b"\n", b"\r\n")) == ["anna@mottagare.se"]
    assert recipients(written(text).replace(b"\n", b"\r")) == ["anna@mottagare.se"]


@pytest.mark.parametrize("text", [QMAIL_LIKE, EXIM_LIKE, SWEDISH, SENDMAIL_LIKE, NAMELESS])
def test_the_returned_mail_is_identified(text):
    assert bounces(written(text))[0].original_message_id == "c.zf.bk.aaaaaaaaaaaaaaaa@lillestad.se"


@pytest.mark.parametrize("text", [QMAIL_LIKE, EXIM_LIKE, SENDMAIL_LIKE])
def test_the_reason_is_read_from_the_words(text):
    bounce = bounces(written(text))[0]
    assert (bounce.action, bounce.status) == ("failed", "5.1.1")
    assert "550 5.1.1" in bounce.diagnostic


def test_several_recipients_have_their_own_reasons():
    text = "Could not deliver:\n\n<a@x.se>:\n550 5.1.1 User unknown\n\n<b@x.se>:\n552 5.2.2 Mailbox full\n"
    found = bounces(written(text))
    assert [(bounce.recipient, bounce.status) for bounce in found] == [("a@x.se", "5.1.1"), ("b@x.se", "5.2.2")]


def test_a_warning_about_a_delay_is_no_failure():
    text = (
        "Delivery to the following recipient has been delayed:\n\n  anna@mottagare.se\n\nWill be retried for 2 days.\n"
    )
    assert [bounce.action for bounce in bounces(written(text, subject="Warning: message delayed"))] == ["delayed"]


def test_the_header_that_names_failed_recipients_is_used_when_the_text_does_not():
    raw = written("Delivery failed.\n", headers="X-Failed-Recipients: anna@mottagare.se, bo@mottagare.se\n")
    assert recipients(raw) == ["anna@mottagare.se", "bo@mottagare.se"]


def test_somebody_to_ask_is_not_a_recipient():
    text = f"Could not be delivered.\nFor further assistance, please contact <hjalp@mottagare.se>\n\n{QUOTED}"
    assert recipients(written(text)) == ["anna@mottagare.se"]


def test_the_sender_of_the_returned_mail_is_not_a_recipient():
    text = (
        f"A message sent by\n\n  <jobb@lillestad.se>\n\ncould not be delivered to:\n\n  anna@mottagare.se\n\n{QUOTED}"
    )
    assert recipients(written(text)) == ["anna@mottagare.se"]


def test_addresses_inside_the_returned_mail_are_not_recipients():
    assert "bo@annan.se" not in recipients(written(NAMELESS))


def test_the_returned_mail_is_also_found_when_it_is_quoted_with_marks():
    quoted = "\n".join(f"> {line}" for line in QUOTED.splitlines())
    found = bounces(written(f"Your message could not be delivered.\n\n{quoted}"))
    assert [(bounce.recipient, bounce.original_message_id) for bounce in found] == [
        ("anna@mottagare.se", "c.zf.bk.aaaaaaaaaaaaaaaa@lillestad.se")
    ]


def test_a_report_in_html_is_read():
    html = "<p>Your message couldn't be delivered to the following recipient:</p><p>anna@mottagare.se</p>"
    assert recipients(written(html, headers="Content-Type: text/html\n")) == ["anna@mottagare.se"]


@pytest.mark.parametrize(
    ("author", "mail_from"),
    [
        ("Karin <karin@x.se>", ""),
        ("Karin <karin@x.se>", "<>"),
        ("MAILER-DAEMON@x.se", "bounce@x.se"),
        ("Postmaster <postmaster@x.se>", "postmaster@x.se"),
        ("Mail Delivery Subsystem <nobody@x.se>", None),
    ],
)
def test_the_null_sender_and_mail_systems_may_report(author, mail_from):
    assert recipients(written(QMAIL_LIKE, author=author), mail_from) == ["anna@mottagare.se"]


def test_when_the_envelope_is_not_known_the_return_path_is_asked():
    null = written(QMAIL_LIKE, author="Karin <karin@x.se>", headers="Return-Path: <>\n")
    named = written(QMAIL_LIKE, author="Karin <karin@x.se>", headers="Return-Path: <karin@x.se>\n")
    assert recipients(null, None) == ["anna@mottagare.se"]
    assert recipients(named, None) == []


def test_a_holiday_greeting_from_the_null_sender_is_no_report():
    raw = written(
        "Jag är ledig till den 3 augusti. Kontakta bo@x.se.\n", author="Karin <karin@x.se>", subject="Autosvar: Hej"
    )
    assert bounces(raw) == ()
    assert not is_delivery_report(read_mail(raw), "")


def test_a_letter_from_a_postmaster_is_no_report():
    raw = written("Hej! Kan ni ringa mig om e-posten på fredag?\n", author="postmaster@x.se", subject="Fråga")
    assert bounces(raw, "postmaster@x.se") == ()


def test_a_report_that_names_nobody_stays_visible_as_mail_of_a_system():
    raw = written("En mottagare saknas.\n", subject="Undelivered Mail Returned to Sender")
    assert bounces(raw) == ()
    assert not is_delivery_report(read_mail(raw), "")
    assert classify(read_mail(raw), "a@x.se") is MailClass.AUTO_GENERATED


COMPLAINT = "Hej! Mitt mail kunde inte levereras till:\n\nanna@mottagare.se: okänd mottagare\n"


@pytest.mark.parametrize("subject", ["Fråga om e-post", "VB: Sommarjobb"])
def test_a_persons_words_about_a_failure_are_no_report_even_from_the_null_sender(subject):
    raw = written(COMPLAINT, author="Karin <karin@x.se>", subject=subject)
    assert bounces(raw) == ()


def test_a_forwarding_rule_that_empties_the_envelope_makes_no_report_of_a_persons_mail():
    rule = "X-MS-Exchange-Inbox-Rules-Loop: jobb@lillestad.se\n"
    raw = written(QMAIL_LIKE, author="Karin <karin@x.se>", subject="VB: Undelivered Mail", headers=rule)
    assert bounces(raw, "") == ()
    assert recipients(written(QMAIL_LIKE, headers=rule), "") == ["anna@mottagare.se"]


@pytest.mark.parametrize("author", ["Anna Alm, Mail Systems AB <anna@x.se>", "System Administrator <it@lillestad.se>"])
def test_a_name_that_people_have_too_needs_the_subject_of_a_report(author):
    assert recipients(written(COMPLAINT, author=author, subject="Fråga"), "anna@x.se") == []
    assert recipients(written(COMPLAINT, author=author), "anna@x.se") == ["anna@mottagare.se"]
