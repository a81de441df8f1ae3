"""What the DNS says about senders: their DKIM keys and DMARC policies, asked of the resolver that the caller gives."""

from __future__ import annotations

import time
from collections.abc import Iterable

import dns.exception
import dns.name
import dns.resolver

from forwarding.signature_checks import NotAnswered
from whitelabel.dmarc import dmarc_texts
from whitelabel.effects import tags
from whitelabel.organizational_domains import organizational_domain


def keys_at(names: Iterable[str], resolver: dns.resolver.Resolver, seconds: float) -> dict[str, str | None]:
    """The DKIM key at each name, None where there is none. Left out: names that `seconds` are not enough to ask for."""
    keys: dict[str, str | None] = {}
    deadline = time.monotonic() + seconds
    for name in names:
        if time.monotonic() > deadline:
            break
        try:
            texts = _texts(name, resolver)
        except NotAnswered:
            continue
        keys[name] = next((text for text in texts if "p=" in text.replace(" ", "")), None)
    return keys


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
