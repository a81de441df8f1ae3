"""A customer's domain with two nameservers, our own zone and a parent, ready to be published in right or wrong ways."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.dns import NameServer, World, Zone, publish
from whitelabel.diagnosis.judging import diagnose
from whitelabel.diagnosis.values import Context, Verdict
from whitelabel.records import ClaimFacts, ExpectedRecord, expected_records
from whitelabel.survey.limits import Memory
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.values import Survey

DOMAIN = "kund.test"
OURS = "post.test"
TOKEN = "mfrggzdfmztwq2lknnwg23tpoa"
OTHER_TOKEN = "ob3gk4ttmvzxi2lomf2gk3dmmu"
K1 = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "k1Z3" * 85 + "AwIDAQAB"
K2 = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "k2Y7" * 85 + "AwIDAQAB"
DMARC = '_dmarc TXT "v=DMARC1; p=none"'
FACTS = ClaimFacts(DOMAIN, "mgeu", TOKEN, (("k1", K1), ("k2", K2)), OURS)


def strings(text: str, at: int = 255) -> str:
    """Zone-file form of a long TXT value, cut into two strings."""
    return f'"{text[:at]}" "{text[at:]}"'


def key(p: str) -> str:
    """A DKIM key record's text."""
    return f"v=DKIM1; k=rsa; p={p}"


class Stage:
    """The servers and the expected records; `look` surveys and diagnoses."""

    def __init__(self, world: World, profile: str = "B", *, exact_domain: bool = False) -> None:
        self.world = world
        self.expected: tuple[ExpectedRecord, ...] = expected_records(FACTS, profile=profile, exact_domain=exact_domain)
        self.context = Context(retry_at="10:42")
        self.memory: Memory | None = None
        self.zone = Zone(DOMAIN)
        self.ns1: NameServer = world.serve("ns1.kund.test", self.zone)
        self.ns2: NameServer = world.serve("ns2.kund.test", self.zone)
        world.serve("ns1.post.test", self.our_zone())
        self.parent = world.delegate("test", kund=["ns1.kund.test", "ns2.kund.test"], post=["ns1.post.test"])

    def our_zone(self) -> Zone:
        """What the service publishes itself."""
        return Zone(
            OURS,
            f"""
            _spf TXT "v=spf1 ip4:192.0.2.10 ~all"
            mx1 A 192.0.2.11
            mx2 A 192.0.2.12
            {TOKEN}.rp TXT "v=spf1 ip4:192.0.2.10 ~all"
            {TOKEN}.rp MX 10 mx1.post.test.
            k1.{TOKEN}.dkim TXT {strings(key(K1))}
            k2.{TOKEN}.dkim TXT {strings(key(K2))}
            {OTHER_TOKEN}.rp TXT "v=spf1 ip4:192.0.2.10 ~all"
            """,
        )

    def publish(
        self, text: str = "", *, without: tuple[str, ...] | str = (), serial: int = 2, negative_ttl: int = 60
    ) -> None:
        """Everything right but for the keys `without`, plus `text`, on both nameservers and for the resolver."""
        zone = self.make(text, without=without, serial=serial, negative_ttl=negative_ttl)
        for server in (self.ns1, self.ns2, self.world.resolver):
            server.load(zone)

    def only(self, text: str = "", *, serial: int = 2) -> None:
        """Nothing of what we ask for, only `text`."""
        self.publish(text, without=tuple(record.key for record in self.expected), serial=serial)

    def make(
        self, text: str = "", *, without: tuple[str, ...] | str = (), serial: int = 2, negative_ttl: int = 60
    ) -> Zone:
        """The zone `publish` would load."""
        without = (without,) if isinstance(without, str) else without
        lines = [publish(self.expected, DOMAIN, without=without), text]
        if "_dmarc " not in text:
            lines.append(DMARC)
        return Zone(DOMAIN, "\n".join(lines), serial, negative_ttl, self.zone.nameservers)

    def look(self, **settings: Any) -> dict[str, Verdict]:
        """One check: verdicts by record key. Memory is fresh unless the test keeps one."""
        return {
            verdict.record.key: verdict
            for verdict in diagnose(self.survey(**settings), self.expected, context=self.context)
        }

    def survey(self, **settings: Any) -> Survey:
        """The survey of one check."""
        limits = self.world.settings(**settings)
        memory = self.memory or new_memory(limits)
        return asyncio.run(survey(self.expected, DOMAIN, settings=limits, memory=memory))
