"""The worker that empties the outbox: claim, send to the relay, record.

What is promised: every mail reaches the relay at least once, or people are told that it did not. A try leaves a mail in
doubt when this process dies, the connection breaks or nothing is said between the final dot and the record of the reply. A
relay that can be asked (RELAY_QUESTION) is asked then, and has the mail once. Where nobody can be asked, the mail is sent
again until OUTBOX_UNSURE_TRIES tries have left it in doubt: so many copies at most, then people are told that it may have
arrived. A death leaves one mail in doubt, because every try is counted before it begins and every reply is recorded at once,
while the relay already reads the next mail's envelope. A relay that can be asked is sent to faster: its replies may wait for
a commit together. The Message-ID is the same in every try, and so are the octets, unless the organization loses its sender
between two (`whitelabel.departure`).
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string

from organizations import scope
from whitelabel import departure, fate, keys, outbox_queue, relays, tokens
from whitelabel.breaker import Breaker
from whitelabel.fate import State, Told, record_bounce
from whitelabel.outbox_queue import Claim, Pending, Settled
from whitelabel.relay import Envelope, Outcome, RelayUnavailable, Reply
from whitelabel.relays import Carrier

__all__ = ["Courier", "RelayQuestion", "record_bounce"]

log = logging.getLogger(__name__)

RelayQuestion = Callable[[str, str, str], bool | None]
"""(envelope sender, recipient, Message-ID) → whether the relay took that mail over; None when it cannot tell now."""

EXPIRED_STATUS = "4.4.7"
"""RFC 3463: delivery time expired. The text is that of the last try."""

SMALLEST_BATCH = 10


@dataclass
class _Report:
    """What this attempt has brought about one mail so far, and how much of it is in the database."""

    claim: Claim
    told: list[Told] = field(default_factory=list)
    recorded: int = 0
    ended: bool = False


class Courier:
    """Carries mail from the outbox to the relay. `step` is called in a loop; one courier per process.

    `stopping` is asked before each mail: when it says so, the rest of the batch is given back.
    """

    def __init__(
        self,
        relay: Carrier | None = None,
        question: RelayQuestion | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._relay = relay or relays.from_settings()
        self._stopping = stopping
        self._given_question = question
        self._claims: deque[Claim] = deque()
        self._leases: dict[int, float] = {}
        self._reports: list[_Report] = []
        self._announced: tuple[int, Envelope] | None = None
        self._oldest = 0.0
        self._batch = SMALLEST_BATCH
        self._breaker = Breaker(
            settings.RELAY_FAILURES_TO_OPEN, settings.RELAY_PAUSE_SECONDS, settings.RELAY_LONGEST_PAUSE_SECONDS
        )

    @cached_property
    def _question(self) -> RelayQuestion | None:
        if self._given_question or not settings.RELAY_QUESTION:
            return self._given_question
        question: RelayQuestion = import_string(settings.RELAY_QUESTION)
        return question

    def step(self) -> int:
        """Send what is due, at most one batch; returns how many mails were tried. Does nothing while the relay rests."""
        self._record()  # what an interrupted step could not store
        if self._breaker.is_open:
            return 0
        started = time.monotonic()
        claims = outbox_queue.claim(min(self._batch, settings.OUTBOX_BATCH))
        self._claims = deque(departure.ready(claims, can_ask=self._question is not None))
        self._leases = dict.fromkeys((claim.mail_id for claim in self._claims), started)
        tried = self._deliver_all()
        self._record()
        self._batch = _batch_after(tried, time.monotonic() - started) or self._batch
        return tried

    def close(self) -> None:
        """End the session with the relay."""
        self._relay.close()

    def _deliver_all(self) -> int:
        tried = 0
        while self._claims:
            if self._breaker.is_open or self._stopping():
                self._give_back(self._claims)
                break
            claim = self._claims.popleft()
            try:
                self._deliver(claim)
            except RelayUnavailable as error:
                self._rest([claim, *self._claims], error)
                break
            except DatabaseError:
                raise
            except Exception:
                # Its lease ends by itself and it is tried again; the others must not wait for that.
                log.exception("mail %s could not be tried", claim.mail_id)
            tried += 1
        return tried

    def _deliver(self, claim: Claim) -> None:
        """Try every pending recipient. Raises RelayUnavailable when nothing could be tried."""
        report = _Report(claim)
        envelopes = [self._envelope(claim, recipient) for recipient in claim.pending]
        following = [*envelopes[1:], self._first(self._claims[0] if self._claims else None)]
        for recipient, envelope, upcoming in zip(claim.pending, envelopes, following, strict=False):
            if not self._hold(claim):
                return
            try:
                reply = self._known(claim, recipient, envelope) or self._try(claim, recipient, envelope, upcoming)
            except RelayUnavailable as error:
                if not report.told:
                    self._count(recipient, -1)
                    raise
                # Some recipients were tried: this counts as an attempt, so that the others get their next one.
                self._breaker.fail()
                reply = Reply(Outcome.LATER, "4.4.1", str(error), trouble=True)
            self._note(report, recipient, reply)
        report.ended = True
        if not report.told:
            self._reports.append(report)
        self._record_in_time()

    def _hold(self, claim: Claim) -> bool:
        """Keep the lease longer than the relay can be silent. False when another worker has the mail."""
        left = self._leases[claim.mail_id] + settings.OUTBOX_LEASE_SECONDS - time.monotonic()
        if left > settings.RELAY_SESSION_SECONDS + 2 * settings.RELAY_TIMEOUT_SECONDS:
            return True
        self._leases[claim.mail_id] = time.monotonic()
        return outbox_queue.renew(claim)

    def _beat(self, claim: Claim) -> None:
        """The relay takes its time with this mail: neither the others nor what is known of them wait for it."""
        try:
            self._record()
            self._give_back(self._claims)
            self._hold(claim)
        except DatabaseError as error:
            # The relay's answer matters more: it is kept until the database is back.
            log.warning("database not reachable while the relay is awaited: %s", type(error).__name__)

    def _give_back(self, claims: Iterable[Claim]) -> None:
        """Return mails that were not tried."""
        outbox_queue.release(list(claims))
        self._claims.clear()

    def _first(self, claim: Claim | None) -> Envelope | None:
        """What the claim begins with, if that is certain to be sent."""
        if claim is None or not claim.pending or (claim.unsure and self._question):
            return None
        self._announced = claim.pending[0].recipient_id, _envelope(claim, claim.pending[0])
        return self._announced[1]

    def _envelope(self, claim: Claim, recipient: Pending) -> Envelope:
        if self._announced and self._announced[0] == recipient.recipient_id:
            return self._announced[1]
        return _envelope(claim, recipient)

    def _known(self, claim: Claim, recipient: Pending, envelope: Envelope) -> Reply | None:
        """What can be said about a mail that may have left already; None when it is to be sent."""
        if self._question is None:
            if recipient.unsure_tries < settings.OUTBOX_UNSURE_TRIES:
                return None
            return Reply(Outcome.UNKNOWN, "4.4.2", "sent before, without an answer")
        if not claim.unsure:
            return None
        taken = self._question(envelope.sender, envelope.recipient, claim.header_message_id)
        if taken:
            return Reply(Outcome.ACCEPTED, "2.0.0", "taken over earlier")
        if taken is None:
            return Reply(Outcome.UNKNOWN, "4.4.2", "waiting for the relay to tell whether it has the mail")
        if not claim.final:
            return Reply(Outcome.LATER, "4.4.2", "the relay does not have it; it leaves under the sender of now")
        return None

    def _try(self, claim: Claim, recipient: Pending, envelope: Envelope, following: Envelope | None) -> Reply:
        self._count(recipient, 1)
        return self._hand_over(claim, envelope, following)

    def _count(self, recipient: Pending, by: int) -> None:
        """Count a try that leaves a mail in doubt until the reply is recorded. Who can be asked needs no count."""
        if self._question is None:
            outbox_queue.count_try(recipient, by)

    def _hand_over(self, claim: Claim, envelope: Envelope, following: Envelope | None = None) -> Reply:
        if claim.unsure and self._question:
            following = None  # the relay may be asked about that one first
        reply = self._relay.send(
            envelope.sender,
            envelope.recipient,
            claim.content,
            following=following,
            waiting=lambda: self._beat(claim),
        )
        if reply.trouble:
            self._breaker.fail()
        else:
            self._breaker.succeed()
        return reply

    def _note(self, report: _Report, recipient: Pending, reply: Reply) -> None:
        """Keep a reply for the next record, together with others: a commit waits for the disk."""
        if report not in self._reports:
            self._oldest = self._oldest if self._reports else time.monotonic()
            self._reports.append(report)
        report.told.append(_told(report.claim, recipient, reply, can_ask=self._question is not None))
        if recipient != report.claim.pending[-1]:
            self._record_in_time()

    def _record_in_time(self) -> None:
        unrecorded = sum(len(report.told) - report.recorded for report in self._reports)
        together = settings.OUTBOX_UNRECORDED_REPLIES if self._question else 1
        if unrecorded >= together or time.monotonic() - self._oldest >= settings.OUTBOX_UNRECORDED_SECONDS:
            self._record()

    def _record(self) -> None:
        """Store replies and the mails' next states, one transaction an organization; kept until it is committed."""
        by_organization: dict[int, list[_Report]] = defaultdict(list)
        for report in self._reports:
            by_organization[report.claim.organization_id].append(report)
        for organization_id, reports in by_organization.items():
            told = [each for report in reports for each in report.told[report.recorded :]]
            settled = [_settled(report) for report in reports if report.ended]
            with scope.organization(organization_id):
                if told:
                    fate.record(told)
                if settled:
                    outbox_queue.settle(settled)
            for report in reports:
                report.recorded = len(report.told)
        self._reports = [report for report in self._reports if not report.ended]
        self._oldest = time.monotonic()

    def _rest(self, untried: Sequence[Claim], error: RelayUnavailable) -> None:
        """No session with the relay: nothing was tried, so nothing counts as an attempt."""
        log.warning("relay not available: %s", error)
        self._give_back(untried)
        if self._breaker.fail():
            outbox_queue.tell_waiting(str(error))


def _batch_after(tried: int, seconds: float) -> int:
    """How many mails to take next time: what the relay carries in OUTBOX_BATCH_SECONDS, so that nobody's mail waits longer
    behind a batch. 0 when the last one tells nothing."""
    return max(SMALLEST_BATCH, int(tried * settings.OUTBOX_BATCH_SECONDS / max(seconds, 0.001))) if tried else 0


def _told(claim: Claim, recipient: Pending, reply: Reply, *, can_ask: bool) -> Told:
    """What a reply means for the recipient, and whether that is the end of it."""
    unsure = reply.outcome is Outcome.UNKNOWN
    enough = unsure and not can_ask and recipient.unsure_tries + 1 >= settings.OUTBOX_UNSURE_TRIES
    state, status = State.DELAYED, reply.status
    if reply.outcome is Outcome.ACCEPTED:
        state = State.SENT
    elif reply.outcome is Outcome.REFUSED:
        state = State.FAILED
    elif enough or (claim.last and (unsure or (recipient.unsure_tries and not can_ask))):
        state = State.UNSURE
    elif claim.last:
        state, status = State.FAILED, EXPIRED_STATUS
    return Told(recipient.recipient_id, state, status, reply.text, unsure=unsure, counted=not (unsure or can_ask))


def _settled(report: _Report) -> Settled:
    """The mail's own next state: another try, or the end when every recipient has one."""
    unfinished = [told for told in report.told if told.state == State.DELAYED]
    last = (unfinished or report.told)[-1:]
    return Settled(
        claim=report.claim,
        retry_minutes=outbox_queue.retry_minutes(report.claim.attempts) if unfinished else None,
        unsure=any(told.unsure for told in unfinished),
        reply=last[0].text if last else "",
    )


def _envelope(claim: Claim, recipient: Pending) -> Envelope:
    """The envelope, whose sender names mail and recipient, so that any report coming back to it can be placed."""
    token = tokens.VerpToken(claim.organization_id, claim.mail_id, recipient.recipient_id)
    sender = f"{tokens.sign_verp(keys.token_keys(), token)}@{claim.return_path_domain}"
    return Envelope(sender, recipient.address, len(claim.content))
