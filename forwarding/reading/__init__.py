"""Reading mail: octets in, a `ReadMail` out; pure and total (see `read_mail`)."""

from forwarding.reading.limits import Limits
from forwarding.reading.mail import Address, Attachment, CalendarEvent, ReadMail, TextRange
from forwarding.reading.reader import read_envelope, read_headers, read_mail

__all__ = [
    "Address",
    "Attachment",
    "CalendarEvent",
    "Limits",
    "ReadMail",
    "TextRange",
    "read_envelope",
    "read_headers",
    "read_mail",
]
