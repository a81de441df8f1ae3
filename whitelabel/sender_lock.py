"""The database's own lock on senders: no row of the outbox may carry a From that is not the organization's.

`whitelabel.identity` chooses right; triggers refuse everything else, whoever writes the row: a view, a task or a shell.
They compare the From of the final octets, not only the column (migration whitelabel.0003 for activated addresses, migration
inboxes.0003, beside the table it reads, for service addresses). Mail from the service itself has no other From than the
service's (migration whitelabel.0013). What only the settings know is kept current here.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db import connections

SETTING_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT '{value}'::text $$
"""
_HOST = re.compile(r"[a-z0-9.-]+")
_ADDRESS = re.compile(r"[a-z0-9._+-]+@[a-z0-9.-]+")


def write_settings(using: str = "default", **kwargs: Any) -> None:
    """Write settings.MAIL_DOMAIN and the address of DEFAULT_FROM_EMAIL into the functions the triggers ask; runs after every
    migration."""
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower()
    if not _HOST.fullmatch(settings.MAIL_DOMAIN):
        raise ValueError("MAIL_DOMAIN is a host name in lower case, A-label form")
    if not _ADDRESS.fullmatch(sender):
        raise ValueError("SERVICE_FROM holds one address, its domain in A-label form")
    with connections[using].cursor() as cursor:
        cursor.execute(SETTING_FUNCTION.format(name="whitelabel_mail_domain", value=settings.MAIL_DOMAIN))
        cursor.execute(SETTING_FUNCTION.format(name="whitelabel_service_sender", value=sender))
