"""The database's own lock on senders: no row of the outbox may carry a From that is not the organization's.

`whitelabel.identity` chooses right; triggers refuse everything else, whoever writes the row: a view, a task or a shell.
They compare the From of the final octets, not only the column (migration whitelabel.0003 for activated addresses, migration
inboxes.0003, beside the table it reads, for service addresses). What only the settings know is kept current here.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections

MAIL_DOMAIN_FUNCTION = """
CREATE OR REPLACE FUNCTION whitelabel_mail_domain() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT '{domain}'::text $$
"""


def name_mail_domain(using: str = "default", **kwargs: Any) -> None:
    """Write settings.MAIL_DOMAIN into the function the triggers ask; runs after every migration."""
    if any(character not in "abcdefghijklmnopqrstuvwxyz0123456789.-" for character in settings.MAIL_DOMAIN):
        raise ValueError("MAIL_DOMAIN is a host name in lower case, A-label form")
    with connections[using].cursor() as cursor:
        cursor.execute(MAIL_DOMAIN_FUNCTION.format(domain=settings.MAIL_DOMAIN))
