"""Proving the author of filed mail: DKIM and ARC on the octets, asked of the DNS, after the mail is visible.

It is a second queue on the same rows (Delivery.verify_at), so a slow nameserver delays no mail. A domain that cannot
be asked is asked again later; until then the mail's author is unknown, never false.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

import dns.nameserver
import dns.resolver
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from conversations import live
from conversations.models import Message
from forwarding.authenticity import Examination, Level, Verdict, author_domain, facts_of, judge
from forwarding.models import Delivery
from forwarding.reading import ReadMail, read_headers
from forwarding.signature_checks import dmarc_policy, examine
from inboxes.models import Inbox
from organizations import scope
from whitelabel.models import SenderDomain
from whitelabel.survey.settings import parse_resolver

log = logging.getLogger(__name__)

_CLAIM = """
    UPDATE forwarding_delivery SET verify_at = now() + %s * interval '1 second', verify_attempts = verify_attempts + 1
    WHERE id IN (
        SELECT id FROM forwarding_delivery WHERE verify_at <= now() ORDER BY verify_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING id, organization_id, verify_attempts
"""


@dataclass(frozen=True)
class Due:
    """A filed delivery whose author is to be proved; `attempts` counts this one."""

    delivery_id: int
    organization_id: int
    attempts: int


class Verifier:
    """Looks at what is due, with one resolver and its cache."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self.resolver = resolver or resolver_from_settings()

    def verify_due(self) -> int:
        """Look at what is due; returns how many deliveries were taken."""
        with scope.queue(), connection.cursor() as cursor:
            cursor.execute(_CLAIM, [settings.VERIFY_LEASE_SECONDS, settings.VERIFY_BATCH])
            due = [Due(*row) for row in sorted(cursor.fetchall())]
        for each in due:
            self._look_at(each)
        return len(due)

    def _look_at(self, due: Due) -> None:
        try:
            self._verify(due)
        except Exception as error:
            if not connection.is_usable():
                raise OperationalError("the database is gone") from error
            log.exception("the author of delivery %s could not be proved", due.delivery_id)
            with scope.organization(due.organization_id):
                _settle(due, retry=True)

    def _verify(self, due: Due) -> None:
        with scope.organization(due.organization_id):
            delivery = Delivery.objects.select_related("raw").filter(pk=due.delivery_id).first()
            own = _own_domains()
        if delivery is None:
            return
        raw = bytes(delivery.raw.content)
        verdict = self.verdict(raw, delivery.peer_ip, own)  # asks the DNS: outside of any transaction
        with scope.organization(due.organization_id):
            _store(delivery, verdict)
            _settle(due, retry=verdict.level is Level.UNKNOWN)

    def verdict(self, raw: bytes, peer_ip: str, own_domains: frozenset[str]) -> Verdict:
        """Judge a mail that came from `peer_ip`. The policy of the author's domain is asked only if it matters."""
        mail = read_headers(raw)
        examination = examine(raw, self.resolver)
        verdict = _judged(mail, examination, peer_ip, None, own_domains)
        if verdict.level is not Level.UNKNOWN:
            return verdict
        domain = author_domain(mail)
        policy = dmarc_policy(domain, self.resolver) if domain else ""
        return _judged(mail, examination, peer_ip, policy, own_domains)


def resolver_from_settings() -> dns.resolver.Resolver:
    """A caching resolver that asks settings.DNS_RESOLVERS, for at most VERIFY_DNS_SECONDS a name."""
    resolver = dns.resolver.Resolver(configure=False)
    servers = [parse_resolver(text) for text in settings.DNS_RESOLVERS]
    resolver.nameservers = [dns.nameserver.Do53Nameserver(server.address, server.port) for server in servers]
    resolver.lifetime = settings.VERIFY_DNS_SECONDS
    resolver.cache = dns.resolver.LRUCache(settings.VERIFY_DNS_CACHED_NAMES)
    return resolver


def _judged(
    mail: ReadMail, examination: Examination, peer_ip: str, policy: str | None, own_domains: frozenset[str]
) -> Verdict:
    return judge(facts_of(mail, examination, peer_ip=peer_ip, policy=policy, own_domains=own_domains))


def _own_domains() -> frozenset[str]:
    inboxes = (address.rpartition("@")[2] for address in Inbox.objects.values_list("address", flat=True))
    return frozenset(inboxes) | frozenset(SenderDomain.objects.values_list("domain", flat=True))


def _store(delivery: Delivery, verdict: Verdict) -> None:
    """Show the verdict with the message, if it is news."""
    message = delivery.message
    news = {"authenticity": str(verdict.level), "authenticity_reason": str(verdict.reason)}
    if message is not None and Message.objects.filter(pk=message.pk).exclude(**news).update(**news):
        live.announce(message.conversation, "message")


def _settle(due: Due, *, retry: bool) -> None:
    """Done, or due again later (VERIFY_RETRY_MINUTES); after the last retry what is known remains."""
    steps = settings.VERIFY_RETRY_MINUTES
    again = (
        timezone.now() + timedelta(minutes=steps[due.attempts - 1]) if retry and due.attempts <= len(steps) else None
    )
    Delivery.objects.filter(pk=due.delivery_id).update(verify_at=again)
