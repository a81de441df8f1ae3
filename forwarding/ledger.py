"""The ledger: what became of every mail that the SMTP server accepted for an organization, or refused.

Accepted mail is accounted for by its deliveries, each in one final state; refused mail by its refusals. Both are shown
in one order of time, page by page. Call everything inside the organization's scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, Count, F, Func, Q, Value, When
from django.utils import timezone

from conversations.models import Conversation, Message
from forwarding.models import Delivery, Refusal

State = Delivery.State
SPAM, REFUSED = "spam", "refused"
"""The states of an entry that is filed in what is spam now, and of one that is a refusal; all others are Delivery's."""
STATES = (*map(str, State), SPAM, REFUSED)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DELIVERY, _REFUSAL = "d", "r"
_UNREAD = (State.ACCEPTED, State.PARKED)  # their sender and Message-ID stand in the octets only
_UNREAD_AT_MOST = 200
_IN_SPAM = Q(state=State.FILED, message__conversation__folder=Conversation.Folder.SPAM)
_STATE = Case(When(_IN_SPAM, then=Value(SPAM)), default=F("state"))
_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")
_DELIVERY_FIELDS = (
    "pk", "received_at", "entry_state", "sender", "mail_from", "recipient", "header_message_id", "peer_ip", "helo", "reason",
    "attempts", "next_attempt_at", "filed_at", "inbox__address", "message__conversation__number",
    "message__conversation__subject", "message__reading_stage", "stands_alone",
)  # fmt: skip
_REFUSAL_FIELDS = (
    "pk",
    "last_at",
    "first_at",
    "mail_from",
    "recipient",
    "peer_ip",
    "helo",
    "reply",
    "times",
    "inbox__address",
)


@dataclass(frozen=True)
class Search:
    """What is looked for; empty values match everything.

    `sender`: an address, or a domain with or without "@"; `recipient`: the service address or the inbox's own;
    `message_id`: with or without its brackets; `state`: one of STATES; `since` and `until`: aware,
    `until` excluded.
    """

    sender: str = ""
    recipient: str = ""
    message_id: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def identifier(self) -> str:
        """The Message-ID without its brackets, also out of a whole header line."""
        within = _MESSAGE_ID.search(self.message_id)
        return within.group(1) if within else self.message_id.strip()


@dataclass(frozen=True, order=True)
class Place:
    """A place in the ledger's order: just beside the entry with this time, kind and id."""

    at: datetime
    kind: str
    id: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}{self.kind}{self.id}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Read what str() wrote; None for anything else."""
        match = re.fullmatch(r"(\d{1,16})([dr])(\d{1,18})", text, re.ASCII)
        if match is None:
            return None
        return cls(_EPOCH + timedelta(microseconds=int(match[1])), match[2], int(match[3]))


@dataclass(frozen=True)
class Entry:
    """One delivery, or one refusal: then `reply` is what the sender's server was told, `times` times.

    `sender`: the author's address; the envelope sender where the mail was not read. `inbox`: the inbox's own address,
    "" for a return path. `conversation`: the number of the conversation that holds it, or the mail it repeats.
    `read_in_part`: its message does not show all of it. `stands_alone`: people have said that it repeats no other.
    """

    place: Place
    state: str
    sender: str
    mail_from: str
    recipient: str
    inbox: str
    peer: str
    message_id: str = ""
    conversation: int | None = None
    subject: str = ""
    reason: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    filed_at: datetime | None = None
    read_in_part: bool = False
    stands_alone: bool = False
    reply: str = ""
    times: int = 1
    first_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it was accepted or refused."""
        return self.place.at

    @property
    def id(self) -> int:
        """The key of the delivery or the refusal."""
        return self.place.id


@dataclass(frozen=True)
class Page:
    """Entries, latest first, and where the pages before and after begin."""

    entries: Sequence[Entry] = ()
    before: Place | None = None
    after: Place | None = None


def page(search: Search, *, after: Place | None = None, before: Place | None = None, size: int = 0) -> Page:
    """One page of what matches: from the top, or the entries after or before a place. `size` 0: LEDGER_PER_PAGE."""
    size = size or settings.LEDGER_PER_PAGE
    backwards = before is not None and after is None
    start = before if backwards else after
    found = [*_deliveries(search, start, backwards, size + 1), *_refusals(search, start, backwards, size + 1)]
    found.sort(key=lambda entry: entry.place, reverse=not backwards)
    more, taken = len(found) > size, found[:size]
    if backwards:
        taken.reverse()
    if not taken:
        return Page()
    earlier = more if backwards else start is not None
    later = backwards or more
    return Page(taken, taken[0].place if earlier else None, taken[-1].place if later else None)


def entries(search: Search) -> Iterator[Entry]:
    """Everything that matches, latest first."""
    found = page(search)
    yield from found.entries
    while found.after:
        found = page(search, after=found.after)
        yield from found.entries


def counts(search: Search) -> dict[str, int]:
    """How many deliveries are in each state, and how much was refused, of what matches."""
    found = Delivery.objects.filter(_wanted(search)).annotate(entry_state=_STATE)
    rows: Any = found.order_by().values("entry_state").annotate(number=Count("pk"))
    numbers = dict.fromkeys((*map(str, State), SPAM), 0) | {row["entry_state"]: row["number"] for row in rows}
    if search.state:
        numbers = {state: number for state, number in numbers.items() if state == search.state}
    if search.state in ("", REFUSED) and not search.identifier:
        numbers[REFUSED] = Refusal.objects.filter(_refused(search)).count()
    return numbers


def _deliveries(search: Search, start: Place | None, backwards: bool, limit: int) -> list[Entry]:
    if search.state == REFUSED:
        return []
    wanted = _wanted(search) & _beyond(start, "received_at", _DELIVERY, backwards)
    order = ("received_at", "pk") if backwards else ("-received_at", "-pk")
    rows = Delivery.objects.filter(wanted).annotate(entry_state=_STATE).order_by(*order).values_list(*_DELIVERY_FIELDS)
    return [_delivery_entry(*row) for row in rows[:limit]]


def _refusals(search: Search, start: Place | None, backwards: bool, limit: int) -> list[Entry]:
    if search.state not in ("", REFUSED) or search.identifier:
        return []
    wanted = _refused(search) & _beyond(start, "last_at", _REFUSAL, backwards)
    order = ("last_at", "pk") if backwards else ("-last_at", "-pk")
    rows = Refusal.objects.filter(wanted).order_by(*order).values_list(*_REFUSAL_FIELDS)
    return [_refusal_entry(*row) for row in rows[:limit]]


def _wanted(search: Search) -> Q:
    """The condition on deliveries."""
    wanted = _within(search, "received_at")
    if search.state:
        wanted &= _IN_SPAM if search.state == SPAM else Q(state=search.state) & ~_IN_SPAM
    if search.sender:
        wanted &= _from("sender", search.sender) | _from_envelope(search.sender)
    if search.recipient:
        address = search.recipient.strip().lower()
        wanted &= Q(recipient=address) | Q(inbox__address=address) | Q(message__addressed_to=address)
    if search.identifier:
        wanted &= Q(header_message_id=search.identifier) | Q(pk__in=_unread_with(search.identifier))
    return wanted


def _refused(search: Search) -> Q:
    """The condition on refusals."""
    wanted = _within(search, "last_at")
    if search.sender:
        wanted &= _from_envelope(search.sender)
    if search.recipient:
        address = search.recipient.strip().lower()
        wanted &= Q(recipient=address) | Q(inbox__address=address)
    return wanted


def _within(search: Search, column: str) -> Q:
    """The interval. A search by Message-ID is quick without one; any other looks at LEDGER_DAYS_SHOWN."""
    since = search.since
    if since is None and not search.identifier:
        since = (search.until or timezone.now()) - timedelta(days=settings.LEDGER_DAYS_SHOWN)
    within = Q(**{f"{column}__gte": since}) if since else Q()
    return within & Q(**{f"{column}__lt": search.until}) if search.until else within


def _from(column: str, text: str) -> Q:
    sender = text.strip().lower()
    local_part, at, domain = sender.rpartition("@")
    return Q(**{column: sender}) if local_part and at else Q(**{f"{column}__endswith": f"@{domain}"})


def _from_envelope(text: str) -> Q:
    """An envelope sender, also one that a forwarding server has wrapped (SRS: SRS0=…=domain=local@forwarder)."""
    local_part, _at, domain = text.strip().rpartition("@")
    if not local_part:
        return Q(mail_from__iendswith=f"@{domain}") | Q(
            mail_from__istartswith="SRS", mail_from__icontains=f"={domain}="
        )
    return Q(mail_from__iexact=text.strip()) | Q(
        mail_from__istartswith="SRS", mail_from__icontains=f"={domain}={local_part}@"
    )


def _unread_with(identifier: str) -> list[int]:
    """Deliveries that nobody has read yet, with this Message-ID somewhere in their octets."""
    holds = Func(
        Value(identifier.encode()),
        F("raw__content"),
        function="position",
        arg_joiner=" IN ",
        template="(%(function)s(%(expressions)s) > 0)",
        output_field=BooleanField(),
    )
    unread = Delivery.objects.filter(state__in=_UNREAD).annotate(holds=holds).filter(holds=True)
    return list(unread.order_by("-pk").values_list("pk", flat=True)[:_UNREAD_AT_MOST])


def _beyond(start: Place | None, column: str, kind: str, backwards: bool) -> Q:
    """Rows of one kind beyond a place in the common order (time, kind, id)."""
    if start is None:
        return Q()
    operator = "gt" if backwards else "lt"
    at_once = Q(pk__in=[])
    if kind == start.kind:
        at_once = Q(**{f"pk__{operator}": start.id})
    elif (kind > start.kind) == backwards:
        at_once = Q(pk__isnull=False)
    # The first condition is what the index uses; the second settles rows of the same microsecond.
    beyond = Q(**{f"{column}__{operator}": start.at}) | (Q(**{column: start.at}) & at_once)
    return Q(**{f"{column}__{operator}e": start.at}) & beyond


def _delivery_entry(
    pk: int, at: datetime, state: str, sender: str, mail_from: str, recipient: str, message_id: str, peer_ip: str,
    helo: str, reason: str, attempts: int, next_attempt_at: datetime, filed_at: datetime | None, inbox: str | None,
    conversation: int | None, subject: str | None, stage: str | None, stands_alone: bool,
) -> Entry:  # fmt: skip
    return Entry(
        Place(at, _DELIVERY, pk), state, sender or mail_from, mail_from, recipient, inbox or "", _peer(peer_ip, helo),
        message_id=message_id, conversation=conversation, subject=subject or "", reason=reason, attempts=attempts,
        next_attempt_at=next_attempt_at, filed_at=filed_at,
        read_in_part=stage in Message.READ_IN_PART, stands_alone=stands_alone,
    )  # fmt: skip


def _refusal_entry(
    pk: int, at: datetime, first_at: datetime, mail_from: str, recipient: str, peer_ip: str, helo: str, reply: str,
    times: int, inbox: str | None,
) -> Entry:  # fmt: skip
    return Entry(
        Place(at, _REFUSAL, pk), REFUSED, mail_from, mail_from, recipient, inbox or "", _peer(peer_ip, helo),
        reply=reply, times=times, first_at=first_at,
    )  # fmt: skip


def _peer(ip: str, helo: str) -> str:
    return f"{ip} ({helo})" if helo else str(ip)
