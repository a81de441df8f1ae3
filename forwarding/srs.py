"""Envelope senders that a forwarding server has rewritten to its own domain (the Sender Rewriting Scheme). Pure.

    SRS0=hash=day=domain=local@forwarder              one forwarding server
    SRS1=hash=first==hash=day=domain=local@forwarder  several; "first" is the first one's domain
    mailbox+SRS=hash=day=domain=local@customer        Microsoft 365, or bounces+SRS=hash=day@tenant, which names nobody

Behind SRS0, SRS1 and "first=" the sign may be "=", "+" or "-".
"""

from __future__ import annotations

import re

_WRAPPED = re.compile(
    r"(?:SRS0[=+-]|SRS1[=+-][^=@]+=[^=@]+=[=+-]|[^@]+\+SRS=)[^=@]+=[^=@]{2}=(?P<domain>[^=@]+)=(?P<local>[^@]+)@[^@]+",
    re.IGNORECASE,
)
_NAMES_NOBODY = re.compile(r"[^@]+\+SRS=[^=@]+=[^=@]{2}@[^@]+", re.IGNORECASE)


def unwrapped(mail_from: str) -> str:
    """The address in an envelope sender; the envelope sender itself when nobody rewrote it, "" when it names nobody."""
    wrapped = _WRAPPED.fullmatch(mail_from)
    if wrapped:
        return f"{wrapped['local']}@{wrapped['domain']}"
    return "" if _NAMES_NOBODY.fullmatch(mail_from) else mail_from
