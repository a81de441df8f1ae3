"""From a whole mail to its bounces: the report if there is one, else its words, guarded by who sent it."""

from dataclasses import dataclass, replace
from itertools import islice

from forwarding.bounces.addresses import addresses_in, clean_address
from forwarding.bounces.narrative import recipients_in_words
from forwarding.bounces.original import ORIGINAL_TYPES, Original, original_of, split_narrative
from forwarding.bounces.parts import Fields, Part, Structure, take_apart, value_of
from forwarding.bounces.report import (
    DISPOSITION_TYPES,
    FEEDBACK_TYPE,
    MAX_RECIPIENTS,
    STATUS_TYPES,
    RecipientStatus,
    fields_of,
    recipient_statuses,
    typed_address,
)
from forwarding.bounces.reporters import Reporter, is_believed, reporter_of
from forwarding.bounces.status import best_status
from forwarding.reading.mail import ReadMail
from forwarding.reading.storable import pg_line

MAX_WORDS_CHARACTERS = 256 * 1024
"""Of the words of a report; what is behind them is the returned mail."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """The fate of our mail to one recipient (RFC 3464 section 2.3).

    `action` is failed, delayed, delivered, relayed or expanded; `status` an enhanced code (RFC 3463) or empty;
    `diagnostic` the other server's words; `original_message_id` the returned mail's Message-ID without brackets,
    empty when the report holds none; `original_recipient` the address that was written to when the report tells it
    apart from `recipient`; `original_loop` the returned mail's X-Kundo-Loop value.
    """

    recipient: str
    action: str
    status: str
    diagnostic: str
    original_message_id: str
    original_recipient: str = ""
    original_loop: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A recipient's complaint about our mail (RFC 5965): `kind` is abuse, fraud, not-spam, opt-out, ..."""

    kind: str
    recipients: tuple[str, ...]
    original_message_id: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """A receipt (RFC 8098): `kind` is displayed, deleted, dispatched, processed, ..."""

    kind: str
    recipient: str
    original_message_id: str


def read_bounces(raw: bytes, mail: ReadMail, mail_from: str | None) -> tuple[Bounce, ...]:
    """The bounces that a mail reports; empty for every mail that is no delivery report.

    `mail_from` is the envelope sender: empty for the null sender, None when it is not known (the Return-Path field
    is then asked). A report in words counts only from the null sender or from a mail system. Never raises.
    """
    if _is_anybodys(mail, mail_from):
        return ()
    structure = _unwrapped(take_apart(raw), mail_from)
    reporter = reporter_of(structure.fields, mail_from)
    is_report = structure.content_type == "multipart/report"
    # People pass reports on with their parts attached; only in the form of a report, or from a mail system, it is one.
    if _is_other_report(structure) or (reporter is Reporter.NOBODY and not is_report):
        return ()
    told = (status for part in _status_parts(structure) for status in recipient_statuses(part.text))
    statuses = tuple(islice(told, MAX_RECIPIENTS))
    original = original_of(structure.parts)
    if statuses:
        statuses = _explained(statuses, structure, mail)
    else:
        statuses, quoted = _statuses_in_words(structure, mail, original, reporter)
        original = original if original.message_id else quoted
    return tuple(_bounce(status, original) for status in _distinct(statuses))


def is_delivery_report(mail: ReadMail, mail_from: str | None) -> bool:
    """Whether an already read mail is a delivery report: one in a report's form, or words that say who or what failed."""
    fields = tuple((name.lower(), value) for name, value in mail.headers)
    reporter = reporter_of(fields, mail_from)
    content_type = value_of(fields, "content-type").lower()
    has_status = any(attachment.content_type.lower() in STATUS_TYPES for attachment in mail.attachments)
    if "multipart/report" in content_type and (has_status or "delivery-status" in content_type):
        return True
    if reporter is Reporter.NOBODY:
        return False
    if has_status:
        return True
    words, original = split_narrative(mail.text[:MAX_WORDS_CHARACTERS])
    returns_mail = any(attachment.content_type.lower() in ORIGINAL_TYPES for attachment in mail.attachments)
    if not is_believed(reporter, mail.subject, words, returns_mail=returns_mail):
        return False
    named = _failed_recipients(fields) or recipients_in_words(mail.subject, words, (), original.recipients)
    return returns_mail or bool(named)


def read_complaint(raw: bytes) -> Complaint | None:
    """The complaint of a feedback report, or None when the mail is none. Never raises."""
    structure = take_apart(raw)
    report = next((part for part in structure.parts if part.content_type == FEEDBACK_TYPE), None)
    if report is None:
        return None
    fields = fields_of(report.text)
    original = original_of(structure.parts)
    named = [address for name, value in fields if name == "original-rcpt-to" for address in addresses_in(value)]
    kind = next((value for name, value in fields if name == "feedback-type"), "other").split(";")[0].strip().lower()
    recipients = tuple(dict.fromkeys(named)) or original.recipients
    return Complaint(pg_line(kind), tuple(map(pg_line, recipients)), pg_line(original.message_id))


def read_disposition(raw: bytes) -> Disposition | None:
    """The disposition of a read receipt, or None when the mail is none. Never raises."""
    structure = take_apart(raw)
    report = next((part for part in structure.parts if part.content_type in DISPOSITION_TYPES), None)
    if report is None:
        return None
    values = dict(reversed(fields_of(report.text)))
    kind = values.get("disposition", "").rpartition(";")[2].partition("/")[0].strip().lower()
    recipient = typed_address(values.get("final-recipient", "")) or typed_address(values.get("original-recipient", ""))
    message_id = values.get("original-message-id", "").strip().strip("<>") or original_of(structure.parts).message_id
    return Disposition(pg_line(kind), pg_line(recipient), pg_line(message_id))


def _is_anybodys(mail: ReadMail, mail_from: str | None) -> bool:
    """Whether the header alone shows that it is no report, as that of nearly all mail does: no need to take it apart."""
    fields = tuple((name.lower(), value) for name, value in mail.headers)
    is_report = "report" in value_of(fields, "content-type").lower()
    return bool(fields) and not is_report and reporter_of(fields, mail_from) is Reporter.NOBODY


def _unwrapped(structure: Structure, mail_from: str | None) -> Structure:
    """The report that a filter of the mail system has put into a mail of its own, if that is what this is."""
    if _status_parts(structure) or reporter_of(structure.fields, mail_from) is Reporter.NOBODY:
        return structure
    wrapped = (take_apart(part.body) for part in structure.parts if part.content_type == "message/rfc822")
    return next(
        (inner for inner in wrapped if inner.content_type == "multipart/report" and _status_parts(inner)), structure
    )


def _status_parts(structure: Structure) -> list[Part]:
    return [part for part in structure.parts if part.content_type in STATUS_TYPES]


def _is_other_report(structure: Structure) -> bool:
    """Whether it is a complaint or a receipt, which have recipients but no deliveries."""
    others = any(
        part.content_type == FEEDBACK_TYPE or part.content_type in DISPOSITION_TYPES for part in structure.parts
    )
    return others and not _status_parts(structure)


def _explained(
    statuses: tuple[RecipientStatus, ...], structure: Structure, mail: ReadMail
) -> tuple[RecipientStatus, ...]:
    """Statuses without a diagnostic get the reason that the words of the same report give for their recipient."""
    if all(status.diagnostic for status in statuses):
        return statuses
    words, _original = split_narrative(_text_of(structure, mail))
    told = {found.recipient.casefold(): found for found in recipients_in_words(mail.subject, words, (), ())}
    explained = []
    for status in statuses:
        found = told.get(status.recipient.casefold())
        if found is None or status.diagnostic or len(found.diagnostic) < len(status.recipient) + 8:
            explained.append(status)
        else:
            precise = best_status(status.status, found.diagnostic)
            explained.append(replace(status, diagnostic=found.diagnostic, status=precise))
    return tuple(explained)


def _text_of(structure: Structure, mail: ReadMail) -> str:
    """The words of a report: its plain text, or what was read of it when it has none."""
    text = "\n\n".join(part.text for part in structure.parts if part.content_type == "text/plain")
    return (text if text.strip() else mail.text)[:MAX_WORDS_CHARACTERS]


def _statuses_in_words(
    structure: Structure, mail: ReadMail, embedded: Original, reporter: Reporter
) -> tuple[tuple[RecipientStatus, ...], Original]:
    text = _text_of(structure, mail)
    words, quoted = split_narrative(text)
    original = embedded if embedded != Original() else quoted
    returns_mail = any(part.content_type in ORIGINAL_TYPES for part in structure.parts)
    unread = returns_mail and "mailer-daemon" in value_of(structure.fields, "from").casefold()
    # A mail system that returns a mail is believed in languages and charsets whose words are not known, too.
    if not unread and not is_believed(reporter, mail.subject, words, returns_mail=returns_mail):
        return (), original
    machine_written = recipient_statuses(words) or recipient_statuses(text)
    if machine_written:
        return machine_written, original
    aside = (
        *addresses_in(value_of(structure.fields, "to")),
        *addresses_in(value_of(structure.fields, "from")),
        original.sender,
    )
    told = recipients_in_words(
        mail.subject, words, tuple(filter(None, aside)), _failed_recipients(structure.fields) or original.recipients
    )
    return told, original


def _failed_recipients(fields: Fields) -> tuple[str, ...]:
    """The recipients that Exim and Google name in a header of their own."""
    return addresses_in(value_of(fields, "x-failed-recipients"))


def _distinct(statuses: tuple[RecipientStatus, ...]) -> list[RecipientStatus]:
    kept: dict[str, RecipientStatus] = {}
    for status in statuses:
        kept.setdefault(status.recipient.casefold(), status)
    return list(kept.values())


def _bounce(status: RecipientStatus, original: Original) -> Bounce:
    return Bounce(
        recipient=pg_line(clean_address(status.recipient) or status.recipient),
        action=status.action,
        status=status.status,
        diagnostic=pg_line(status.diagnostic),
        original_message_id=pg_line(original.message_id),
        original_recipient=pg_line(status.original),
        original_loop=pg_line(original.loop),
    )
