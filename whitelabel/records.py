"""The DNS records a sender domain needs: profiles are data that yield expected records.

A profile is a tuple of `RecordTemplate`; `expected_records` fills it with the facts of one claim. Everything that shows,
exports, surveys or judges records works on the resulting `ExpectedRecord` values and knows nothing about profiles.
All names are A-labels in lower case without a trailing dot, unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import dns.name

Kind = Literal["spf", "mx", "dkim", "owner", "dmarc", "return_path", "dkim_alias", "cname", "txt"]

TXT_STRING_OCTETS = 255
"""A character-string holds at most 255 octets (RFC 1035 section 3.3); longer TXT values are split."""

NAME_OCTETS = 253
LABEL_OCTETS = 63
EXACT_SELECTOR_TOKEN_CHARACTERS = 6


class UnusableName(ValueError):
    """A record name would be longer than DNS allows, or is no host name at all."""


@dataclass(frozen=True)
class ClaimFacts:
    """What the records of one claim depend on.

    `dkim` holds (selector, base64 of the public key as in the `p=` tag) pairs; `token` is the claim's random T;
    `mail_domain` is the service's own mail domain (OURS); `zone` is the customer's DNS zone when it is known to
    differ from `domain`: host names are shown relative to it.
    """

    domain: str
    label: str
    token: str
    dkim: tuple[tuple[str, str], ...]
    mail_domain: str
    zone: str = ""
    mx_hosts: tuple[str, ...] = ("mx1", "mx2")
    mx_preference: int = 10


@dataclass(frozen=True)
class ExpectedRecord:
    """One record we ask for.

    `value` is the data as one types it in a panel (TXT joined and unquoted, MX as `10 host.`, CNAME as `host.`);
    `strings` are the TXT character-strings of at most 255 octets; `purpose` is an English msgid;
    `domain` is the claim's domain, `label` its subdomain label ("" for records on the domain itself).
    """

    key: str
    name: str
    host: str
    type: str
    value: str
    strings: tuple[str, ...]
    purpose: str
    required: bool
    kind: Kind
    domain: str
    label: str = ""
    mail_domain: str = ""

    @property
    def preference(self) -> int | None:
        """The MX preference, None for other types."""
        return int(self.value.split()[0]) if self.type == "MX" else None

    @property
    def target(self) -> str:
        """The host an MX or CNAME points to, lower case without the final dot; "" for TXT."""
        return "" if self.type == "TXT" else self.value.split()[-1].rstrip(".").lower()


@dataclass(frozen=True)
class RecordTemplate:
    """A row of a profile: host and value are format strings; `each` repeats the row per DKIM key or MX host."""

    key: str
    host: str
    type: str
    value: str
    purpose: str
    kind: Kind
    required: bool = True
    each: Literal["claim", "selector", "mx"] = "claim"


def _noop(msgid: str) -> str:
    """Mark a purpose for translation without importing Django: the extractor knows the name `_noop`."""
    return msgid


PURPOSE_SPF = _noop("Lets our servers send for the address (SPF).")
PURPOSE_MX = _noop("Takes bounces and undeliverable mail back to us (MX).")
PURPOSE_DKIM = _noop("Signs every mail so that it cannot be forged (DKIM).")
PURPOSE_OWNER = _noop("Shows that the domain is yours.")
PURPOSE_DMARC = _noop("Recommended: tells receivers that the domain uses DMARC.")
PURPOSE_EXACT = _noop("Signs with the exact domain, which your DMARC policy demands (DKIM).")
PURPOSE_RETURN_PATH = _noop("Return path: brings SPF and MX from us and shows that the domain is yours.")

SUBDOMAIN_TXT: tuple[RecordTemplate, ...] = (
    RecordTemplate("spf", "{label}", "TXT", "v=spf1 include:_spf.{ours} ~all", PURPOSE_SPF, "spf"),
    RecordTemplate("{mx}", "{label}", "MX", "{preference} {mx}.{ours}.", PURPOSE_MX, "mx", each="mx"),
    RecordTemplate(
        "dkim-{selector}",
        "{selector}._domainkey.{label}",
        "TXT",
        "v=DKIM1; k=rsa; p={public_key}",
        PURPOSE_DKIM,
        "dkim",
        each="selector",
    ),
    RecordTemplate("owner", "_owner.{label}", "TXT", "{ours}-verify={token}", PURPOSE_OWNER, "owner"),
)
"""Profile B: static TXT and MX records in the customer's own zone."""

SUBDOMAIN_CNAME: tuple[RecordTemplate, ...] = (
    RecordTemplate("return-path", "{label}", "CNAME", "{token}.rp.{ours}.", PURPOSE_RETURN_PATH, "return_path"),
    RecordTemplate(
        "dkim-{selector}",
        "{selector}._domainkey.{label}",
        "CNAME",
        "{selector}.{token}.dkim.{ours}.",
        PURPOSE_DKIM,
        "dkim_alias",
        each="selector",
    ),
)
"""Profile A: three CNAMEs to targets that the service publishes."""

EXACT_DOMAIN_TXT: tuple[RecordTemplate, ...] = (
    RecordTemplate(
        "exact-{selector}",
        "{exact_selector}._domainkey",
        "TXT",
        "v=DKIM1; k=rsa; p={public_key}",
        PURPOSE_EXACT,
        "dkim",
        each="selector",
    ),
)
"""Profile A+: the same keys under the domain itself, when DMARC demands exact alignment."""

DMARC_ADVICE: tuple[RecordTemplate, ...] = (
    RecordTemplate("dmarc", "_dmarc", "TXT", "v=DMARC1; p=none", PURPOSE_DMARC, "dmarc", required=False),
)

PROFILES: Mapping[str, tuple[RecordTemplate, ...]] = {"B": SUBDOMAIN_TXT, "A": SUBDOMAIN_CNAME}


def expected_records(
    facts: ClaimFacts, *, profile: str = "B", exact_domain: bool = False, dmarc_advice: bool = True
) -> tuple[ExpectedRecord, ...]:
    """All records of a claim in the order a page shows them.

    `exact_domain` adds the keys under the domain itself (required then); `dmarc_advice` adds the row that never
    blocks. Raises `UnusableName` when a name would not fit into DNS.
    """
    templates = PROFILES[profile]
    if exact_domain:
        templates += EXACT_DOMAIN_TXT
    if dmarc_advice:
        templates += DMARC_ADVICE
    return tuple(record for template in templates for record in _fill(template, facts))


def exact_selector(token: str, selector: str) -> str:
    """Selector at the apex of the key under `selector` (k1, k2, …): cannot collide with vendors or another claim."""
    return token[:EXACT_SELECTOR_TOKEN_CHARACTERS].lower() + "abcdefgh"[int(selector.removeprefix("k")) - 1]


def split_strings(value: str, octets: int = TXT_STRING_OCTETS) -> tuple[str, ...]:
    """The character-strings of one TXT record whose concatenation is `value` (ASCII)."""
    return tuple(value[start : start + octets] for start in range(0, len(value), octets)) or ("",)


def unicode_name(name: str) -> str:
    """The U-label form of an A-label name, for display beside it; the name itself when it is no valid IDN."""
    try:
        return dns.name.from_text(name).to_unicode(True, dns.name.IDNA_2008_UTS_46)
    except (dns.name.IDNAException, UnicodeError):
        return name


def relative_host(name: str, zone: str) -> str:
    """`name` as one types it in a panel that adds `zone` itself; `@` for the zone's own name."""
    if name == zone:
        return "@"
    return name.removesuffix(f".{zone}")


def _fill(template: RecordTemplate, facts: ClaimFacts) -> Iterator[ExpectedRecord]:
    for variables in _variables(template, facts):
        name = f"{template.host.format(**variables)}.{facts.domain}".lower()
        _check_name(name)
        value = template.value.format(**variables)
        yield ExpectedRecord(
            key=template.key.format(**variables),
            name=name,
            host=relative_host(name, facts.zone or facts.domain),
            type=template.type,
            value=value,
            strings=split_strings(value) if template.type == "TXT" else (value,),
            purpose=template.purpose,
            required=template.required,
            kind=template.kind,
            domain=facts.domain,
            label=facts.label if "{label}" in template.host else "",
            mail_domain=facts.mail_domain,
        )


def _variables(template: RecordTemplate, facts: ClaimFacts) -> Iterator[dict[str, str]]:
    base = {
        "label": facts.label,
        "ours": facts.mail_domain,
        "token": facts.token,
        "preference": str(facts.mx_preference),
    }
    if template.each == "mx":
        yield from (base | {"mx": host} for host in facts.mx_hosts)
    elif template.each == "selector":
        for selector, public_key in facts.dkim:
            exact = exact_selector(facts.token, selector)
            yield base | {"selector": selector, "public_key": public_key, "exact_selector": exact}
    else:
        yield base


def _check_name(name: str) -> None:
    labels = name.split(".")
    if len(name) > NAME_OCTETS or any(not 0 < len(label) <= LABEL_OCTETS for label in labels):
        raise UnusableName(name)
