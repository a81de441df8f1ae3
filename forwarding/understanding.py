"""Everything that is read of one mail: itself, its class, and what it reports about mail of ours. Pure, without Django.

It is done in the reading child (forwarding.reading.child), all in one go: a report is as hostile as any mail.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from forwarding.bounces import Bounce, Complaint, Disposition, read_bounces, read_complaint, read_disposition
from forwarding.classifying import MailClass, classify
from forwarding.reading import Limits, ReadMail, read_envelope, read_headers, read_mail
from forwarding.reading.mail import Stage

_DEFAULTS = Limits()


@dataclass(frozen=True, slots=True)
class Understood:
    """A mail that has been read. `bounces` and `mail_class` agree with each other.

    `complaint` and `disposition` are there for the classes ARF and MDN, where the report could be read.
    """

    mail: ReadMail
    mail_class: MailClass
    bounces: tuple[Bounce, ...] = ()
    complaint: Complaint | None = None
    disposition: Disposition | None = None


def understand(raw: bytes, mail_from: str | None, limits: Limits = _DEFAULTS) -> Understood:
    """Read all of a mail. `mail_from` is the envelope sender: empty for the null sender, None when it is not known."""
    mail = read_mail(raw, limits)
    bounces = read_bounces(raw, mail, mail_from)
    mail_class = classify(mail, mail_from, bounces)
    return Understood(
        mail,
        mail_class,
        bounces,
        read_complaint(raw) if mail_class is MailClass.ARF else None,
        read_disposition(raw) if mail_class is MailClass.MDN else None,
    )


def by_headers(raw: bytes, mail_from: str | None, limits: Limits = _DEFAULTS) -> Understood:
    """Second step of the ladder: what the headers say. Reports are not read."""
    mail = read_headers(raw, limits)
    return Understood(mail, classify(mail, mail_from))


def by_envelope(raw: bytes, mail_from: str | None) -> Understood:
    """Last step: nothing is read, so it cannot fail."""
    mail = read_envelope(raw)
    return Understood(mail, classify(mail, mail_from))


def jobs(reading: Limits) -> Mapping[Stage, Callable[[bytes, str | None], Understood]]:
    """The work of the reading child (see forwarding.limited_child)."""
    return {
        "full": lambda raw, mail_from: understand(raw, mail_from, reading),
        "headers": lambda raw, mail_from: by_headers(raw, mail_from, reading),
    }
