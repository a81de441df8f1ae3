"""Which conversation a mail belongs to: evidence in, one decision with its reason out. Pure.

The order of evidence and the guards are those of the design (incoming mail 3.4). Signed evidence (a reply tag, an
identifier we signed) may bring a new person into a conversation; unsigned evidence needs a sender who already takes
part, or else the mail begins a conversation of its own with a link to the one it points at.

Rows are looked up by the caller behind `Lookup`, and only as far as the decision needs. Every look-up is within one
organization; the inboxes of a conversation are part of what is returned.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from conversations import thread_index
from conversations.subjects import is_forward, is_telling, normal_subject
from forwarding.reading.mail import ReadMail
from whitelabel.organizational_domains import company_domain
from whitelabel.tokens import TokenKeys, read_markers, read_message_id, read_reply, read_subject

__all__ = [
    "Candidate",
    "Decision",
    "Evidence",
    "Lookup",
    "Policy",
    "Rule",
    "choose",
    "evidence_of",
    "is_forward",
    "normal_subject",
]

MOST_MERGES = 20
"""Merged conversations followed one after the other."""


class Rule(enum.StrEnum):
    """Why a mail is in its conversation. The values are stored and shown."""

    NEW = "new"
    REPLY_TAG = "reply_tag"
    TOKEN = "token"  # noqa: S105  (no password)
    REPORT = "report"
    MESSAGE_ID = "message_id"
    REFERENCES = "references"
    MARKER = "marker"
    NUMBER = "number"
    THREAD_INDEX = "thread_index"
    SUBJECT = "subject"


SIGNED_RULES = frozenset({Rule.REPLY_TAG, Rule.TOKEN, Rule.REPORT})
"""Rules that need no known sender."""


class Obstacle(enum.StrEnum):
    """Why a mail was not put into the conversation it points at, but beside it."""

    NONE = ""
    STRANGER = "stranger"
    OLD_SUBJECT = "old_subject"
    OTHER_INBOX = "other_inbox"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A conversation that some evidence points at.

    `inbox_ids`: the inboxes it is or was in. `participants`: addresses (lower case) of everybody outside who wrote in it or
    stands in To or Cc of its mail, so that whoever was copied may answer; never addresses of the organization's inboxes.
    `subjects`: normalised subjects of it and its mail. `merged_into`: the conversation it was merged into. `customer`:
    the address of the person it is with.
    """

    conversation_id: int
    inbox_ids: frozenset[int]
    participants: frozenset[str]
    subjects: frozenset[str]
    last_activity_at: datetime
    is_open: bool = True
    merged_into: int | None = None
    customer: str = ""


class Lookup(Protocol):
    """What the caller can find, always within the organization of the mail. Order of results: latest activity first."""

    def conversation(self, conversation_id: int) -> Candidate | None:
        """The conversation with this id, or None when it does not exist."""

    def by_message_ids(self, message_ids: Sequence[str]) -> Sequence[tuple[str, Candidate]]:
        """Conversations that hold a message of this inbox with one of these Message-IDs, with the id each has."""

    def by_root(self, root_ids: Sequence[str], since: datetime) -> Sequence[Candidate]:
        """Conversations of this inbox with a message since then whose References or In-Reply-To begin with one of these."""

    def by_thread_index(self, guid: str) -> Sequence[Candidate]:
        """Conversations of this inbox with a message that has this Thread-Index GUID (32 hexadecimal digits)."""

    def by_subject(self, subject: str, customer: str) -> Sequence[Candidate]:
        """Conversations of this inbox with this normalised subject and this customer's address."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a mail says about where it belongs. Tokens are already verified; identifiers are without brackets.

    `answered_ids`: In-Reply-To, then References from the last to the first. `root_ids`: the ids a thread can begin
    with.
    """

    inbox_id: int
    received_at: datetime
    sender: str = ""
    subject: str = ""
    tagged_conversation: int | None = None
    signed_conversations: tuple[int, ...] = ()
    reported_conversation: int | None = None
    answered_ids: tuple[str, ...] = ()
    root_ids: tuple[str, ...] = ()
    marked_conversations: tuple[int, ...] = ()
    numbered_conversation: int | None = None
    thread_guid: str = ""
    thread_topic: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of threading; the defaults are the product's. `match_subjects` is the inbox's setting for rule 8."""

    match_subjects: bool = False
    sibling_days: int = 90
    changed_subject_days: int = 30
    subject_days: int = 7
    subject_characters: int = 12


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a mail goes. Without `conversation_id` it begins a conversation, linked to `related_id` if that is set.

    `obstacle` says why it is not in the related one; `new_participant`, that its sender was not part of the
    conversation before; `subject_changed`, that its subject is another than the conversation's.
    """

    conversation_id: int | None
    rule: Rule
    related_id: int | None = None
    obstacle: Obstacle = Obstacle.NONE
    new_participant: bool = False
    subject_changed: bool = False


def evidence_of(
    mail: ReadMail,
    *,
    keys: TokenKeys,
    organization_id: int,
    inbox_id: int,
    received_at: datetime,
    key: str = "",
    tag: str = "",
    reported_conversation: int | None = None,
) -> Evidence:
    """Collect the evidence of a mail. `key` and `tag` are of the recipient it came to (inboxes.addressing.match_key).

    `reported_conversation` is the conversation of the sent mail that a report or receipt is about, found by its
    return path or by the original inside it.
    """
    answered = tuple(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))
    replied = read_reply(keys, organization_id, key, tag) if tag else None
    signed = (read_message_id(keys, organization_id, identifier) for identifier in answered)
    numbered = read_subject(keys, organization_id, mail.subject)
    markers = read_markers(keys, organization_id, mail.html or "")
    return Evidence(
        inbox_id=inbox_id,
        received_at=received_at,
        sender=mail.sender.address.lower() if mail.sender else "",
        subject=mail.subject,
        tagged_conversation=replied.conversation_id if replied else None,
        signed_conversations=tuple(dict.fromkeys(token.conversation_id for token in signed if token)),
        reported_conversation=reported_conversation,
        answered_ids=answered,
        root_ids=_roots(mail),
        marked_conversations=tuple(dict.fromkeys(marker.conversation_id for marker in markers)),
        numbered_conversation=numbered.conversation_id if numbered else None,
        thread_guid=thread_index.guid(mail.thread_index),
        thread_topic=mail.thread_topic,
    )


def _roots(mail: ReadMail) -> tuple[str, ...]:
    """The first id of the thread, and the mail's own: an answer to it may have come before it."""
    first = mail.references[:1] or mail.in_reply_to[:1]
    return tuple(dict.fromkeys(identifier for identifier in (*first, mail.message_id) if identifier))


def choose(evidence: Evidence, lookup: Lookup, policy: Policy = Policy()) -> Decision:
    """Decide by the first rule whose conversation passes the guards; else a new one, linked to the first that did not."""
    related: Decision | None = None
    for rule, pointed_at in _pointers(evidence, lookup, policy):
        candidate = _merge_target(pointed_at, lookup)
        if candidate is None:
            continue
        obstacle = _obstacle(rule, evidence, candidate, policy)
        if obstacle is Obstacle.NONE:
            return Decision(
                candidate.conversation_id,
                rule,
                new_participant=not _takes_part(evidence.sender, candidate),
                subject_changed=_subject_differs(evidence, candidate),
            )
        if related is None:
            related = Decision(None, Rule.NEW, candidate.conversation_id, obstacle)
    return related or Decision(None, Rule.NEW)


def _pointers(evidence: Evidence, lookup: Lookup, policy: Policy) -> Iterator[tuple[Rule, Candidate]]:
    """Conversations the evidence points at, strongest rule first. Nothing is looked up before it is needed."""
    signed = (
        (Rule.REPLY_TAG, (evidence.tagged_conversation,)),
        (Rule.TOKEN, evidence.signed_conversations),
        (Rule.REPORT, (evidence.reported_conversation,)),
    )
    for rule, conversation_ids in signed:
        yield from _named(rule, conversation_ids, lookup)
    yield from _known_ids(evidence, lookup)
    yield from _siblings(evidence, lookup, policy)
    yield from _named(Rule.MARKER, evidence.marked_conversations, lookup)
    yield from _named(Rule.NUMBER, (evidence.numbered_conversation,), lookup)
    yield from _outlook_threads(evidence, lookup)
    yield from _same_subjects(evidence, lookup, policy)


def _named(rule: Rule, conversation_ids: Sequence[int | None], lookup: Lookup) -> Iterator[tuple[Rule, Candidate]]:
    for conversation_id in conversation_ids:
        candidate = lookup.conversation(conversation_id) if conversation_id is not None else None
        if candidate is not None:
            yield rule, candidate


def _known_ids(evidence: Evidence, lookup: Lookup) -> Iterator[tuple[Rule, Candidate]]:
    """All identifiers count, not only the first: clients overwrite References, people answer from other programs."""
    if not evidence.answered_ids:
        return
    order = {identifier: position for position, identifier in enumerate(evidence.answered_ids)}
    found = lookup.by_message_ids(evidence.answered_ids)
    for _identifier, candidate in sorted(found, key=lambda pair: order.get(pair[0], len(order))):
        yield Rule.MESSAGE_ID, candidate


def _siblings(evidence: Evidence, lookup: Lookup, policy: Policy) -> Iterator[tuple[Rule, Candidate]]:
    if evidence.root_ids:
        since = evidence.received_at - timedelta(days=policy.sibling_days)
        for candidate in lookup.by_root(evidence.root_ids, since):
            yield Rule.REFERENCES, candidate


def _outlook_threads(evidence: Evidence, lookup: Lookup) -> Iterator[tuple[Rule, Candidate]]:
    topics = {normal_subject(evidence.thread_topic), normal_subject(evidence.subject)} - {""}
    if evidence.thread_guid and topics:
        for candidate in lookup.by_thread_index(evidence.thread_guid):
            if topics & candidate.subjects:
                yield Rule.THREAD_INDEX, candidate


def _same_subjects(evidence: Evidence, lookup: Lookup, policy: Policy) -> Iterator[tuple[Rule, Candidate]]:
    subject = normal_subject(evidence.subject)
    if not policy.match_subjects or not evidence.sender or not is_telling(subject, policy.subject_characters):
        return
    recent = evidence.received_at - timedelta(days=policy.subject_days)
    for candidate in lookup.by_subject(subject, evidence.sender):
        if candidate.is_open or candidate.last_activity_at >= recent:
            yield Rule.SUBJECT, candidate


def _merge_target(candidate: Candidate, lookup: Lookup) -> Candidate | None:
    """The conversation where a merged one went on; None when the trail is broken or goes in a circle."""
    current: Candidate | None = candidate
    for _ in range(MOST_MERGES):
        if current is None or current.merged_into is None:
            return current
        current = lookup.conversation(current.merged_into)
    return None


def _obstacle(rule: Rule, evidence: Evidence, candidate: Candidate, policy: Policy) -> Obstacle:
    if evidence.inbox_id not in candidate.inbox_ids and (rule is not Rule.REPLY_TAG or is_forward(evidence.subject)):
        return Obstacle.OTHER_INBOX
    if rule not in SIGNED_RULES and not _takes_part(evidence.sender, candidate):
        return Obstacle.STRANGER
    quiet_since = evidence.received_at - timedelta(days=policy.changed_subject_days)
    if rule is not Rule.REPORT and candidate.last_activity_at < quiet_since and _subject_differs(evidence, candidate):
        return Obstacle.OLD_SUBJECT
    return Obstacle.NONE


def _takes_part(sender: str, candidate: Candidate) -> bool:
    """Whether the sender, or for companies somebody of the same organization, is in the conversation."""
    if not sender:
        return False
    if sender.lower() in candidate.participants:
        return True
    company = company_domain(sender)
    return company != "" and any(company_domain(participant) == company for participant in candidate.participants)


def _subject_differs(evidence: Evidence, candidate: Candidate) -> bool:
    """Whether both subjects say something, and not the same."""
    subject = normal_subject(evidence.subject)
    return subject != "" and any(candidate.subjects) and subject not in candidate.subjects
