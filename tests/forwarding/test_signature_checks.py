"""DKIM, ARC and DMARC policies checked through a real DNS server on loopback."""

import base64

import dkim
import dns.resolver
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dnslib.server import DNSServer

from forwarding import signature_checks
from forwarding.authenticity import Examination, Outcome, Signature
from forwarding.sender_records import dmarc_policy, keys_at
from forwarding.signature_checks import CheckLimits, key_names
from tests.forwarding.dns_zone import Zone, resolver_for

MAIL = b"From: Anna <anna@example.com>\r\nTo: jobb@lillestad.se\r\nSubject: Sommarjobb\r\n\r\nHej!\r\n"


def new_key(bits: int) -> tuple[bytes, str]:
    """A private key in PEM and its DKIM record."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


PRIVATE, RECORD = new_key(2048)
DEFAULTS = CheckLimits()


@pytest.fixture
def zone(server: DNSServer) -> Zone:
    """The server's zone, holding only the keys of example.com and sealer.example."""
    zone = Zone()
    zone.texts["s._domainkey.example.com"] = [RECORD]
    zone.texts["s._domainkey.sealer.example"] = [RECORD]
    server.server.resolver = zone
    return zone


@pytest.fixture
def resolver(server: DNSServer, zone: Zone) -> dns.resolver.Resolver:
    return resolver_for(server)


def examine(raw: bytes, resolver: dns.resolver.Resolver, limits: CheckLimits = DEFAULTS) -> Examination:
    """What the worker and its child do, in one."""
    keys = keys_at(key_names(raw, limits) or (), resolver, 10)
    return signature_checks.examine(raw, keys, limits)


def signed(mail: bytes = MAIL, domain: bytes = b"example.com", **options: object) -> bytes:
    headers = options.pop("include_headers", [b"from", b"to", b"subject"])
    return bytes(dkim.sign(mail, b"s", domain, PRIVATE, include_headers=headers, **options)) + mail


def sealed(mail: bytes = MAIL, *, cv: bytes = b"") -> bytes:
    results = b"Authentication-Results: mx.sealer.example; dmarc=pass header.from=example.com%s\r\n" % cv
    lines = dkim.arc_sign(
        results + mail, b"s", b"sealer.example", PRIVATE, b"mx.sealer.example", include_headers=[b"from", b"subject"]
    )
    return b"".join(lines) + mail


# --- DKIM ----------------------------------------------------------------------------------------------------------


def test_a_right_signature_passes(resolver):
    assert examine(signed(), resolver).signatures == (Signature("example.com", Outcome.PASS),)


def test_a_mail_without_signature_asks_nobody(resolver, zone):
    assert examine(MAIL, resolver) == Examination()
    assert zone.asked == []


@pytest.mark.parametrize(
    "raw",
    [
        signed() + b"--\r\nSent through a list\r\n",
        signed().replace(b"Subject: Sommar", b"Subject: [extern] Sommar"),
        signed().replace(b"From: Anna", b"From: Eve"),
        b"From: chef@example.com\r\n" + signed(),
        signed(domain=b"nokey.example"),
        signed(include_headers=[b"from", b"subject"]).replace(b"h=from", b"h=frog"),
    ],
    ids=["footer", "subject tag", "other author", "second author", "no key", "author not signed"],
)
def test_what_was_changed_or_has_no_key_fails(raw, resolver):
    assert [signature.outcome for signature in examine(raw, resolver).signatures] == [Outcome.FAIL]


def test_a_server_that_fails_makes_it_unknown_and_not_false(resolver, zone):
    zone.broken.add("s._domainkey.example.com")
    assert examine(signed(), resolver).signatures == (Signature("example.com", Outcome.UNKNOWN),)


def test_a_server_that_is_silent_makes_it_unknown(resolver):
    resolver.port = 1
    resolver.lifetime = 0.3
    assert examine(signed(), resolver).signatures == (Signature("example.com", Outcome.UNKNOWN),)


def test_a_short_key_is_weak(resolver):
    examination = examine(signed(), resolver, CheckLimits(key_bits=4096))
    assert examination.signatures == (Signature("example.com", Outcome.WEAK),)


def test_a_signature_over_part_of_the_body_is_weak(resolver):
    raw = signed(length=True) + b"Added below.\r\n"
    assert examine(raw, resolver).signatures == (Signature("example.com", Outcome.WEAK),)


def test_a_signature_with_sha_1_is_weak(resolver):
    raw = signed(signature_algorithm=b"rsa-sha1")
    assert examine(raw, resolver).signatures == (Signature("example.com", Outcome.WEAK),)


def test_each_signature_has_its_own_outcome(resolver, zone):
    zone.texts["s._domainkey.other.example"] = [RECORD]
    raw = signed(signed(MAIL, b"nokey.example"), b"other.example")
    assert examine(raw, resolver).signatures == (
        Signature("other.example", Outcome.PASS),
        Signature("nokey.example", Outcome.FAIL),
    )


def test_only_so_many_signatures_are_checked(resolver):
    raw = MAIL
    for _ in range(4):
        raw = signed(raw)
    assert len(examine(raw, resolver, CheckLimits(signatures=3)).signatures) == 3


@pytest.mark.parametrize(
    "field",
    [
        b"DKIM-Signature:\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=\r\n",
        b"DKIM-Signature: v=1; a=rot13; b=!; bh=!; d=example.com; h=from; s=s\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; d=" + b"a" * 80 + b".example; h=from; s=s\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; d=..; h=from; s=..\r\n",
        b"DKIM-Signature: " + b"a=b;" * 5_000 + b"\r\n",
        b" folded before any field\r\nDKIM-Signature: v=1\r\n",
        b"no field at all\r\nDKIM-Signature: v=1\r\n",
        b"ARC-Seal: i=1; cv=none\r\n",
        b"ARC-Seal: i=99999999999999999999; cv=none; a=rsa-sha256; b=AA==; d=x; s=s\r\n",
        b"ARC-Seal: \xff\xfe i=0\r\n",
    ],
)
def test_malformed_fields_fail_and_do_no_more(field, resolver):
    examination = examine(field + MAIL, resolver)
    assert all(signature.outcome is Outcome.FAIL for signature in examination.signatures)
    assert examination.arc in (Outcome.FAIL, Outcome.NONE)


# --- ARC -----------------------------------------------------------------------------------------------------------


def test_a_right_chain_passes_and_gives_its_results(resolver):
    examination = examine(sealed(), resolver)
    assert examination.arc is Outcome.PASS
    assert [(arc_set.instance, arc_set.sealer) for arc_set in examination.arc_sets] == [(1, "sealer.example")]
    assert "dmarc=pass header.from=example.com" in examination.arc_sets[0].results


def test_sets_are_in_order(resolver):
    examination = examine(sealed(sealed(), cv=b"; arc=pass"), resolver)
    assert [arc_set.instance for arc_set in examination.arc_sets] == [1, 2]


def test_a_changed_mail_breaks_the_chain(resolver):
    assert examine(sealed() + b"footer\r\n", resolver).arc is Outcome.FAIL


def test_a_chain_with_changed_results_is_broken(resolver):
    forged = sealed().replace(b"header.from=example.com", b"header.from=lillestad.se")
    examination = examine(forged, resolver)
    assert (examination.arc, examination.arc_sets) == (Outcome.FAIL, ())


def test_a_chain_whose_key_nobody_gives_is_unknown(resolver, zone):
    zone.broken.add("s._domainkey.sealer.example")
    assert examine(sealed(), resolver).arc is Outcome.UNKNOWN


# --- DMARC policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "domain", "policy"),
    [
        ({}, "example.com", ""),
        ({"_dmarc.example.com": ["v=DMARC1; p=reject"]}, "example.com", "reject"),
        ({"_dmarc.example.com": ["v=DMARC1; p=REJECT; sp=none"]}, "example.com", "reject"),
        ({"_dmarc.example.com": ["v=DMARC1; p=reject; sp=none"]}, "mail.example.com", "none"),
        ({"_dmarc.example.com": ["v=DMARC1; p=quarantine"]}, "mail.example.com", "quarantine"),
        (
            {"_dmarc.example.com": ["v=DMARC1; p=reject"], "_dmarc.mail.example.com": ["v=DMARC1; p=none"]},
            "mail.example.com",
            "none",
        ),
        ({"_dmarc.example.com": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}, "example.com", ""),
        ({"_dmarc.example.com": ["v=spf1 -all", "v=DMARC1; p=none"]}, "example.com", "none"),
        ({"_dmarc.example.com": ["v=DMARC1; p=sometimes"]}, "example.com", ""),
    ],
)
def test_the_policy_in_force_is_found(records, domain, policy, resolver, zone):
    zone.texts.update(records)
    assert dmarc_policy(domain, resolver) == policy


def test_a_policy_nobody_answers_for_is_not_known(resolver, zone):
    zone.broken.add("_dmarc.example.com")
    assert dmarc_policy("example.com", resolver) is None


def test_an_impossible_domain_has_no_policy(resolver):
    assert dmarc_policy("a" * 70 + ".example", resolver) == ""
