"""Who a mail leaves as, decided for each mail at the moment it is sent.

In order of preference (the first that holds is taken):

    own address, return path below its domain    the address is activated, DKIM and return path of its claim are right, and
                                                 its DMARC policy does not make receivers refuse the mail
    own address, return path of the service      the same, but SPF or MX of the claim is wrong: DKIM alone carries DMARC
    service address, answers to the own address  otherwise; never blocked by anybody's DNS

An own address that cannot stand in a header (`ansökan@…`) is never a sender, and answers go to the service address instead.

A record counts as wrong only when the customer's own nameservers said so; a question nobody answered changes nothing. One
that was wrong is trusted again when it has been right for a while (`distrusted`, see `whitelabel.claims`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings

from whitelabel import keys, mime_headers, records
from whitelabel.models import IN_USE, DkimKey, OutboundMail, SenderAddress, SenderDomain
from whitelabel.readiness import RIGHT
from whitelabel.signing import SigningKey

Kind = OutboundMail.Identity

CLAIM_FIELDS = ("organization", "domain", "label", "token", "state", "active_selector", "verdicts")


@dataclass(frozen=True)
class Identity:
    """From, Reply-To (empty when the same as From), domain of the envelope sender, and who signs.

    `sender_address_id` names the activated row behind an own address; None for the service address.
    """

    kind: str
    from_name: str
    from_address: str
    reply_to: str
    return_path_domain: str
    signing: SigningKey | None
    sender_address_id: int | None = None


def choose(own_address: str, service_address: str, display_name: str) -> Identity:
    """The identity that mail of an inbox has now. Call inside the organization's scope.

    `own_address` is the inbox's address at the customer's domain, `service_address` the one it has with us.
    """
    row = _activated(own_address)
    return (row and _own(row, display_name)) or _service(own_address, service_address, display_name)


def _activated(address: str) -> SenderAddress | None:
    return (
        SenderAddress.objects.select_related("sender_domain")
        .filter(address=address, activated_at__isnull=False, sender_domain__state__in=IN_USE)
        .only("address", *(f"sender_domain__{name}" for name in CLAIM_FIELDS))
        .first()
    )


def _own(row: SenderAddress, display_name: str) -> Identity | None:
    claim = row.sender_domain
    signing = trusted_key(claim)
    if signing is None:
        return None
    return Identity(
        kind=Kind.OWN,
        from_name=display_name,
        from_address=row.address,
        reply_to="",
        return_path_domain=settings.MAIL_DOMAIN if _distrusted(claim, ("spf", "mx")) else claim.subdomain,
        signing=signing,
        sender_address_id=row.pk,
    )


def trusted_key(claim: SenderDomain) -> SigningKey | None:
    """What mail as the own address is signed with now; None when it must leave from the service address."""
    signing = signing_key(claim)
    signed_by = "exact" if signing and signing.domain == claim.domain else "dkim"
    return None if _distrusted(claim, (f"{signed_by}-{claim.active_selector}", "dmarc")) else signing


def _service(own_address: str, service_address: str, display_name: str) -> Identity:
    return Identity(
        kind=Kind.SERVICE,
        from_name=display_name,
        from_address=service_address,
        reply_to=own_address if mime_headers.is_writable(own_address) else service_address,
        return_path_domain=settings.MAIL_DOMAIN,
        signing=service_signing(),
    )


def service_signing() -> SigningKey | None:
    """Who signs mail from the service's own addresses; None where the service has no key."""
    pair = keys.service_key()
    return _service_signing(pair, settings.MAIL_DOMAIN, settings.SERVICE_DKIM_SELECTOR) if pair else None


@lru_cache(maxsize=4)
def _service_signing(pair: keys.KeyPair, domain: str, selector: str) -> SigningKey:
    return SigningKey(domain, selector, keys.encrypt(pair.private_pem))


def signing_key(claim: SenderDomain) -> SigningKey | None:
    """The claim's active key under the name whose record is right: the exact domain if published, else the subdomain."""
    key = DkimKey.objects.filter(sender_domain=claim, selector=claim.active_selector, retired_at=None).first()
    if key is None:
        return None
    if _verdict(claim, f"exact-{key.selector}").get("state") in RIGHT:
        return SigningKey(claim.domain, records.exact_selector(claim.token, key.selector), key.private_key)
    if not _verdict(claim, f"dkim-{key.selector}").get("definite_bad", False):
        return SigningKey(claim.subdomain, key.selector, key.private_key)
    return None


def _distrusted(claim: SenderDomain, prefixes: tuple[str, ...]) -> bool:
    """Whether mail must not rest on one of these records now."""
    mine = (verdict for verdict in claim.verdicts if str(verdict.get("key", "")).startswith(prefixes))
    return any(verdict.get("distrusted", verdict.get("definite_bad", False)) for verdict in mine)


def _verdict(claim: SenderDomain, key: str) -> dict[str, Any]:
    return next((verdict for verdict in claim.verdicts if verdict.get("key") == key), {})
