"""Which inbox an SMTP recipient leads to: one indexed query or what it answered before, never a guess."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache, partial

from django.db import Error, connection, connections
from django.utils import timezone

from forwarding.address_book import AddressBook, Entry
from forwarding.gathering import Gathering
from forwarding.lost_connections import drop_if_lost
from forwarding.smtpd import replies
from forwarding.smtpd.envelope import Found, Recipient, Refused, Resolution, TemporaryFailure
from forwarding.smtpd.replies import Reply
from inboxes import addressing
from inboxes.addressing import RecipientKind, match_key
from inboxes.models import ServiceAddress
from whitelabel.tokens import TokenKeys, read_verp

log = logging.getLogger(__name__)

_REFUSALS = {
    RecipientKind.RESERVED: replies.UNKNOWN_RECIPIENT,
    RecipientKind.UNKNOWN: replies.UNKNOWN_RECIPIENT,
    RecipientKind.FOREIGN: replies.RELAY_DENIED,
    RecipientKind.MALFORMED: replies.MALFORMED_ADDRESS,
}
# The setting and the query travel together and form one transaction (PostgreSQL: a simple query of several
# statements), so that a look-up costs one round trip.
_LOOK_UP = """
    SELECT set_config('app.queue', 'on', true);
    SELECT local_key, id, organization_id, inbox_id, state, state_since
    FROM inboxes_serviceaddress WHERE local_key = ANY(%s)
"""
_KEYS_AT_ONCE = 200
_MATCHES_REMEMBERED = 1_000  # by the same senders to the same addresses


def refusal_of(kind: RecipientKind) -> Reply:
    """The reply to a recipient that cannot be one of ours, whatever the database holds."""
    return _REFUSALS[kind]


class ServiceDirectory:
    """The service addresses in the database, and return paths, which prove themselves."""

    def __init__(
        self, *, mail_domain: str, operator_key: str, token_keys: TokenKeys, suspension: timedelta, threads: int = 1
    ) -> None:
        """`operator_key`: the key behind postmaster and abuse; `suspension`: how long a suspended address is put off
        before it is refused for good."""
        self._mail_domain = mail_domain
        self._operator_key = operator_key
        self._token_keys = token_keys
        self._suspension = suspension
        self._match = lru_cache(_MATCHES_REMEMBERED)(partial(match_key, mail_domain=mail_domain))
        self._book = AddressBook()
        self._gathering: Gathering[str, Entry | None] = Gathering(
            _look_up,
            name="directory",
            at_most=_KEYS_AT_ONCE,
            weight=_KEYS_AT_ONCE,
            threads=threads,
            ended=connections.close_all,
        )

    async def resolve(self, argument: str, smtputf8: bool) -> Resolution:
        """See `forwarding.smtpd.envelope.Directory`. An address with Swedish letters counts if it is found."""
        match = self._match(argument)
        token = read_verp(self._token_keys, match.key) if match.key else None
        if token is not None:
            address = f"{match.key}@{match.domain}"
            return Found(Recipient(argument, address, token.organization_id, None, None, match.tag))
        if match.kind is RecipientKind.OPERATOR:
            return self._operator(argument, match, await self._entry(self._operator_key))
        if match.kind is not RecipientKind.KEY:
            return Refused(refusal_of(match.kind))
        return self._decide(argument, match, await self._entry(match.key))

    def close(self) -> None:
        """End the threads and their connections."""
        self._gathering.close()
        self._book.close()

    def remembers(self, key: str) -> bool:
        """Whether `key` would be answered from memory."""
        return self._book.recall(key) is not None

    async def _entry(self, key: str) -> Entry | None:
        entry = self._book.recall(key)
        if entry is None:
            edition = self._book.edition
            entry = await self._gathering.ask(key)
            if entry is not None:
                self._book.remember(key, entry, edition)
        return entry

    def _operator(self, argument: str, match: addressing.Recipient, entry: Entry | None) -> Resolution:
        """postmaster and abuse are never refused (RFC 5321 section 4.5.1): without an inbox for them, they wait."""
        if entry is None or entry.state != ServiceAddress.State.ACTIVE:
            log.error("mail to %s has no inbox: SMTP_OPERATOR_KEY must name an active service address", match.key)
            return Refused(replies.TEMPORARY_FAILURE)
        return Found(self._recipient(argument, match, entry))

    def _decide(self, argument: str, match: addressing.Recipient, entry: Entry | None) -> Resolution:
        if entry is None:
            return Refused(replies.UNKNOWN_RECIPIENT)
        recipient = self._recipient(argument, match, entry)
        if entry.state == ServiceAddress.State.RETIRED:
            return Refused(replies.UNKNOWN_RECIPIENT, recipient)
        if entry.state == ServiceAddress.State.SUSPENDED:
            over = timezone.now() - entry.state_since > self._suspension
            return Refused(replies.UNKNOWN_RECIPIENT if over else replies.SUSPENDED, recipient)
        return Found(recipient)

    def _recipient(self, argument: str, match: addressing.Recipient, entry: Entry) -> Recipient:
        address = f"{match.key}@{self._mail_domain}"
        return Recipient(argument, address, entry.organization_id, entry.inbox_id, entry.id, match.tag)


def _look_up(keys: Sequence[str]) -> list[Entry | None]:
    """The entry of each key. Raises TemporaryFailure when the database cannot be asked."""
    drop_if_lost()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_LOOK_UP, [list(set(keys))])
            found = {key: Entry(*row) for key, *row in cursor.fetchall()}
    except Error as error:
        connection.close()
        raise TemporaryFailure("recipients cannot be looked up") from error
    return [found.get(key) for key in keys]
