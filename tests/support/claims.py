"""A town whose domain is served by real nameservers on loopback, and the DNS of the service itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from organizations import scope
from tests.support.builders import Town
from tests.support.dns import NameServer, World, Zone, publish
from whitelabel import activation, checking, claims
from whitelabel.models import DkimKey, SenderAddress, SenderDomain

DOMAIN = "lillestad.test"
ADDRESS = f"jobb@{DOMAIN}"


@dataclass
class Domain:
    """A sender domain in the database and its zone on two nameservers."""

    town: Town
    claim_id: int
    zone: Zone
    servers: tuple[NameServer, NameServer]
    world: World

    @property
    def claim(self) -> SenderDomain:
        """The claim as it is stored now."""
        with scope.organization(self.town.organization):
            return SenderDomain.objects.get(pk=self.claim_id)

    def sender(self, address: str = ADDRESS) -> SenderAddress | None:
        """The sender address as it is stored now."""
        with scope.organization(self.town.organization):
            return SenderAddress.objects.filter(address=address).first()

    def publish(
        self, text: str = "", *, without: tuple[str, ...] = (), dmarc: str = "v=DMARC1; p=none", resolver: bool = True
    ) -> None:
        """Load the expected records (but for the keys `without`) plus `text` on both nameservers.

        Without `resolver` that one still remembers what was there before.
        """
        with scope.organization(self.town.organization):
            records = claims.records_of(SenderDomain.objects.get(pk=self.claim_id))
        lines = publish(records, DOMAIN, without=without)
        policy = f'_dmarc TXT "{dmarc}"' if dmarc else ""
        zone = Zone(DOMAIN, f"{lines}\n{policy}\n{text}", nameservers=self.zone.nameservers)
        zone.serial = self.zone.serial = self.zone.serial + 1
        for server in (*self.servers, *([self.world.resolver] if resolver else [])):
            server.load(zone)

    def check(self) -> SenderDomain:
        """Run the check that is due now, as the Celery task does."""
        with scope.organization(self.town.organization):
            first_in_line = timezone.now() - timedelta(days=1)
            SenderDomain.objects.filter(pk=self.claim_id).update(next_check_at=first_in_line, lease_until=None)
        assert checking.check_due() == 1
        return self.claim

    def age(self, **fields: Any) -> None:
        """Set columns of the claim, mostly its clocks."""
        with scope.organization(self.town.organization):
            SenderDomain.objects.filter(pk=self.claim_id).update(**fields)

    def minutes_pass(self, minutes: int) -> None:
        """Move every clock of the claim and of its verdicts back."""
        claim, by = self.claim, timedelta(minutes=minutes)
        verdicts = [v | {"since": (datetime.fromisoformat(v["since"]) - by).isoformat()} for v in claim.verdicts]
        clocks = ("bad_since", "unclear_since", "ready_since", "checked_at")
        self.age(verdicts=verdicts, **{name: value - by for name in clocks if (value := getattr(claim, name))})

    def agree(self) -> SenderDomain:
        """Two rounds, as far apart as they must be."""
        first = self.check().ready_since
        if first is not None:
            self.age(ready_since=first - timedelta(seconds=settings.SENDER_AGREEING_SECONDS))
        return self.check()


def use_world(settings: Any, world: World) -> None:
    """Let the checks ask the world's servers, with short tries."""
    settings.DNS_RESOLVERS = [f"127.0.0.1:{world.port}"]
    settings.DNS_AUTHORITATIVE_PORT = world.port
    settings.DNS_ALLOW_PRIVATE = True
    settings.DNS_TRY_SECONDS = [0.3, 0.9]  # the servers share this process, and the machine with other tests
    settings.DNS_QUERIES_PER_SECOND = 5000.0
    settings.DNS_QUERY_BURST = 5000
    settings.SENDER_DOMAIN_CHECK_SECONDS = 0


def domain_of(town: Town, world: World, nameservers: tuple[str, str] = (f"ns1.{DOMAIN}", f"ns2.{DOMAIN}")) -> Domain:
    """Start the claim of the town's domain; nothing is published yet."""
    zone = Zone(DOMAIN)
    servers = (world.serve(nameservers[0], zone), world.serve(nameservers[1], zone))
    ours = Zone(settings.MAIL_DOMAIN, '_spf TXT "v=spf1 ip4:192.0.2.10 ~all"\nmx1 A 192.0.2.11\nmx2 A 192.0.2.12')
    world.serve(f"ns1.{settings.MAIL_DOMAIN}", ours)
    world.delegate("test", lillestad=list(nameservers))
    with scope.organization(town.organization):
        claim = claims.start(DOMAIN, actor=town.admin)
        claims.note_label(claim, claim.label, {"code": "free", "found": "", "refused": []})
    return Domain(town, claim.pk, zone, servers, world)


def other_key(claim: SenderDomain) -> str:
    """A public key that is not the claim's first: its second."""
    return DkimKey.objects.get(sender_domain=claim, selector="k2").public_key


def ask(domain: Domain, address: str = ADDRESS) -> SenderAddress:
    """Press the button: the next check decides."""
    with scope.organization(domain.town.organization):
        claim = SenderDomain.objects.get(pk=domain.claim_id)
        return activation.request(claim, address, actor=domain.town.admin, record_version=claim.record_version)


def activated(domain: Domain) -> Domain:
    """The domain with its records published and its address in use."""
    domain.publish()
    domain.agree()
    ask(domain)
    domain.check()
    return domain
