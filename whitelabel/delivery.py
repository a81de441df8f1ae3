"""The worker that empties the outbox: claim, send to the relay, record.

What is promised: every mail reaches the relay at least once; more than once only if this process dies, or the connection
breaks, between the final dot and the record of the reply, and the relay cannot be asked (RELAY_QUESTION). Then it is that
one mail: every reply is recorded at once, while the relay already reads the next mail's envelope. A relay that can be
asked is sent to faster, because its replies may wait for a commit together. The Message-ID is the same in every try, and so
are the octets, unless the organization loses its sender between two (`whitelabel.departure`).
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string

from organizations import scope
from whitelabel import departure, fate, keys, outbox_queue, relays, tokens
from whitelabel.breaker import Breaker
from whitelabel.fate import Told, record_bounce
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
UNFINISHED = (Outcome.LATER, Outcome.UNKNOWN)


@dataclass
class _Report:
    """What this attempt has brought about one mail so far, and how much of it is in the database."""

    claim: Claim
    replies: list[tuple[Pending, Reply]]
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
        claims = departure.ready(claims, can_ask=self._question is not None)
        self._leases = dict.fromkeys((claim.mail_id for claim in claims), started)
        tried = self._deliver_all(claims)
        self._record()
        self._batch = _batch_after(tried, time.monotonic() - started) or self._batch
        return tried

    def close(self) -> None:
        """End the session with the relay."""
        self._relay.close()

    def _deliver_all(self, claims: Sequence[Claim]) -> int:
        for position, claim in enumerate(claims):
            if self._breaker.is_open or self._stopping():
                outbox_queue.release(claims[position:])
                return position
            try:
                self._deliver(claim, claims[position + 1] if position + 1 < len(claims) else None)
            except RelayUnavailable as error:
                self._rest(claims[position:], error)
                return position
            except DatabaseError:
                raise
            except Exception:
                # Its lease ends by itself and it is tried again; the others must not wait for that.
                log.exception("mail %s could not be tried", claim.mail_id)
        return len(claims)

    def _deliver(self, claim: Claim, then: Claim | None) -> None:
        """Try every pending recipient; `then` comes after it. Raises RelayUnavailable when nothing could be tried."""
        report = _Report(claim, [])
        envelopes = [self._envelope(claim, recipient) for recipient in claim.pending]
        following = [*envelopes[1:], self._first(then)]
        for recipient, envelope, upcoming in zip(claim.pending, envelopes, following, strict=False):
            if not self._hold(claim):
                return
            try:
                reply = self._hand_over(claim, envelope, upcoming)
            except RelayUnavailable as error:
                if not report.replies:
                    raise
                # Some recipients were tried: this counts as an attempt, so that the others get their next one.
                self._breaker.fail()
                reply = Reply(Outcome.LATER, "4.4.1", str(error), trouble=True)
            self._note(report, recipient, reply)
        report.ended = True
        if not report.replies:
            self._reports.append(report)
        self._record_in_time()

    def _hold(self, claim: Claim) -> bool:
        """Keep the lease longer than the next transaction can take. False when another worker has the mail."""
        left = self._leases[claim.mail_id] + settings.OUTBOX_LEASE_SECONDS - time.monotonic()
        if left > settings.RELAY_SESSION_SECONDS + 2 * settings.RELAY_TIMEOUT_SECONDS:
            return True
        self._leases[claim.mail_id] = time.monotonic()
        return outbox_queue.renew(claim)

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

    def _hand_over(self, claim: Claim, envelope: Envelope, following: Envelope | None = None) -> Reply:
        if claim.unsure and self._question:
            known = self._question(envelope.sender, envelope.recipient, claim.header_message_id)
            if known:
                return Reply(Outcome.ACCEPTED, "2.0.0", "taken over earlier")
            if known is None:
                return Reply(Outcome.UNKNOWN, "4.4.2", "waiting for the relay to tell whether it has the mail")
            following = None  # the relay may be asked about that one first
        if not claim.final:
            return Reply(Outcome.LATER, "4.4.2", "the relay does not have it; it leaves under the sender of now")
        reply = self._relay.send(envelope.sender, envelope.recipient, claim.content, following=following)
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
        report.replies.append((recipient, reply))
        if recipient != report.claim.pending[-1]:
            self._record_in_time()

    def _record_in_time(self) -> None:
        unrecorded = sum(len(report.replies) - report.recorded for report in self._reports)
        together = settings.OUTBOX_UNRECORDED_REPLIES if self._question else 1
        if unrecorded >= together or time.monotonic() - self._oldest >= settings.OUTBOX_UNRECORDED_SECONDS:
            self._record()

    def _record(self) -> None:
        """Store replies and the mails' next states, one transaction an organization; kept until it is committed."""
        by_organization: dict[int, list[_Report]] = defaultdict(list)
        for report in self._reports:
            by_organization[report.claim.organization_id].append(report)
        for organization_id, reports in by_organization.items():
            told = [_told(report.claim, *pair) for report in reports for pair in report.replies[report.recorded :]]
            settled = [_settled(report) for report in reports if report.ended]
            with scope.organization(organization_id):
                if told:
                    fate.record(told)
                if settled:
                    outbox_queue.settle(settled)
            for report in reports:
                report.recorded = len(report.replies)
        self._reports = [report for report in self._reports if not report.ended]
        self._oldest = time.monotonic()

    def _rest(self, untried: Sequence[Claim], error: RelayUnavailable) -> None:
        """No session with the relay: nothing was tried, so nothing counts as an attempt."""
        log.warning("relay not available: %s", error)
        outbox_queue.release(untried)
        if self._breaker.fail():
            outbox_queue.tell_waiting(str(error))


def _batch_after(tried: int, seconds: float) -> int:
    """How many mails to take next time: what the relay carries in OUTBOX_BATCH_SECONDS, so that nobody's mail waits longer
    behind a batch. 0 when the last one tells nothing."""
    return max(SMALLEST_BATCH, int(tried * settings.OUTBOX_BATCH_SECONDS / max(seconds, 0.001))) if tried else 0


def _told(claim: Claim, recipient: Pending, reply: Reply) -> Told:
    if reply.outcome is Outcome.ACCEPTED:
        return Told(recipient.recipient_id, fate.State.SENT, reply.status, reply.text)
    if reply.outcome is Outcome.REFUSED:
        return Told(recipient.recipient_id, fate.State.FAILED, reply.status, reply.text)
    if claim.last:
        return Told(recipient.recipient_id, fate.State.FAILED, EXPIRED_STATUS, reply.text)
    return Told(recipient.recipient_id, fate.State.DELAYED, reply.status, reply.text)


def _settled(report: _Report) -> Settled:
    """The mail's own next state: another try, or the end when every recipient has one."""
    unfinished = [reply for _, reply in report.replies if reply.outcome in UNFINISHED]
    last = (unfinished or [reply for _, reply in report.replies])[-1:]
    again = bool(unfinished) and not report.claim.last
    return Settled(
        claim=report.claim,
        retry_minutes=outbox_queue.retry_minutes(report.claim.attempts) if again else None,
        unsure=any(reply.outcome is Outcome.UNKNOWN for reply in unfinished),
        reply=last[0].text if last else "",
    )


def _envelope(claim: Claim, recipient: Pending) -> Envelope:
    """The envelope, whose sender names mail and recipient, so that any report coming back to it can be placed."""
    token = tokens.VerpToken(claim.organization_id, claim.mail_id, recipient.recipient_id)
    sender = f"{tokens.sign_verp(keys.token_keys(), token)}@{claim.return_path_domain}"
    return Envelope(sender, recipient.address, len(claim.content))
