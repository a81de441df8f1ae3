"""Feedback about mail we sent: delivery reports, read receipts, complaints. Bytes in, values out; pure and total.

`read_bounces` is the way in. What a report says is evidence about one of our messages only when it came to a valid
return path (whitelabel.tokens) or embeds a Message-ID we signed; that is for the caller to check.
"""

from forwarding.bounces.reading import (
    Bounce,
    Complaint,
    Disposition,
    is_delivery_report,
    read_bounces,
    read_complaint,
    read_disposition,
)
from forwarding.bounces.reporters import is_from_mail_system

__all__ = [
    "Bounce",
    "Complaint",
    "Disposition",
    "is_delivery_report",
    "is_from_mail_system",
    "read_bounces",
    "read_complaint",
    "read_disposition",
]
