"""The worker that empties the outbox: claim, send to the relay, record, one recipient at a time.

What is promised: every mail reaches the relay at least once; more than once only if this process dies, or the connection
breaks, between the final dot and the record of the reply, and the relay cannot be asked (RELAY_QUESTION). Octets,
Message-ID and Date are the same in every try.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import cached_property

from django.conf import settings
from django.utils.module_loading import import_string

from organizations import scope
from whitelabel import fate, keys, outbox_queue, tokens
from whitelabel.breaker import Breaker
from whitelabel.fate import record_bounce
from whitelabel.outbox_queue import Claim, Pending
from whitelabel.relay import Outcome, Relay, RelayAddress, RelayUnavailable, Reply

__all__ = ["Courier", "RelayQuestion", "record_bounce"]

log = logging.getLogger(__name__)

RelayQuestion = Callable[[str, str, str], bool | None]
"""(envelope sender, recipient, Message-ID) → whether the relay took that mail over; None when it cannot tell now."""

GAVE_UP = Reply(Outcome.REFUSED, "4.4.7", "")
"""Status of RFC 3463 for "delivery time expired"; the text is that of the last try."""


class Courier:
    """Carries mail from the outbox to the relay. `step` is called in a loop; one courier per process."""

    def __init__(self, relay: Relay | None = None, question: RelayQuestion | None = None) -> None:
        self._relay = relay or Relay(RelayAddress.from_settings())
        self._given_question = question
        self._leases: dict[int, float] = {}
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
        if self._breaker.is_open:
            return 0
        started = time.monotonic()
        claims = outbox_queue.claim(settings.OUTBOX_BATCH)
        self._leases = dict.fromkeys((claim.mail_id for claim in claims), started)
        for position, claim in enumerate(claims):
            if self._breaker.is_open:
                outbox_queue.release(claims[position:])
                return position
            try:
                self._deliver(claim)
            except RelayUnavailable as error:
                self._rest(claims[position:], error)
                return position
        return len(claims)

    def close(self) -> None:
        """End the session with the relay."""
        self._relay.close()

    def _deliver(self, claim: Claim) -> None:
        """Try every pending recipient. Raises RelayUnavailable when nothing could be tried."""
        replies: list[tuple[Pending, Reply]] = []
        for recipient in claim.pending:
            if not self._hold(claim):
                return
            try:
                reply = self._hand_over(claim, recipient)
            except RelayUnavailable as error:
                if not replies:
                    raise
                # Some recipients were tried: this counts as an attempt, so that the others get their next one.
                self._breaker.fail()
                reply = Reply(Outcome.LATER, "4.4.1", str(error), trouble=True)
            replies.append((recipient, reply))
            if reply.outcome is Outcome.ACCEPTED and recipient != claim.pending[-1]:
                with scope.organization(claim.organization_id):
                    fate.accepted(recipient.recipient_id, reply)
        self._record(claim, replies)

    def _hold(self, claim: Claim) -> bool:
        """Keep the lease longer than the next transaction can take. False when another worker has the mail."""
        left = self._leases[claim.mail_id] + settings.OUTBOX_LEASE_SECONDS - time.monotonic()
        if left > settings.RELAY_TRANSACTION_SECONDS:
            return True
        self._leases[claim.mail_id] = time.monotonic()
        return outbox_queue.renew(claim)

    def _hand_over(self, claim: Claim, recipient: Pending) -> Reply:
        envelope_sender = _return_path(claim, recipient)
        if claim.unsure and self._question:
            known = self._question(envelope_sender, recipient.address, claim.header_message_id)
            if known:
                return Reply(Outcome.ACCEPTED, "2.0.0", "taken over earlier")
            if known is None:
                return Reply(Outcome.UNKNOWN, "4.4.2", "waiting for the relay to tell whether it has the mail")
        reply = self._relay.send(envelope_sender, recipient.address, claim.content)
        if reply.trouble:
            self._breaker.fail()
        else:
            self._breaker.succeed()
        return reply

    def _record(self, claim: Claim, replies: Sequence[tuple[Pending, Reply]]) -> None:
        """Store every reply and the mail's own next state, in one transaction."""
        unfinished = [reply for _, reply in replies if reply.outcome in (Outcome.LATER, Outcome.UNKNOWN)]
        with scope.organization(claim.organization_id):
            for recipient, reply in replies:
                _store(claim, recipient, reply)
            last = (unfinished or [reply for _, reply in replies] or [GAVE_UP])[-1]
            if unfinished and not claim.last:
                unsure = any(reply.outcome is Outcome.UNKNOWN for reply in unfinished)
                outbox_queue.postpone(claim, last.text, unsure=unsure)
            else:
                outbox_queue.finish(claim, last.text)

    def _rest(self, untried: Sequence[Claim], error: RelayUnavailable) -> None:
        """No session with the relay: nothing was tried, so nothing counts as an attempt."""
        log.warning("relay not available: %s", error)
        outbox_queue.release(untried)
        if self._breaker.fail():
            outbox_queue.tell_waiting(str(error))


def _store(claim: Claim, recipient: Pending, reply: Reply) -> None:
    if reply.outcome is Outcome.ACCEPTED:
        fate.accepted(recipient.recipient_id, reply)
    elif reply.outcome is Outcome.REFUSED:
        fate.failed(recipient.recipient_id, reply)
    elif claim.last:
        fate.failed(recipient.recipient_id, Reply(Outcome.REFUSED, GAVE_UP.status, reply.text))
    else:
        fate.delayed(recipient.recipient_id, reply)


def _return_path(claim: Claim, recipient: Pending) -> str:
    """The envelope sender that names mail and recipient, so that any report coming back to it can be placed."""
    token = tokens.VerpToken(claim.organization_id, claim.mail_id, recipient.recipient_id)
    return f"{tokens.sign_verp(keys.token_keys(), token)}@{claim.return_path_domain}"
