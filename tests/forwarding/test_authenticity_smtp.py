"""Who wrote a forwarded mail, over real SMTP with real signatures, seals and names: the level, its reason, never a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dkim
import pytest
from dnslib.server import DNSServer

from forwarding.authenticity import Level, Reason
from forwarding.verifying import Verifier, trust_from_settings
from tests.forwarding.dns_zone import Zone, resolver_for
from tests.forwarding.test_signature_checks import PRIVATE, RECORD
from tests.support.builders import Town
from tests.support.forwarders import exchange_footer
from tests.support.mails import Pipeline, address_of, mail, messages, pipeline

pytestmark = pytest.mark.django_db(transaction=True)

MICROSOFT_IP, GOOGLE_IP, RELAY_POOL_IP, GATEWAY_IP, OTHER_IP = (
    "40.107.22.52", "2a00:1450:4864:20::441", "40.95.22.52", "198.51.100.7", "192.0.2.1",
)  # fmt: skip
SIGNERS = ("example.org", "lillestad.se", "mailer.example.net")
SEALERS = ("microsoft.com", "google.com", "gateway.lillestad.se", "evil.example")
STRICT = {"_dmarc.example.org": ["v=DMARC1; p=reject"]}


@pytest.fixture
def post(transactional_db: None) -> Iterator[Pipeline]:
    with pipeline(behind_proxy=True) as running:
        yield running


def signed(raw: bytes, domain: str = "example.org", **options: object) -> bytes:
    fields = [b"from", b"to", b"subject"]
    return bytes(dkim.sign(raw, b"s", domain.encode(), PRIVATE, include_headers=fields, **options)) + raw


def sealed(raw: bytes, sealer: str, results: str) -> bytes:
    """As a mail service passes it on: with the results of its checks, sealed."""
    checked = f"Authentication-Results: mx.{sealer}; {results}\r\n".encode() + raw
    server = f"mx.{sealer}".encode()
    fields = [b"from", b"to", b"subject"]
    seal = dkim.arc_sign(checked, b"s", sealer.encode(), PRIVATE, server, include_headers=fields)
    assert seal
    return b"".join(seal) + raw


def with_footer(raw: bytes) -> bytes:
    return exchange_footer(raw, "jobb@lillestad.se", "", "").octets


def passed(raw: bytes, sealer: str = "microsoft.com") -> bytes:
    return sealed(raw, sealer, "spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org")


def failed(raw: bytes) -> bytes:
    return sealed(raw, "microsoft.com", "spf=fail smtp.mailfrom=example.org; dmarc=fail header.from=example.org")


@dataclass
class Case:
    """What comes from where, and what is said of it. `names`: more names in the DNS; `broken`: names nobody answers for."""

    raw: Callable[[], bytes]
    peer_ip: str
    level: str
    reason: str
    names: dict[str, list[str]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


OWN = "Chefen <chefen@lillestad.se>"
FOOTER_KEY = "s._domainkey.example.org"
CASES = {
    "signed": Case(lambda: signed(mail()), OTHER_IP, "verified", "signed"),
    "signed, strict policy, relay pool": Case(lambda: signed(mail()), RELAY_POOL_IP, "verified", "signed", STRICT),
    "own domain, signed": Case(lambda: signed(mail(sender=OWN), "lillestad.se"), OTHER_IP, "verified", "signed"),
    "vouched by Microsoft": Case(
        lambda: passed(with_footer(signed(mail()))), MICROSOFT_IP, "verified_upstream", "vouched"
    ),
    "vouched by Google": Case(
        lambda: sealed(with_footer(mail()), "google.com", "dkim=pass header.i=@example.org header.s=s"),
        GOOGLE_IP, "verified_upstream", "vouched",
    ),
    "vouched by the customer's gateway": Case(
        lambda: passed(with_footer(mail()), "gateway.lillestad.se"), GATEWAY_IP, "verified_upstream", "vouched"
    ),
    "the gateway's seal from elsewhere": Case(
        lambda: passed(mail(), "gateway.lillestad.se"), OTHER_IP, "unverified", "no_signature"
    ),
    "Microsoft's seal from elsewhere": Case(
        lambda: passed(with_footer(signed(mail()))), OTHER_IP, "unverified", "broken_signature"
    ),
    "a stranger's seal from Microsoft": Case(
        lambda: passed(mail(), "evil.example"), MICROSOFT_IP, "unverified", "no_signature"
    ),
    "changed after Microsoft sealed it": Case(
        lambda: with_footer(passed(mail())), MICROSOFT_IP, "unverified", "no_signature"
    ),
    "begun by a stranger and sealed by Microsoft": Case(
        lambda: sealed(
            passed(mail(), "evil.example"), "microsoft.com", "arc=pass; spf=fail; dmarc=fail header.from=example.org"
        ),
        MICROSOFT_IP, "unverified", "no_signature",
    ),
    "no signature": Case(mail, OTHER_IP, "unverified", "no_signature", STRICT),
    "footer": Case(lambda: with_footer(signed(mail())), OTHER_IP, "unverified", "broken_signature", STRICT),
    "subject tag": Case(
        lambda: signed(mail()).replace(b"Subject: ", b"Subject: [EXTERN] "), OTHER_IP, "unverified", "broken_signature"
    ),
    "part of the body signed": Case(lambda: signed(mail(), length=True), OTHER_IP, "unverified", "weak_signature"),
    "another's signature": Case(
        lambda: signed(mail(), "mailer.example.net"), OTHER_IP, "unverified", "other_signer"
    ),
    "results anybody can write": Case(
        lambda: b"Authentication-Results: mail.kundo.se; dkim=pass header.d=example.org; dmarc=pass "
        b"header.from=example.org\r\nX-Kundo-Verified: yes\r\n" + mail(),
        OTHER_IP, "unverified", "no_signature",
    ),
    "no author": Case(lambda: mail(sender="Nobody"), OTHER_IP, "unverified", "no_author"),
    "relay pool, no policy": Case(mail, RELAY_POOL_IP, "unverified", "no_signature"),
    "relay pool, policy not answered": Case(
        mail, RELAY_POOL_IP, "unknown", "no_answer", broken=("_dmarc.example.org",)
    ),
    "key not answered": Case(lambda: signed(mail()), OTHER_IP, "unknown", "no_answer", STRICT, (FOOTER_KEY,)),
    "relay pool, strict policy": Case(mail, RELAY_POOL_IP, "warning", "rejected_upstream", STRICT),
    "failed at Microsoft, strict policy": Case(
        lambda: failed(with_footer(mail())), MICROSOFT_IP, "warning", "rejected_upstream", STRICT
    ),
    "failed at Microsoft, no policy": Case(lambda: failed(mail()), MICROSOFT_IP, "unverified", "no_signature"),
    "a header too large to check": Case(
        lambda: signed(mail()).replace(b"\r\n\r\n", b"\r\n" + b"X-A: b\r\n" * 40_000 + b"\r\n", 1),
        OTHER_IP, "unverified", "not_examinable",
    ),
    "own domain": Case(lambda: mail(sender=OWN), OTHER_IP, "warning", "own_domain"),
    "own inbox": Case(lambda: mail(sender="jobb@lillestad.se"), OTHER_IP, "warning", "own_domain"),
    "two authors": Case(
        lambda: b"From: chefen@lillestad.se\r\n" + signed(mail()), OTHER_IP, "warning", "several_authors"
    ),
    "a name that is another address": Case(
        lambda: signed(mail(sender='"chefen@lillestad.se" <barry@example.org>')), OTHER_IP, "warning", "name_of_another"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_author_is_judged_and_the_mail_is_filed_whatever_the_verdict(
    post: Pipeline, lillestad: Town, server: DNSServer, settings: object, name: str
) -> None:
    case = CASES[name]
    settings.TRUSTED_SEALERS = ["gateway.lillestad.se=198.51.100.0/24|2001:db8::/32"]  # type: ignore[attr-defined]
    zone = Zone()
    zone.texts = {f"s._domainkey.{domain}": [RECORD] for domain in (*SIGNERS, *SEALERS)} | case.names
    zone.broken = set(case.broken)
    server.server.resolver = zone
    post.send(case.raw(), address_of(lillestad.inbox), peer_ip=case.peer_ip)
    post.file()
    with Verifier(resolver_for(server)) as verifier:
        verifier.verify_due()
    [message] = messages(lillestad.inbox)
    assert (message.authenticity, message.authenticity_reason) == (case.level, case.reason)
    assert message.conversation.status == "unanswered"


def test_every_level_and_reason_is_among_the_cases() -> None:
    assert {case.level for case in CASES.values()} == set(map(str, Level))
    assert {case.reason for case in CASES.values()} == set(map(str, Reason))


def test_without_setting_only_microsoft_and_google_are_trusted() -> None:
    assert [sealer.domain for sealer in trust_from_settings().sealers] == ["microsoft.com", "google.com"]
