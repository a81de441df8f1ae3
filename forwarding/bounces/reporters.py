"""Who sends a report in words, and how much of it must look like one before it is believed."""

import enum

from forwarding.bounces.narrative import reads_like_failure, subject_announces_failure
from forwarding.bounces.parts import Fields, value_of
from forwarding.bounces.phrases import MAIL_SYSTEMS, POSSIBLE_MAIL_SYSTEMS
from forwarding.reading.mail import ReadMail

_RULE_FIELDS = frozenset({"x-ms-exchange-inbox-rules-loop", "x-ms-exchange-forwardingloop"})


class Reporter(enum.Enum):
    """How credible the sender is as a mail system."""

    MAIL_SYSTEM = "mail_system"
    """mailer-daemon, postmaster and the like: the wording alone is enough."""
    POSSIBLE = "possible"
    """The null sender, an empty author, or a name that people have too: subject or returned mail must say the same as the wording."""
    NOBODY = "nobody"
    """Anybody else: not believed."""


def reporter_of(fields: Fields, mail_from: str | None) -> Reporter:
    """Judge the sender by envelope and From. `mail_from` None means unknown: the Return-Path field is asked.

    A null sender says nothing where the customer's Exchange forwarded by a rule: rules empty the envelope of people's mail.
    """
    known = mail_from is not None
    envelope = f"<{(mail_from or '').strip().strip('<>')}>" if known else value_of(fields, "return-path").strip()
    author = value_of(fields, "from").casefold()
    by_name = f"{author} {envelope.casefold()}"
    if value_of(fields, "x-failed-recipients") or any(name in by_name for name in MAIL_SYSTEMS):
        return Reporter.MAIL_SYSTEM
    by_rule = any(name in _RULE_FIELDS for name, _ in fields)
    null_sender = envelope == "<>" and not by_rule
    if null_sender or author.endswith("<>") or any(name in author for name in POSSIBLE_MAIL_SYSTEMS):
        return Reporter.POSSIBLE
    return Reporter.NOBODY


def is_from_mail_system(mail: ReadMail, mail_from: str | None) -> bool:
    """Whether a mail system wrote about a failure, even if it does not say whose."""
    fields = tuple((name.lower(), value) for name, value in mail.headers)
    return reporter_of(fields, mail_from) is Reporter.MAIL_SYSTEM and subject_announces_failure(mail.subject)


def is_believed(reporter: Reporter, subject: str, words: str, *, returns_mail: bool) -> bool:
    """Whether a report in words counts. `returns_mail`: a message or its header is attached."""
    if reporter is Reporter.NOBODY or not reads_like_failure(subject, words):
        return False
    return reporter is Reporter.MAIL_SYSTEM or returns_mail or subject_announces_failure(subject)
