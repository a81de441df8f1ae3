"""Checking DKIM signatures and ARC chains on the raw octets: the one place of authentication that asks the DNS.

The cryptography is dkimpy's; names are resolved by the dnspython resolver that the caller gives (with its cache and
timeouts). A name that could not be asked makes a result unknown, never false.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

import dkim
import dns.exception
import dns.name
import dns.resolver

from forwarding.authenticity import ArcSet, Examination, Outcome, Signature
from whitelabel.dmarc import dmarc_texts
from whitelabel.effects import tags
from whitelabel.organizational_domains import organizational_domain


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What is checked; every signature costs one pass over the whole mail."""

    signatures: int = 5
    arc_sets: int = 10
    field_octets: int = 10_000
    key_bits: int = 1_024


class NotAnswered(Exception):
    """A name could not be resolved; whether it exists is not known."""


# What dkimpy lets through on malformed input, beside its own exceptions.
_MALFORMED = (
    dkim.DKIMException,
    binascii.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)

_NO_CHAIN: tuple[Outcome, tuple[ArcSet, ...]] = (Outcome.NONE, ())
_FIELD = re.compile(
    rb"(?im)^(dkim-signature|arc-seal|arc-message-signature|arc-authentication-results)[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)"
)
_SHA1 = re.compile(rb"(?:^|;)\s*a\s*=\s*rsa-sha1\s*(?:;|$)")
_PARTIAL = re.compile(rb"(?:^|;)\s*l\s*=")


def examine(raw: bytes, resolver: dns.resolver.Resolver, limits: CheckLimits = CheckLimits()) -> Examination:
    """Check all signatures and the ARC chain of a mail. Never raises for what the mail holds."""
    fields = _fields(raw)
    ask = _key_lookup(resolver)
    signatures = [value for name, value in fields if name == b"dkim-signature"][: limits.signatures]
    checked = tuple(_check(raw, index, value, ask, limits) for index, value in enumerate(signatures))
    arc, arc_sets = (
        _check_chain(raw, ask, limits) if any(name != b"dkim-signature" for name, _ in fields) else _NO_CHAIN
    )
    return Examination(checked, arc, arc_sets)


def dmarc_policy(domain: str, resolver: dns.resolver.Resolver) -> str | None:
    """The DMARC policy for mail from `domain` (RFC 7489 section 6.6.3): "" when there is none, None when nobody answers."""
    organization = organizational_domain(domain)
    try:
        own = dmarc_texts(_texts(f"_dmarc.{domain}", resolver))
        inherited = (
            dmarc_texts(_texts(f"_dmarc.{organization}", resolver)) if not own and organization != domain else ()
        )
    except NotAnswered:
        return None
    record = tags((own or inherited)[0]) if len(own or inherited) == 1 else {}
    policy = (record.get("sp") if inherited else None) or record.get("p", "")
    return policy.lower() if policy.lower() in ("none", "quarantine", "reject") else ""


def _fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The signature fields of the header, in the order dkimpy counts them, values unfolded."""
    header = re.split(rb"\r?\n\r?\n", raw[:1_000_000], maxsplit=1)[0]
    return [(match[1].lower(), re.sub(rb"\s+", b" ", match[2])) for match in _FIELD.finditer(header)]


def _check(raw: bytes, index: int, value: bytes, ask: Callable[..., bytes | None], limits: CheckLimits) -> Signature:
    domain = tags(value.decode("latin-1")).get("d", "").strip().rstrip(".").lower()
    if len(value) > limits.field_octets:
        return Signature(domain, Outcome.FAIL)
    try:
        checker = dkim.DKIM(raw, minkey=limits.key_bits)
        right = checker.verify(index, dnsfunc=ask) and b"from" in checker.include_headers
    except NotAnswered:
        return Signature(domain, Outcome.UNKNOWN)
    except dkim.KeyFormatError:
        # Raised for a right signature by a key that is too short.
        return Signature(domain, Outcome.WEAK)
    except _MALFORMED:
        return Signature(domain, Outcome.FAIL)
    if right and (_SHA1.search(value) or _PARTIAL.search(value)):
        return Signature(domain, Outcome.WEAK)
    return Signature(domain, Outcome.PASS if right else Outcome.FAIL)


def _check_chain(
    raw: bytes, ask: Callable[..., bytes | None], limits: CheckLimits
) -> tuple[Outcome, tuple[ArcSet, ...]]:
    try:
        chain = dkim.ARC(raw, minkey=limits.key_bits)
        instances, _headers = chain.sorted_arc_headers()
        if instances > limits.arc_sets:
            return Outcome.FAIL, ()
        result, details, _comment = chain.verify(dnsfunc=ask)
    except NotAnswered:
        return Outcome.UNKNOWN, ()
    except _MALFORMED:
        return Outcome.FAIL, ()
    if result != dkim.CV_Pass:
        return (Outcome.NONE if result == dkim.CV_None else Outcome.FAIL), ()
    sets = [
        ArcSet(
            detail["instance"],
            detail["as-domain"].decode("latin-1").lower(),
            detail["aar-value"].decode("utf-8", "replace"),
        )
        for detail in details
    ]
    return Outcome.PASS, tuple(sorted(sets, key=lambda arc_set: arc_set.instance))


def _key_lookup(resolver: dns.resolver.Resolver) -> Callable[..., bytes | None]:
    """The function dkimpy asks for keys with: None when there is no key, NotAnswered when that is not known."""

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        texts = _texts(name.decode("latin-1"), resolver)
        return next((text.encode("latin-1", "replace") for text in texts if "p=" in text.replace(" ", "")), None)

    return ask


def _texts(name: str, resolver: dns.resolver.Resolver) -> tuple[str, ...]:
    """The TXT records at a name, each joined; raises NotAnswered when the DNS does not say."""
    try:
        asked = dns.name.from_text(name.rstrip(".") + ".")
    except (dns.exception.DNSException, ValueError):
        return ()  # An impossible name: no server needs to be asked.
    try:
        answer = resolver.resolve(asked, "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise NotAnswered(name) from error
    return tuple(b"".join(record.strings).decode("latin-1") for record in answer)
