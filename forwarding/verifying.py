"""Proving the author of filed mail: DKIM and ARC on the octets, asked of the DNS, after the mail is visible.

It has a queue of its own on the same rows (Delivery.verify_at), so a slow nameserver delays no mail. A domain that
cannot be asked is asked again later; until then the mail's author is unknown, never false. Signatures are checked in a
child process that may be killed; a mail that stops it is not verified, and says so.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Self

import dns.nameserver
import dns.resolver
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from conversations import live
from conversations.models import Conversation, Message
from forwarding import queue
from forwarding.authenticity import (
    GOOGLE,
    MICROSOFT,
    Examination,
    Level,
    Reason,
    Sealer,
    Trust,
    Verdict,
    author_domain,
    facts_of,
    judge,
)
from forwarding.limited_child import ChildLimits, ChildStopped, LimitedChild
from forwarding.models import Delivery
from forwarding.queue import Claim
from forwarding.reading import read_headers
from forwarding.sender_records import dmarc_policy, keys_at
from forwarding.signature_checks import CheckLimits, key_names
from inboxes.models import Inbox
from organizations import scope
from whitelabel.models import SenderDomain
from whitelabel.survey.settings import parse_resolver

log = logging.getLogger(__name__)

_NICENESS = 10  # of the checks: mail that is read and filed is waited for, and they are not
HOLDING = {"forwarding.authenticity": {"ArcSet", "Examination", "Outcome", "Signature"}}
_NOT_EXAMINABLE = Verdict(Level.UNVERIFIED, Reason.NOT_EXAMINABLE)
_HEADER_OCTETS = 512 * 1024
"""Of a mail, in which its author is looked for."""


class Verifier:
    """Looks at what is due, with one resolver and its cache, threads that wait for it, and a child for the signatures."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None, limits: ChildLimits | None = None) -> None:
        self.resolver = resolver or resolver_from_settings()
        self.trust = trust_from_settings()
        self.child = LimitedChild(
            "forwarding.signature_checks",
            Examination,
            HOLDING,
            limits or ChildLimits(),
            niceness=_NICENESS,
            checks=CheckLimits(),
        )
        self.waiting = ThreadPoolExecutor(settings.VERIFY_DNS_THREADS, "dns")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.waiting.shutdown()
        self.child.close()

    def verify_due(self) -> int:
        """Look at what is due; returns how many deliveries were taken. What half the lease is too short for is given back."""
        due = queue.claim_unproved(settings.VERIFY_BATCH)
        deadline = time.monotonic() + settings.VERIFY_LEASE_SECONDS / 2
        for batch in queue.batches(due, settings.FILING_BATCH_OCTETS):
            self._verify(batch, deadline)
        return len(due)

    def verify_beside_filing(self) -> int:
        """`verify_due` for a loop beside the filing of mail: while mail waits there, 0, so that it looks again later.

        Nobody waits for a proof as for the mail itself, and both want the same processor.
        """
        taken = self.verify_due()
        return 0 if queue.is_mail_waiting() else taken

    def _verify(self, batch: list[Claim], deadline: float) -> None:
        organization_id = batch[0].organization_id
        # Each time somebody took them, and nobody came to an end: they are not looked at again.
        fatal = [claim for claim in batch if claim.attempts > 1 + len(settings.VERIFY_RETRY_MINUTES)]
        with scope.organization(organization_id):
            pks = [claim.delivery_id for claim in batch if claim not in fatal]
            deliveries = Delivery.objects.select_related("raw").in_bulk(pks)
            own = _own_domains()
        verdicts: dict[int, Verdict | None] = {claim.delivery_id: _NOT_EXAMINABLE for claim in fatal}

        def look_at(delivery: Delivery) -> None:
            if time.monotonic() > deadline:
                return
            try:
                verdicts[delivery.pk] = self.verdict(bytes(delivery.raw.content), delivery.peer_ip, own)
            except Exception:
                log.exception("the author of delivery %s could not be proved", delivery.pk)
                verdicts[delivery.pk] = None

        # Outside of any transaction: they wait for the DNS. One alone needs no thread.
        run = self.waiting.map if len(deliveries) > 1 else map
        list(run(look_at, deliveries.values()))
        with scope.organization(organization_id):
            _store({pk: verdict for pk, verdict in verdicts.items() if verdict})
            _settle([(claim, verdicts[claim.delivery_id]) for claim in batch if claim.delivery_id in verdicts])
            _give_back([claim for claim in batch if claim.delivery_id not in verdicts])

    def verdict(self, raw: bytes, peer_ip: str, own_domains: frozenset[str]) -> Verdict:
        """Judge a mail that came from `peer_ip`. The policy of the author's domain is asked only if it matters."""
        mail = read_headers(raw[:_HEADER_OCTETS])
        facts = facts_of(mail, self.examine(raw), peer_ip=peer_ip, policy=None, own_domains=own_domains)
        verdict = judge(facts, self.trust)
        if verdict.level is not Level.UNKNOWN:
            return verdict
        domain = author_domain(mail)
        return judge(replace(facts, policy=dmarc_policy(domain, self.resolver) if domain else ""), self.trust)

    def examine(self, raw: bytes) -> Examination:
        """Check the signatures of a mail with the keys that the DNS gives."""
        names = key_names(raw)
        if names is None:
            return Examination()
        keys = keys_at(names, self.resolver, settings.VERIFY_MAIL_SECONDS)
        try:
            return self.child.ask("examine", raw, keys)
        except ChildStopped as stopped:
            log.warning("a check of signatures was stopped: %s", stopped)
            return Examination(given_up=True)


def resolver_from_settings() -> dns.resolver.Resolver:
    """A caching resolver that asks settings.DNS_RESOLVERS, for at most VERIFY_DNS_SECONDS a name."""
    resolver = dns.resolver.Resolver(configure=False)
    servers = [parse_resolver(text) for text in settings.DNS_RESOLVERS]
    resolver.nameservers = [dns.nameserver.Do53Nameserver(server.address, server.port) for server in servers]
    resolver.lifetime = settings.VERIFY_DNS_SECONDS
    resolver.cache = dns.resolver.LRUCache(settings.VERIFY_DNS_CACHED_NAMES)
    return resolver


def trust_from_settings() -> Trust:
    """Whose word counts: Microsoft's, Google's, and of settings.TRUSTED_SEALERS ("domain=network|network")."""
    own = (text.partition("=") for text in settings.TRUSTED_SEALERS)
    return Trust((MICROSOFT, GOOGLE, *(Sealer(domain, tuple(networks.split("|"))) for domain, _, networks in own)))


def _own_domains() -> frozenset[str]:
    inboxes = (address.rpartition("@")[2] for address in Inbox.objects.values_list("address", flat=True))
    return frozenset(inboxes) | frozenset(SenderDomain.objects.values_list("domain", flat=True))


def _store(verdicts: dict[int, Verdict]) -> None:
    """Show the verdicts (by delivery) with their messages, as far as they are news."""
    # Locked: a fuller copy may be taking the place of one just now.
    filed = Delivery.objects.filter(pk__in=verdicts, state=Delivery.State.FILED, message__isnull=False)
    shown = filed.select_for_update(of=("self",)).order_by("pk")
    by_verdict: dict[Verdict, list[int]] = defaultdict(list)
    for pk, message_id in shown.values_list("pk", "message_id"):
        by_verdict[verdicts[pk]].append(message_id)
    news: list[int] = []
    for verdict, pks in by_verdict.items():
        said = {
            "authenticity": str(verdict.level),
            "authenticity_reason": str(verdict.reason),
            "authenticity_by": verdict.proved_by[:255],
        }
        rows = Message.objects.filter(pk__in=pks).exclude(**said)
        news += rows.values_list("pk", flat=True)
        rows.update(**said)
    live.announce_all(Conversation.objects.filter(messages__in=news).distinct() if news else (), "message")


def _settle(settled: list[tuple[Claim, Verdict | None]]) -> None:
    """Done, or due again later (VERIFY_RETRY_MINUTES); after the last retry what is known remains."""
    steps = settings.VERIFY_RETRY_MINUTES
    again: dict[int, list[int]] = defaultdict(list)
    for claim, verdict in settled:
        retry = verdict is None or verdict.level is Level.UNKNOWN
        again[steps[claim.attempts - 1] if retry and claim.attempts <= len(steps) else 0].append(claim.delivery_id)
    for minutes, pks in again.items():
        due = timezone.now() + timedelta(minutes=minutes) if minutes else None
        Delivery.objects.filter(pk__in=pks).update(verify_at=due)


def _give_back(claims: Sequence[Claim]) -> None:
    pks = [claim.delivery_id for claim in claims]
    Delivery.objects.filter(pk__in=pks).update(verify_at=timezone.now(), verify_attempts=F("verify_attempts") - 1)
