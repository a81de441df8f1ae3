"""The lock that keeps two from filing in one inbox at once, and a mail from being filed into what is just being emptied."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('filing'), inbox) FROM unnest(%s::integer[]) AS inbox"


def lock_filing(inbox_ids: Iterable[int]) -> None:
    """Lock inboxes until the transaction ends, in the order of their keys."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted({pk % 2**31 for pk in inbox_ids})])
