"""DMARC forecast: what receivers will make of mail from the domain, under the old and the new rules.

Two algorithms are evaluated, each for direct and forwarded mail (SPF lost): RFC 7489 with the public suffix list, and
RFC 9989 with its tree walk. Pure: records come in as a mapping, results go out as values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from whitelabel.effects import tags
from whitelabel.organizational_domains import suffixes

MOST_WALK_QUERIES = 8
WALK_SKIP_LABELS = 7
POLICIES = frozenset(("none", "quarantine", "reject"))

Records = Mapping[str, tuple[str, ...]]
"""TXT texts by the name they stand at, for example {"_dmarc.example.com": ("v=DMARC1; p=none",)}."""


class Result(StrEnum):
    """A receiver's DMARC result (RFC 7489 section 11.2)."""

    PASS = "pass"  # noqa: S105  (the RFC's word, not a password)
    FAIL = "fail"
    NONE = "none"


@dataclass(frozen=True)
class Policy:
    """A DMARC record in force: where it stands, its tags, and the policy that applies to the From domain."""

    name: str
    tags: Mapping[str, str]
    policy: str

    @property
    def strict_tags(self) -> tuple[str, ...]:
        """The strict alignment tags, for example ("adkim=s", "aspf=s")."""
        return tuple(f"{tag}=s" for tag in ("adkim", "aspf") if self.tags.get(tag, "r").lower() == "s")


Rules = tuple[Callable[[Records, str], Policy | None], Callable[[Records, str], str]]
"""How one algorithm finds the policy and the organizational domain of a domain."""


@dataclass(frozen=True)
class Outlook:
    """Results under one algorithm. `organization` is the From domain's organizational domain."""

    direct: Result
    forwarded: Result
    policy: Policy | None
    organization: str
    signer_organization: str


@dataclass(frozen=True)
class Forecast:
    """Both algorithms, and whether more than one DMARC record stands at a name that counts."""

    old: Outlook
    new: Outlook
    duplicates: tuple[str, ...] = ()

    @property
    def worst_direct(self) -> Result:
        """The worse direct result of the two."""
        return _worst(self.old.direct, self.new.direct)

    @property
    def worst_forwarded(self) -> Result:
        """The worse result of the two when SPF is lost on the way."""
        return _worst(self.old.forwarded, self.new.forwarded)


def forecast(records: Records, *, from_domain: str, signing_domain: str, return_path_domain: str) -> Forecast:
    """Evaluate mail with From `from_domain`, DKIM d=`signing_domain` and MAIL FROM `return_path_domain`.

    All domains are lower-case A-labels. DKIM and SPF themselves are assumed to pass where they are not lost.
    """
    old = _outlook((_old_policy, _old_organization), records, from_domain, signing_domain, return_path_domain)
    new = _outlook((_new_policy, _new_organization), records, from_domain, signing_domain, return_path_domain)
    consulted = dict.fromkeys([*_walk(from_domain), f"_dmarc.{_old_organization(records, from_domain)}"])
    duplicates = tuple(name for name in consulted if len(dmarc_texts(records.get(name, ()))) > 1)
    return Forecast(old, new, duplicates)


def consulted_names(from_domain: str, signing_domain: str) -> tuple[str, ...]:
    """Every `_dmarc` name a forecast may read."""
    return tuple(dict.fromkeys([*_walk(from_domain), *_walk(signing_domain)]))


def dmarc_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that are DMARC records: the first tag must be v=DMARC1 (RFC 7489 section 6.4)."""
    return tuple(text for text in texts if "".join(text.split(";")[0].split()).lower() == "v=dmarc1")


def is_public_suffix(domain: str) -> bool:
    """Whether the domain is itself on the public suffix list (private section included)."""
    return bool(suffixes().publicsuffix(domain) == domain)


def _outlook(rules: Rules, records: Records, sender: str, signer: str, return_path: str) -> Outlook:
    find_policy, organization_of = rules
    policy = find_policy(records, sender)
    own = organization_of(records, sender)
    signer_own = organization_of(records, signer)
    if policy is None:
        return Outlook(Result.NONE, Result.NONE, None, own, signer_own)
    strict = policy.strict_tags
    dkim = signer == sender if "adkim=s" in strict else signer_own == own
    spf = return_path == sender if "aspf=s" in strict else organization_of(records, return_path) == own
    return Outlook(_result(dkim or spf), _result(dkim), policy, own, signer_own)


def _result(aligned: bool) -> Result:
    return Result.PASS if aligned else Result.FAIL


def _worst(one: Result, other: Result) -> Result:
    return max(one, other, key=[Result.PASS, Result.NONE, Result.FAIL].index)


# --- RFC 7489: public suffix list --------------------------------------------------------------------------------


def _old_organization(records: Records, domain: str) -> str:
    return suffixes().privatesuffix(domain) or domain


def _old_policy(records: Records, sender: str) -> Policy | None:
    own = _single(records, f"_dmarc.{sender}")
    if own is not None:
        return _policy(f"_dmarc.{sender}", own, sender_is_below=False)
    if dmarc_texts(records.get(f"_dmarc.{sender}", ())):
        return None
    above = f"_dmarc.{_old_organization(records, sender)}"
    found = _single(records, above)
    return _policy(above, found, sender_is_below=True) if found is not None else None


# --- RFC 9989: tree walk -----------------------------------------------------------------------------------------


def _walk(domain: str) -> Iterator[str]:
    """The names of the tree walk: the domain, then upward; long names jump to their last seven labels."""
    labels = domain.split(".")
    starts = list(range(len(labels)))
    if len(starts) > MOST_WALK_QUERIES:
        starts = [0, *starts[-WALK_SKIP_LABELS:]]
    return (f"_dmarc.{'.'.join(labels[start:])}" for start in starts)


def _found_on_walk(records: Records, domain: str) -> list[tuple[str, Mapping[str, str]]]:
    """(domain, tags) of every single valid record on the walk, stopping at psd=n and psd=y."""
    found: list[tuple[str, Mapping[str, str]]] = []
    for name in _walk(domain):
        record = _single(records, name)
        if record is None:
            continue
        found.append((name.removeprefix("_dmarc."), record))
        if record.get("psd", "u").lower() in ("n", "y"):
            break
    return found


def _new_organization(records: Records, domain: str) -> str:
    found = _found_on_walk(records, domain)
    for name, record in found:
        psd = record.get("psd", "u").lower()
        if psd == "n":
            return name
        if psd == "y" and name != domain:
            below = domain.removesuffix(f".{name}").rpartition(".")[2]
            return f"{below}.{name}"
    return min((name for name, _ in found), key=len, default=domain)


def _new_policy(records: Records, sender: str) -> Policy | None:
    own = _single(records, f"_dmarc.{sender}")
    if own is not None:
        return _policy(f"_dmarc.{sender}", own, sender_is_below=False)
    organization = _new_organization(records, sender)
    above = dict(_found_on_walk(records, sender))
    for name in (organization, *above):
        if name in above:
            return _policy(f"_dmarc.{name}", above[name], sender_is_below=True)
    return None


def _single(records: Records, name: str) -> Mapping[str, str] | None:
    """The tags of the only DMARC record at a name; none and several count alike (RFC 7489 section 6.6.3)."""
    texts = dmarc_texts(records.get(name, ()))
    return tags(texts[0]) if len(texts) == 1 else None


def _policy(name: str, found: Mapping[str, str], *, sender_is_below: bool) -> Policy | None:
    """The policy that a record asks for. One that is not valid asks for reports only, or for nothing (RFC 9989 section
    4.10.1, RFC 7489 section 6.6.3)."""
    asked = {tag: found[tag].lower() for tag in ("p", "sp", "np") if tag in found}
    if "p" not in asked or not set(asked.values()) <= POLICIES:
        return Policy(name, found, "none") if found.get("rua") else None
    return Policy(name, found, asked.get("sp", asked["p"]) if sender_is_below else asked["p"])
