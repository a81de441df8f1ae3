"""Whether the author of a forwarded mail is who the From field says: facts in, one level with its reason out. Pure.

SPF of the peer tells who the forwarder is and nothing about the author, so it takes no part. What counts is a DKIM
signature of the author's own domain that survived, or the word of a mail service we trust (ARC, RFC 8617) given by
one of its own servers. The answer is shown, never used to refuse or hide a mail (incoming mail 3.9).
"""

import enum
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from forwarding import mail_services
from forwarding.bounces.addresses import addresses_in
from forwarding.reading.mail import ReadMail
from inboxes.addressing import split_path
from whitelabel.organizational_domains import domain_of, of_one_company, organizational_domain


class Level(enum.StrEnum):
    """How well the author is proved. The values are stored."""

    VERIFIED = "verified"
    VERIFIED_UPSTREAM = "verified_upstream"
    UNVERIFIED = "unverified"
    UNKNOWN = "unknown"
    WARNING = "warning"


class Reason(enum.StrEnum):
    """Why the level is what it is. The values are stored; conversations.explaining has the sentence for each."""

    SIGNED = "signed"
    VOUCHED = "vouched"
    NO_SIGNATURE = "no_signature"
    BROKEN_SIGNATURE = "broken_signature"
    WEAK_SIGNATURE = "weak_signature"
    OTHER_SIGNER = "other_signer"
    NOT_EXAMINABLE = "not_examinable"
    NO_AUTHOR = "no_author"
    NO_ANSWER = "no_answer"
    SEVERAL_AUTHORS = "several_authors"
    NAME_OF_ANOTHER = "name_of_another"
    OWN_DOMAIN = "own_domain"
    REJECTED_UPSTREAM = "rejected_upstream"


class Outcome(enum.StrEnum):
    """Result of checking one signature or chain. UNKNOWN: a domain could not be asked. WEAK: right, but proves little."""

    PASS = "pass"  # noqa: S105  (the word of RFC 8601, no password)
    FAIL = "fail"
    WEAK = "weak"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature: its domain (d=, lower case) and what came of checking it."""

    domain: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One instance of an ARC chain: who sealed it and the authentication results it carries."""

    instance: int
    sealer: str
    results: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What checking the raw octets gave. `arc_sets` are ordered from instance 1 up.

    `given_up`: the mail is made so that checking it would take too much; whether it is signed is not known.
    """

    signatures: tuple[Signature, ...] = ()
    arc: Outcome = Outcome.NONE
    arc_sets: tuple[ArcSet, ...] = ()
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Sealer:
    """A mail service whose word counts: the domain it seals with and the networks its servers send from."""

    domain: str
    networks: tuple[str, ...]


MICROSOFT = Sealer("microsoft.com", mail_services.MICROSOFT)
GOOGLE = Sealer("google.com", mail_services.GOOGLE)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts. `relay_pools`: networks that send only what failed authentication on arrival (Microsoft's pool)."""

    sealers: tuple[Sealer, ...] = (MICROSOFT, GOOGLE)
    relay_pools: tuple[str, ...] = mail_services.MICROSOFT_POOL


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the verdict depends on. Domains are lower-case A-labels.

    `policy`: the DMARC policy in force for the author's domain ("none", "quarantine", "reject"), "" when there is
    none, and None when it could not be asked. `own_domains`: the organization's.
    """

    authors: tuple[str, ...]
    author_name: str = ""
    examination: Examination = Examination()
    peer_ip: str = ""
    policy: str | None = ""
    own_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level, the reason, and the domain or service that proves it (if one does)."""

    level: Level
    reason: Reason
    proved_by: str = ""


def facts_of(
    mail: ReadMail, examination: Examination, *, peer_ip: str, policy: str | None, own_domains: Iterable[str]
) -> Facts:
    """Gather the facts about a read mail. `policy` belongs to the domain that `author_domain(mail)` gives."""
    return Facts(
        authors=_authors(mail),
        author_name=mail.sender.name if mail.sender else "",
        examination=examination,
        peer_ip=peer_ip,
        policy=policy,
        own_domains=frozenset(domain.lower() for domain in own_domains),
    )


def author_domain(mail: ReadMail) -> str:
    """The domain of the one author, as a lower-case A-label; empty when there is none or several."""
    authors = _authors(mail)
    return _domain(authors[0]) if len(authors) == 1 else ""


def judge(facts: Facts, trust: Trust = Trust()) -> Verdict:
    """Return the verdict. Nothing verifies a mail with several authors or with another's address as its name."""
    return Verdict(*_judged(facts, trust))


def _judged(facts: Facts, trust: Trust) -> tuple[Level, Reason, str]:
    if not facts.authors:
        return Level.UNVERIFIED, Reason.NO_AUTHOR, ""
    if len(facts.authors) > 1:
        return Level.WARNING, Reason.SEVERAL_AUTHORS, ""
    if _is_named_as_another(facts):
        return Level.WARNING, Reason.NAME_OF_ANOTHER, ""
    if any(signature.outcome is Outcome.PASS for signature in _aligned(facts)):
        return Level.VERIFIED, Reason.SIGNED, _domain(facts.authors[0])
    sealer, upstream = _word_upstream(facts, trust)
    if upstream is Outcome.PASS:
        return Level.VERIFIED_UPSTREAM, Reason.VOUCHED, sealer
    return (*_without_proof(facts, trust, upstream), "")


def _without_proof(facts: Facts, trust: Trust, upstream: Outcome) -> tuple[Level, Reason]:
    rejected = upstream is Outcome.FAIL or _within(facts.peer_ip, trust.relay_pools)
    if _may_still_pass(facts, trust) or (rejected and facts.policy is None):
        return Level.UNKNOWN, Reason.NO_ANSWER
    if _is_own(facts):
        return Level.WARNING, Reason.OWN_DOMAIN
    if rejected and facts.policy in ("quarantine", "reject"):
        return Level.WARNING, Reason.REJECTED_UPSTREAM
    return Level.UNVERIFIED, _missing(facts)


def _missing(facts: Facts) -> Reason:
    """Why an unsuspicious mail is not verified."""
    if facts.examination.given_up:
        return Reason.NOT_EXAMINABLE
    outcomes = {signature.outcome for signature in _aligned(facts)}
    if Outcome.WEAK in outcomes:
        return Reason.WEAK_SIGNATURE
    if Outcome.FAIL in outcomes:
        return Reason.BROKEN_SIGNATURE
    passed = any(signature.outcome is Outcome.PASS for signature in facts.examination.signatures)
    return Reason.OTHER_SIGNER if passed else Reason.NO_SIGNATURE


def _may_still_pass(facts: Facts, trust: Trust) -> bool:
    """Whether a domain that could not be asked might have proved the mail."""
    chain_counts = facts.examination.arc is Outcome.UNKNOWN and _trusted_peer(facts, trust)
    return chain_counts or any(signature.outcome is Outcome.UNKNOWN for signature in _aligned(facts))


def _aligned(facts: Facts) -> list[Signature]:
    """Signatures of the author's organization (relaxed alignment, RFC 7489 section 3.1.1)."""
    wanted = organizational_domain(_domain(facts.authors[0]))
    return [s for s in facts.examination.signatures if wanted and organizational_domain(s.domain) == wanted]


def _is_named_as_another(facts: Facts) -> bool:
    """Whether the name is an address of somebody else; at a mail service every other address is somebody else's."""
    author = facts.authors[0]
    named = [address.lower() for address in addresses_in(facts.author_name)]
    return any(address != author and not of_one_company(_domain(address), _domain(author)) for address in named)


def _is_own(facts: Facts) -> bool:
    domain = _domain(facts.authors[0])
    return any(domain == own or domain.endswith(f".{own}") for own in facts.own_domains)


def _trusted_peer(facts: Facts, trust: Trust) -> bool:
    return any(_within(facts.peer_ip, sealer.networks) for sealer in trust.sealers)


def _word_upstream(facts: Facts, trust: Trust) -> tuple[str, Outcome]:
    """The newest sealer and what it found, if it is trusted and the mail came from its servers.

    The results are taken from the earliest set of the unbroken run of that sealer's sets at the end of the chain.
    Earlier sets are only as good as who sealed them: anybody can begin a chain with results of their own making.
    """
    if facts.examination.arc is not Outcome.PASS or not facts.examination.arc_sets:
        return "", Outcome.NONE
    newest = facts.examination.arc_sets[-1]
    sealer = next((s for s in trust.sealers if s.domain == newest.sealer), None)
    if sealer is None or not _within(facts.peer_ip, sealer.networks):
        return "", Outcome.NONE
    first = newest
    for arc_set in reversed(facts.examination.arc_sets):
        if arc_set.sealer != sealer.domain:
            break
        first = arc_set
    return sealer.domain, _found_upstream(first.results, _domain(facts.authors[0]))


def _found_upstream(results: str, domain: str) -> Outcome:
    """What authentication results (RFC 8601) say about the author's domain."""
    organization = organizational_domain(domain)
    outcome = Outcome.NONE
    for method, result, properties in parse_results(results):
        named = properties.get("header.from" if method == "dmarc" else "header.d") or properties.get("header.i", "")
        aligned = organizational_domain(named.rpartition("@")[2]) == organization
        if method in ("dmarc", "dkim") and result == "pass" and aligned:
            return Outcome.PASS
        if method == "dmarc" and result == "fail" and aligned:
            outcome = Outcome.FAIL
    return outcome


_COMMENT = re.compile(r"\([^()]{0,500}\)")
_RESULT = re.compile(r"\s*([a-z-]{2,20})\s*=\s*([a-z]{2,20})", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]{2,10}\.[a-z-]{1,30})\s*=\s*(\"[^\"]{0,300}\"|[^\s;]{1,300})", re.IGNORECASE)


def parse_results(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, result and properties of each part of Authentication-Results (RFC 8601 section 2.2); comments are dropped."""
    text = text[:8_000]
    for _nested in range(3):
        text = _COMMENT.sub(" ", text)
    for part in text.split(";"):
        match = _RESULT.match(part)
        if match:
            properties = {name.lower(): value.strip('"').lower() for name, value in _PROPERTY.findall(part)}
            yield match[1].lower(), match[2].lower(), properties


def _authors(mail: ReadMail) -> tuple[str, ...]:
    """The distinct addresses of all From fields."""
    named = [address.address for address in mail.senders] or ([mail.sender.address] if mail.sender else [])
    fields = mail.all_headers("from")
    if len(fields) > 1:
        named += [found[-1] for value in fields if (found := addresses_in(value))]
    return tuple(dict.fromkeys(address.lower() for address in named if "@" in address))


def _domain(address: str) -> str:
    path = split_path(address)
    return path[1] if path else domain_of(address)


def _within(ip: str, networks: Iterable[str]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in ipaddress.ip_network(network) for network in networks)
