"""The code that Google wants to hear before it forwards mail to an address. Pure.

Google mails it to the address itself, so it arrives here, and an admin needs it in Gmail's settings. The mail's link would
do the same; it is never fetched, because anybody can write such a mail.
"""

from __future__ import annotations

import re

from forwarding.reading.mail import ReadMail

GOOGLE_SENDER = "forwarding-noreply@google.com"
_IN_SUBJECT = re.compile(r"\(#\s?(\d{6,12})\)")
_IN_TEXT = re.compile(r"(?:^|[\s:：])(\d{9})(?:\s|$)")
_TEXT_CHARACTERS = 5_000


def google_code(mail: ReadMail) -> str:
    """The confirmation code in a mail of Google's, in whatever language it is; empty in all other mail."""
    if mail.sender is None or mail.sender.address.lower() != GOOGLE_SENDER:
        return ""
    match = _IN_SUBJECT.search(mail.subject) or _IN_TEXT.search(mail.text[:_TEXT_CHARACTERS])
    return match[1] if match else ""
