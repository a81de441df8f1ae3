"""Filing: accepted deliveries become messages in conversations, or are accounted for in another final state.

The deliveries of one batch belong to one organization and share a transaction and most of its statements. When one of
them cannot be filed, each is filed alone, so that it takes no other with it. What is decided here is what happens; how
mail is read, classified and threaded is decided by pure modules from values.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Value
from django.db.models.functions import Greatest

from conversations import detaching, timeline
from conversations.filing_lock import lock_filing
from conversations.models import Contact, Conversation, Message
from conversations.quiet import QUIET_CLASSES
from conversations.subjects import normal_subject
from conversations.timeline import Arrival
from forwarding import closing, contacts, copies, duplicates, feedback, ladder, queue, reactions, storing, threads
from forwarding.incoming import Incoming, Outcome
from forwarding.models import Delivery
from forwarding.paths import addressed_to
from forwarding.queue import Claim
from forwarding.reading.child import Reader
from forwarding.storms import Storms
from forwarding.threading import Decision, Evidence, choose
from inboxes.models import Inbox
from organizations import scope

log = logging.getLogger(__name__)

State = Delivery.State
RULE_OF_STORMS = "storm"
VARIANT = "variant"
WORKERS_ENDED = "its workers ended"


@dataclass(frozen=True)
class Placed:
    """A mail for an inbox, with what says where in it: the evidence for its conversation, and its identifiers.

    It is stored under the first one; an equal mail may be there under any of them.
    """

    letter: Incoming
    identifiers: tuple[str, ...]
    evidence: Evidence


def file_due(reader: Reader) -> int:
    """File what is due, new or tried before; returns how many deliveries were taken."""
    return _file_fresh(queue.claim(settings.FILING_BATCH), reader, hurried=False) + file_again(reader)


def file_fresh(reader: Reader) -> int:
    """File what nobody has tried; returns how many deliveries were taken.

    `reader` is a hurried one: a mail that stops it is left to `file_again`, so that others need not wait for it.
    """
    return _file_fresh(queue.claim(settings.FILING_BATCH), reader, hurried=True)


def file_light(reader: Reader) -> int:
    """`file_fresh` for small mail only."""
    return _file_fresh(queue.claim_light(settings.FILING_BATCH), reader, hurried=True)


def file_again(reader: Reader) -> int:
    """File one delivery that was tried before; returns how many were taken."""
    again = queue.claim_again()
    for claim in again:
        if ladder.strikes(claim) > ladder.last():
            _park(claim, WORKERS_ENDED)
        else:
            file_batch([claim], reader)
    return len(again)


def _file_fresh(fresh: Sequence[Claim], reader: Reader, *, hurried: bool) -> int:
    deadline = time.monotonic() + settings.FILING_LEASE_SECONDS / 2
    for batch in queue.batches(fresh, settings.FILING_BATCH_OCTETS):
        file_batch(batch, reader, deadline, hurried=hurried)
    return len(fresh)


def file_batch(
    claims: Sequence[Claim], reader: Reader, deadline: float | None = None, *, hurried: bool = False
) -> None:
    """File claimed deliveries of one organization. After the deadline (monotonic clock) the rest is given back unread.

    A failure postpones a delivery; after the last retry it is shown as well as it can be. `hurried`: a mail that stops
    the reader is set aside.
    """
    try:
        _file_together(claims, reader, deadline, hurried)
    except Exception as error:
        if not connection.is_usable():
            # Nobody's fault here: the leases end by themselves, and the worker waits for the database.
            raise OperationalError("the database is gone") from error
        if len(claims) > 1:
            log.warning("a batch of %d deliveries failed, filing each alone: %s", len(claims), type(error).__name__)
            for claim in claims:
                file_batch([claim], reader, hurried=hurried)
            return
        log.exception("delivery %s could not be filed (attempt %s)", claims[0].delivery_id, claims[0].attempts)
        _give_up_or_postpone(claims[0], error)


def file_letters(letters: Sequence[Incoming]) -> dict[int, Outcome]:
    """Decide and carry out what becomes of mails; gives the outcome of each delivery by its key.

    Call inside the organization's scope.
    """
    outcomes: dict[int, Outcome] = {}
    answered = {letter.delivery.pk: feedback.reported_message(letter.delivery) for letter in letters}
    # Two workers must not both find a mail new, or open a conversation each for a mail and its answer.
    found = (_inbox(letter, answered[letter.delivery.pk]) for letter in letters)
    lock_filing(inbox.pk for inbox in found if inbox is not None)
    placed: dict[int, list[Placed]] = defaultdict(list)
    inboxes: dict[int, Inbox] = {}
    for letter in letters:
        outcome = _settled(letter)
        # What comes to a return path and is no report (an absence notice, a person whose program answers the envelope
        # sender) belongs to the conversation of the mail it answers.
        sent = answered[letter.delivery.pk]
        inbox = _inbox(letter, sent)
        if outcome is None and inbox is None:
            outcome = Outcome(State.FEEDBACK, reason="the mail it is about is no longer here")
        if outcome is not None or inbox is None:
            outcomes[letter.delivery.pk] = outcome or Outcome(State.FEEDBACK)
            continue
        inboxes[inbox.pk] = inbox
        identifiers = duplicates.identifiers(letter.mail, settings.MAIL_DOMAIN, letter.delivery.received_at)
        evidence = threads.evidence_for(letter, inbox, sent.conversation_id if sent else None)
        placed[inbox.pk].append(Placed(letter, identifiers, evidence))
    for pk, inbox in inboxes.items():
        outcomes |= _InboxFiling(inbox, placed[pk]).file()
    return outcomes


class _InboxFiling:
    """Filing the mails of one batch in one inbox."""

    def __init__(self, inbox: Inbox, placed: Sequence[Placed]) -> None:
        self.inbox = inbox
        self.placed = placed
        self.own = contacts.own_addresses()
        self.policy = threads.policy_for(inbox)
        self.storms = Storms(inbox, max(each.letter.delivery.received_at for each in placed))
        self.outcomes: dict[int, Outcome] = {}

    def file(self) -> dict[int, Outcome]:
        """The outcome of each delivery by its key."""
        for wave in _waves(self.placed):
            self._file_wave(wave)
        latest = max(each.letter.delivery.received_at for each in self.placed)
        # An old mail that is tried again does not make the inbox look silent since.
        Inbox.objects.filter(pk=self.inbox.pk).update(last_received_at=Greatest("last_received_at", Value(latest)))
        return self.outcomes

    def _file_wave(self, wave: Sequence[Placed]) -> None:
        known = copies.known(self.inbox, {identifier for each in wave for identifier in each.identifiers})
        new = [each for each in wave if not self._read_anew(each) and not self._settle_duplicate(each, known)]
        if not new:
            return
        lookup = threads.InboxLookup(self.inbox, [each.evidence for each in new], self.own)
        decisions = [choose(each.evidence, lookup, self.policy) for each in new]
        arrivals = self._arrivals(new, decisions)
        timeline.receive_all(arrivals)
        for each, arrival in zip(new, arrivals, strict=True):
            self.outcomes[each.letter.delivery.pk] = Outcome(State.FILED, arrival.message)
            reactions.react(each.letter, arrival.message, self.inbox)

    def _read_anew(self, each: Placed) -> bool:
        """Show all of a mail that is here already, but had been read in part (forwarding.ladder)."""
        letter, message = each.letter, each.letter.delivery.message
        if message is None:
            return False
        author = contacts.person_of(letter, self.own)
        contact = contacts.stored([author])[author.address.lower()[:320]] if author else None
        content = storing.message_of(letter, self._free_identifier(each))
        files = storing.attachments_of([letter.mail])[0]
        timeline.reread(message, content, files, self._described(letter, contact))
        self.outcomes[letter.delivery.pk] = Outcome(State.FILED, message)
        return True

    def _free_identifier(self, each: Placed) -> str:
        """What a mail is stored under whose equal may be here: its identifier, or else one of its own."""
        delivery, mail = each.letter.delivery, each.letter.mail
        if copies.is_there(self.inbox, each.identifiers[0], mail.content_hash, besides=delivery.message_id or 0):
            return duplicates.identifier_apart(mail, settings.MAIL_DOMAIN, delivery.pk)
        return each.identifiers[0]

    def _settle_duplicate(self, each: Placed, known: dict[str, list[duplicates.Known]]) -> bool:
        """Account for a mail that is here already; a fuller copy takes the place of the one there."""
        letter = each.letter
        if letter.delivery.stands_alone:
            return False
        candidates = [candidate for identifier in each.identifiers for candidate in known[identifier]]
        judgement = duplicates.judge(letter.mail, candidates, letter.delivery.received_at)
        if judgement.message_pk is None:
            return False
        message = Message.objects.select_related("conversation").get(pk=judgement.message_pk)
        if judgement.verdict == "fuller":
            self._step_back(message)
            content = storing.message_of(letter, each.identifiers[0])
            timeline.exchange(message, content, storing.attachments_of([letter.mail])[0])
            self.outcomes[letter.delivery.pk] = Outcome(State.FILED, message)
        else:
            self.outcomes[letter.delivery.pk] = Outcome(State.DUPLICATE, message, judgement.verdict)
        return True

    def _step_back(self, message: Message) -> None:
        """Make a variant of the delivery shown, be it an earlier one or of this batch.

        The filed delivery is the one that is shown: its author is proved, and its octets are the original.
        """
        shown = Delivery.objects.filter(message=message, state=State.FILED)
        shown.update(state=State.DUPLICATE, reason=VARIANT, verify_at=None)
        for pk, outcome in self.outcomes.items():
            if outcome.state == State.FILED and outcome.message == message:
                self.outcomes[pk] = Outcome(State.DUPLICATE, message, VARIANT)

    def _arrivals(self, new: Sequence[Placed], decisions: Sequence[Decision]) -> list[Arrival]:
        files = storing.attachments_of([each.letter.mail for each in new])
        authors = [contacts.person_of(each.letter, self.own) for each in new]
        beginning = [
            each for each, decision in zip(authors, decisions, strict=True) if decision.conversation_id is None
        ]
        people = contacts.stored(person for person in beginning if person)
        arrivals = []
        for each, decision, author, attachments in zip(new, decisions, authors, files, strict=True):
            message = self._message(each, decision)
            if decision.conversation_id is not None:
                conversation = Conversation(pk=decision.conversation_id)
            else:
                contact = people[author.address.lower()[:320]] if author else None
                conversation = self._opened(each, decision, message, contact)
            self.storms.count(each.letter)
            # A storm asks for attention once; one of quiet mail has not done so yet.
            asked = conversation.storm and conversation.message_count and not conversation.folder
            loud = message.mail_class not in QUIET_CLASSES and not asked
            arrivals.append(Arrival(conversation, message, attachments, from_person=loud))
        return arrivals

    def _message(self, each: Placed, decision: Decision) -> Message:
        letter = each.letter
        identifier = self._free_identifier(each) if letter.delivery.stands_alone else each.identifiers[0]
        message = storing.message_of(letter, identifier)
        message.inbox = self.inbox
        message.addressed_to = addressed_to(letter.mail, self.inbox.address, mail_domain=settings.MAIL_DOMAIN)[:320]
        message.thread_rule = decision.rule
        message.thread_obstacle = decision.obstacle
        message.new_participant = decision.conversation_id is not None and decision.new_participant
        # An automatic reply has a subject of its own making.
        message.subject_changed = decision.subject_changed and letter.mail_class not in QUIET_CLASSES
        return message

    def _opened(self, each: Placed, decision: Decision, message: Message, contact: Contact | None) -> Conversation:
        """A new conversation for a mail, or the one that its storm is folded into."""
        letter = each.letter
        storm = self.storms.key(letter)
        folded = self.storms.conversation(storm, letter.delivery.received_at) if storm else None
        if storm:
            message.thread_rule = RULE_OF_STORMS
        if folded is not None:
            return folded
        conversation = self._described(letter, contact)
        conversation.related_to_id = decision.related_id
        if storm:
            self.storms.fold_into(storm, conversation)
        return conversation

    def _described(self, letter: Incoming, contact: Contact | None) -> Conversation:
        """An unsaved conversation that a mail begins."""
        return timeline.new_conversation(
            self.inbox,
            subject=letter.mail.subject,
            normal_subject=normal_subject(letter.mail.subject),
            contact=contact,
            sender_label=letter.author.name or letter.author.address,
            at=letter.delivery.received_at,
        )


def _waves(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Mails that can be filed at the same time; what has something in common with an earlier one waits for it."""
    waiting = list(placed)
    while waiting:
        wave: list[Placed] = []
        later: list[Placed] = []
        tied: set[str | int] = set()
        for each in waiting:
            ties = threads.ties(each.evidence, each.identifiers)
            (later if ties & tied else wave).append(each)
            tied |= ties
        yield wave
        waiting = later


def _file_together(claims: Sequence[Claim], reader: Reader, deadline: float | None, hurried: bool) -> None:
    organization_id = claims[0].organization_id
    with scope.organization(organization_id):
        waiting = Delivery.objects.filter(pk__in=[claim.delivery_id for claim in claims], state=State.ACCEPTED)
        deliveries = waiting.select_related("raw", "inbox").in_bulk()
    due = [(claim, deliveries[claim.delivery_id]) for claim in claims if claim.delivery_id in deliveries]
    for letters in _portions(due, reader, deadline, hurried):
        with scope.organization(organization_id):
            mine = _locked(letters)
            closing.close(mine, file_letters(mine))


def _portions(
    due: Sequence[tuple[Claim, Delivery]], reader: Reader, deadline: float | None, hurried: bool
) -> Iterator[list[Incoming]]:
    """What was read, in portions: nobody's mail waits long for the reading of those behind it."""
    letters: list[Incoming] = []
    began = time.monotonic()
    for number, (claim, delivery) in enumerate(due):
        if deadline is not None and time.monotonic() > deadline:
            queue.release([claim for claim, _delivery in due[number:]])
            break
        if letters and time.monotonic() - began > settings.FILING_PORTION_SECONDS:
            yield letters
            letters, began = [], time.monotonic()
        understood = reader.read(bytes(delivery.raw.content), delivery.mail_from, ladder.stage(claim))
        if hurried and ladder.READING_STOPPED in understood.mail.defects:
            queue.set_aside(claim)
        else:
            letters.append(Incoming(delivery, understood))
    if letters:
        yield letters


def _locked(letters: Sequence[Incoming]) -> list[Incoming]:
    """Mails whose delivery is locked now, without those that another worker closed after this one's lease ended."""
    waiting = Delivery.objects.filter(pk__in=[letter.delivery.pk for letter in letters], state=State.ACCEPTED)
    mine = set(waiting.select_for_update().order_by("pk").values_list("pk", flat=True))
    return [letter for letter in letters if letter.delivery.pk in mine]


def _settled(letter: Incoming) -> Outcome | None:
    """What becomes of a mail about our own mail. One that was read in part, and shown, is taken out of the inbox."""
    outcome, shown = feedback.settle(letter), letter.delivery.message
    if outcome is None or shown is None:
        return outcome
    if outcome.message is None:
        return None
    detaching.take_away(shown, original=outcome.message)
    return outcome


def _inbox(letter: Incoming, answered: Message | None) -> Inbox | None:
    """Where a mail belongs: where it is, or where the mail is that it answers, or where it was sent."""
    shown = letter.delivery.message or answered
    return shown.inbox if shown else letter.delivery.inbox


def _give_up_or_postpone(claim: Claim, error: Exception) -> None:
    reason = type(error).__name__
    if ladder.strikes(claim) < ladder.last():
        queue.postpone(claim, reason)
    else:
        _park(claim, reason)


def _park(claim: Claim, reason: str) -> None:
    log.error("delivery %s is parked after %s attempts", claim.delivery_id, claim.attempts)
    queue.park(claim, reason)
