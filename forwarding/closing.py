"""The end of filing: each delivery gets its one final state, and operators hear of mail that could not be read in full."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from forwarding.incoming import Incoming, Outcome

log = logging.getLogger(__name__)

_CLOSE = """
    UPDATE forwarding_delivery AS delivery
    SET state = done.state, message_id = done.message_id, reason = done.reason, sender = done.sender,
        header_message_id = done.header_message_id, filed_at = now(), lease_until = NULL,
        verify_at = CASE WHEN done.state = 'filed' THEN now() END
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[])
        AS done(id, state, message_id, reason, sender, header_message_id)
    WHERE delivery.id = done.id
"""


def close(letters: Sequence[Incoming], outcomes: Mapping[int, Outcome]) -> None:
    """Store the final states, by the deliveries' keys. Call inside the transaction that files the mail."""
    done = [(letter, outcomes[letter.delivery.pk]) for letter in letters]
    columns: list[Any] = [
        [letter.delivery.pk for letter, _ in done],
        [str(outcome.state) for _, outcome in done],
        [outcome.message.pk if outcome.message else None for _, outcome in done],
        [outcome.reason[:300] for _, outcome in done],
        [letter.sender[:320] for letter, _ in done],
        [letter.mail.message_id[:998] for letter, _ in done],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, columns)
    for letter in letters:
        if letter.mail.stage != "full":
            log.error("delivery %s could not be read: only its %s was", letter.delivery.pk, letter.mail.stage)
