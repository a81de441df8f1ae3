"""What a receiver makes of the records it sees: values are judged by effect, not by string.

Aliases, split strings, white space, order and spelling variants are right when a receiver would see them right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Outcome, Question, Record, Reply

MAX_ALIAS_STEPS = 8
SPF_START = re.compile(rb"v=spf1(?: |$)", re.IGNORECASE)
KEYS_REMEMBERED = 8192  # a check reads the same key at every server
DKIM_WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Seen:
    """What stands at the end of a name's aliases: `chain` are the alias targets in order, `looped` when they come
    back, `unresolved` the question that could not be answered, `reply` the reply that ended the chain."""

    records: tuple[Record, ...] = ()
    chain: tuple[str, ...] = ()
    looped: bool = False
    unresolved: Question | None = None
    reply: Reply | None = None


def seen(reply: Reply, question: Question, resolved: Mapping[Question, Reply]) -> Seen:
    """Follow the aliases from `question` in `reply`, then in replies of resolvers, at most eight steps."""
    name, chain = question.name, [question.name]
    while True:
        records = tuple(r for r in reply.answers if r.name == name and r.type == question.type)
        target = "" if records or question.type == "CNAME" else _alias(reply, name)
        if not target:
            following = resolved.get(Question(name, question.type)) if len(chain) > 1 and not records else None
            if following is None or following is reply:
                ended = bool(records) or len(chain) == 1 or following is reply
                return Seen(records, tuple(chain[1:]), False, None if ended else Question(name, question.type), reply)
            reply = following
            continue
        if target in chain or len(chain) > MAX_ALIAS_STEPS:
            return Seen((), (*chain[1:], target), True, None, reply)
        chain.append(target)
        name = target


def _alias(reply: Reply, name: str) -> str:
    return next((r.target for r in reply.answers if r.type == "CNAME" and r.name == name), "")


def text_of(octets: bytes) -> str:
    """TXT octets as text; octets outside ASCII as backslash escapes."""
    return octets.decode("ascii", "backslashreplace")


def spf_records(records: Iterable[Record]) -> tuple[str, ...]:
    """The TXT records that receivers take for SPF (RFC 7208 section 4.5)."""
    return tuple(text_of(r.octets) for r in records if r.type == "TXT" and SPF_START.match(r.octets))


def spf_terms(text: str) -> tuple[str, ...]:
    """The terms of an SPF record after the version, lower case, separated by any number of spaces."""
    return tuple(term.lower() for term in text.split(" ")[1:] if term)


def spf_includes_us(text: str, ours: str) -> bool:
    """Whether mail from our servers gets "pass": our include comes before any `all`, or we are the redirect."""
    for term in spf_terms(text):
        if term.lstrip("+").rstrip(".") == f"include:{ours}":
            return True
        if term.lstrip("+-~?") == "all":
            return False
    terms = spf_terms(text)
    return any(term.rstrip(".") == f"redirect={ours}" for term in terms)


def our_spf_domain(record: ExpectedRecord) -> str:
    """The domain our SPF row includes, for example `_spf.mail.example`."""
    for term in spf_terms(record.value):
        if term.lstrip("+").startswith("include:"):
            return term.partition(":")[2].rstrip(".")
    return ""


def tags(text: str) -> dict[str, str]:
    """A tag list (RFC 6376 section 3.2) as a mapping, names in lower case; duplicate tags keep the first value."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


@lru_cache(maxsize=KEYS_REMEMBERED)
def public_key(text: str) -> str | None:
    """The `p=` of a DKIM key record without white space; "" when revoked, None when `text` is no key record."""
    found = tags(text)
    version = found.get("v", "DKIM1")
    if "p" not in found or version != "DKIM1" or found.get("k", "rsa").lower() not in ("rsa", "ed25519"):
        return None
    return DKIM_WHITE_SPACE.sub("", found["p"])


@lru_cache(maxsize=KEYS_REMEMBERED)
def usable_for_mail(text: str) -> bool:
    """Whether a key record admits e-mail signed with SHA-256 (tags s= and h=, RFC 6376 section 3.6.1)."""
    found = tags(text)
    services = {part.strip() for part in found.get("s", "*").split(":")}
    hashes = {part.strip() for part in found.get("h", "sha256").split(":")}
    return bool(services & {"*", "email"}) and "sha256" in hashes


@lru_cache(maxsize=KEYS_REMEMBERED)
def is_testing(text: str) -> bool:
    """Whether the key is marked t=y: receivers may treat the mail as unsigned."""
    return "y" in {flag.strip() for flag in tags(text).get("t", "").split(":")}


def key_records(records: Iterable[Record]) -> tuple[str, ...]:
    """The TXT records that are DKIM keys."""
    texts = (text_of(record.octets) for record in records if record.type == "TXT")
    return tuple(text for text in texts if public_key(text) is not None)


def fits(record: ExpectedRecord, records: Iterable[Record]) -> bool:
    """Whether `records` (aliases already followed) have the effect that `record` asks for."""
    records = tuple(records)
    if record.kind == "spf":
        spf = spf_records(records)
        return len(spf) == 1 and spf_includes_us(spf[0], our_spf_domain(record))
    if record.kind == "dkim":
        return _has_our_key(record, records)
    if record.type in ("MX", "CNAME"):
        return any(r.type == record.type and r.target == record.target for r in records)
    if record.kind == "dmarc":
        return any(text_of(r.octets).strip().lower().startswith("v=dmarc1") for r in records)
    wanted = "".join(record.value.split()).lower()
    return any("".join(text_of(r.octets).split()).lower() == wanted for r in records)


def _has_our_key(record: ExpectedRecord, records: tuple[Record, ...]) -> bool:
    keys = key_records(records)
    if len(keys) != 1 or not usable_for_mail(keys[0]) or is_testing(keys[0]):
        return False
    return public_key(keys[0]) == public_key(record.value)


def shows_effect(record: ExpectedRecord, reply: Reply, resolved: Mapping[Question, Reply]) -> bool:
    """Whether one server's reply, aliases followed, has the effect that `record` asks for."""
    if reply.outcome is not Outcome.ANSWER:
        return False
    return fits(record, seen(reply, Question(record.name, record.type), resolved).records)


def foreign_includes(texts: Iterable[str], ours: str) -> tuple[str, ...]:
    """Domains that the SPF records include or redirect to, apart from ours and from macros."""
    names = (term.lstrip("+-~?") for text in texts for term in spf_terms(text))
    domains = (name[len("include:") :] for name in names if name.startswith(("include:", "redirect=")))
    wanted = (domain.lstrip("=:").rstrip(".") for domain in domains)
    return tuple(dict.fromkeys(domain for domain in wanted if domain and "%" not in domain and domain != ours))
