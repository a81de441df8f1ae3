"""What the database knows about where mails could belong: the look-ups behind `forwarding.threading`.

Mails that are filed together share their look-ups: `InboxLookup` asks once for everything their evidence names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from conversations.models import Conversation
from conversations.subjects import normal_subject
from forwarding.incoming import Incoming
from forwarding.threading import Candidate, Evidence, Policy, evidence_of
from inboxes.models import Inbox
from whitelabel.keys import token_keys

CANDIDATES = 20  # conversations looked at for one identifier
SUBJECTS = 100  # the latest mails of a conversation whose subjects are known

# Messages of an inbox that carry one of some identifiers, latest first. `column` is a name from this module.
_POINTING = """
    SELECT '{column}', wanted.value, found.conversation_id, found.received_at
    FROM unnest(%s::text[]) AS wanted(value)
    CROSS JOIN LATERAL (
        SELECT conversation_id, received_at FROM conversations_message
        WHERE organization_id = %s AND inbox_id = %s AND {column} = wanted.value AND {column} <> ''
        ORDER BY received_at DESC LIMIT %s
    ) AS found
"""
# Everybody who wrote in a conversation, or stands in To or Cc of its mail, and the inboxes of that mail.
_PARTICIPANTS = """
    SELECT DISTINCT message.conversation_id, message.inbox_id, lower(person.address)
    FROM conversations_message AS message CROSS JOIN LATERAL (
        SELECT message.from_address AS address WHERE message.kind = 'inbound'
        UNION ALL
        SELECT value->>'address' FROM jsonb_array_elements(message.to || message.cc)
    ) AS person
    WHERE message.organization_id = %s AND message.conversation_id = ANY(%s) AND message.kind <> 'note'
"""
_SUBJECTS = """
    SELECT DISTINCT wanted.id, latest.subject
    FROM unnest(%s::bigint[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT subject FROM conversations_message
        WHERE organization_id = %s AND conversation_id = wanted.id AND kind <> 'note'
        ORDER BY received_at DESC, id DESC LIMIT %s
    ) AS latest
"""


def evidence_for(letter: Incoming, inbox: Inbox, reported_conversation: int | None) -> Evidence:
    """What a mail says about where it belongs."""
    delivery = letter.delivery
    return evidence_of(
        letter.mail,
        keys=token_keys(),
        organization_id=delivery.organization_id,
        inbox_id=inbox.pk,
        received_at=delivery.received_at,
        key=delivery.recipient.rpartition("@")[0],
        tag=delivery.tag,
        reported_conversation=reported_conversation,
    )


def policy_for(inbox: Inbox) -> Policy:
    """The limits of threading in an inbox."""
    return Policy(match_subjects=inbox.match_subjects)


def ties(evidence: Evidence, identifiers: tuple[str, ...]) -> frozenset[str | int]:
    """What a mail shares with others that belong together with it. Mails with a common tie are filed one after another."""
    named = (evidence.tagged_conversation, evidence.reported_conversation, evidence.numbered_conversation)
    conversations = (*named, *evidence.signed_conversations, *evidence.marked_conversations)
    words = (*identifiers, *evidence.answered_ids, *evidence.root_ids, evidence.thread_guid)
    return frozenset(tie for tie in (*words, *conversations) if tie)


class InboxLookup:
    """`forwarding.threading.Lookup` for one inbox and the evidence of some mails, fetched together."""

    def __init__(self, inbox: Inbox, evidences: Sequence[Evidence], own: frozenset[str]) -> None:
        """`own`: the addresses of the organization's inboxes. Call inside the organization's scope."""
        self.inbox = inbox
        self.own = own
        self._pointing = self._fetch_pointing(evidences)
        self._known: dict[int, Candidate | None] = {}
        pointed_at = (pk for hits in self._pointing.values() for pk, _ in hits)
        self._fetch({*pointed_at, *(pk for evidence in evidences for pk in _named(evidence))})

    def conversation(self, conversation_id: int) -> Candidate | None:
        """The conversation with this id, or None when it does not exist."""
        self._fetch({conversation_id})
        return self._known[conversation_id]

    def by_message_ids(self, message_ids: Sequence[str]) -> Sequence[tuple[str, Candidate]]:
        """Conversations that hold a message of this inbox with one of these Message-IDs, with the id each has."""
        hits = [(value, pk) for value in message_ids for pk, _ in self._pointing["message_id", value]]
        return [(value, found) for value, pk in hits if (found := self._known[pk])]

    def by_root(self, root_ids: Sequence[str], since: datetime) -> Sequence[Candidate]:
        """Conversations of this inbox with a message since then whose References or In-Reply-To begin with one of these."""
        return self._pointed_at("thread_root", root_ids, since)

    def by_thread_index(self, guid: str) -> Sequence[Candidate]:
        """Conversations of this inbox with a message that has this Thread-Index GUID (32 hexadecimal digits)."""
        return self._pointed_at("thread_index", [guid])

    def by_subject(self, subject: str, customer: str) -> Sequence[Candidate]:
        """Conversations of this inbox with this normalised subject and this customer's address."""
        rows = Conversation.objects.filter(inbox=self.inbox, normal_subject=subject, contact__address=customer)
        pks = list(rows.order_by("-last_activity_at").values_list("pk", flat=True)[:CANDIDATES])
        self._fetch(set(pks))
        return [found for pk in pks if (found := self._known[pk])]

    def _pointed_at(self, column: str, values: Iterable[str], since: datetime | None = None) -> list[Candidate]:
        hits = [hit for value in values for hit in self._pointing[column, value] if since is None or hit[1] >= since]
        latest = sorted(hits, key=lambda hit: hit[1], reverse=True)
        return [found for pk in dict.fromkeys(pk for pk, _ in latest) if (found := self._known[pk])]

    def _fetch_pointing(self, evidences: Sequence[Evidence]) -> dict[tuple[str, str], list[tuple[int, datetime]]]:
        wanted = {
            "message_id": {value for evidence in evidences for value in evidence.answered_ids},
            "thread_root": {value for evidence in evidences for value in evidence.root_ids},
            "thread_index": {evidence.thread_guid for evidence in evidences if evidence.thread_guid},
        }
        parts = {column: sorted(values) for column, values in wanted.items() if values}
        found: dict[tuple[str, str], list[tuple[int, datetime]]] = defaultdict(list)
        if parts:
            query = " UNION ALL ".join(_POINTING.format(column=column) for column in parts)
            place = (self.inbox.organization_id, self.inbox.pk, CANDIDATES)
            parameters = [parameter for values in parts.values() for parameter in (values, *place)]
            for column, value, pk, received_at in _rows(query, parameters):
                found[column, value].append((pk, received_at))
        return found

    def _fetch(self, wanted: set[int]) -> None:
        missing = sorted(wanted - self._known.keys())
        if missing:
            self._known |= dict.fromkeys(missing) | self._candidates(missing)

    def _candidates(self, pks: list[int]) -> dict[int, Candidate]:
        people: dict[int, set[str]] = defaultdict(set)
        inboxes: dict[int, set[int]] = defaultdict(set)
        subjects: dict[int, set[str]] = defaultdict(set)
        for pk, inbox_id, address in _rows(_PARTICIPANTS, [self.inbox.organization_id, pks]):
            inboxes[pk].add(inbox_id)
            people[pk].add(address)
        for pk, subject in _rows(_SUBJECTS, [pks, self.inbox.organization_id, SUBJECTS]):
            subjects[pk].add(normal_subject(subject))
        rows = Conversation.objects.select_related("contact").filter(pk__in=pks)
        return {row.pk: self._candidate(row, people[row.pk], inboxes[row.pk], subjects[row.pk]) for row in rows}

    def _candidate(self, row: Conversation, people: set[str], inboxes: set[int], subjects: set[str]) -> Candidate:
        customer = row.contact.address if row.contact else ""
        return Candidate(
            conversation_id=row.pk,
            inbox_ids=frozenset(inboxes | {row.inbox_id}),
            participants=frozenset(person for person in people | {customer} if person and not self._is_own(person)),
            subjects=frozenset(subjects | {row.normal_subject}),
            last_activity_at=row.last_activity_at,
            is_open=row.status != Conversation.Status.DONE,
            merged_into=row.merged_into_id,
            customer=customer,
        )

    def _is_own(self, address: str) -> bool:
        return address in self.own or address.endswith(f"@{settings.MAIL_DOMAIN}")


def _named(evidence: Evidence) -> Iterable[int]:
    single = (evidence.tagged_conversation, evidence.reported_conversation, evidence.numbered_conversation)
    return [pk for pk in (*single, *evidence.signed_conversations, *evidence.marked_conversations) if pk]


def _rows(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
