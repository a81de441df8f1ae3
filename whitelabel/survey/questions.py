"""What to ask about each record: the survey's own questions, and the probes for misplaced records (design 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Question

RARE_PLACES = 2
"""The last places of `misplacements` (below www, at _dmarc) are looked at only when the limit allows."""


def main_questions(records: Iterable[ExpectedRecord], zone: str) -> tuple[Question, ...]:
    """Asked at every authoritative address on every check."""
    questions = [Question(zone, "SOA")]
    for record in records:
        questions.append(Question(record.name, record.type))
        if record.type == "CNAME":
            questions.append(Question(record.name, "TXT"))
        if record.kind == "return_path":
            questions.append(Question(record.name, "MX"))
    return tuple(dict.fromkeys(questions))


def extra_questions(records: Iterable[ExpectedRecord], domain: str) -> tuple[Question, ...]:
    """Asked at one address: an alias beside data, a catch-all record, DMARC at the sender subdomain, where mail goes."""
    questions = [Question(domain, "MX")]
    for record in records:
        if record.type != "CNAME":
            questions.append(Question(record.name, "CNAME"))
        if record.kind != "dmarc":
            questions.append(Question(sibling(record.name), record.type))
        if record.kind == "dkim" and record.label:
            questions.append(Question(f"_dmarc.{record.label}.{domain}", "TXT"))
    return tuple(dict.fromkeys(questions))


def sibling(name: str) -> str:
    """A name beside `name` that nobody has created: answers there come from a catch-all record (RFC 4592)."""
    first, _, rest = name.partition(".")
    unlikely = hashlib.blake2s(name.encode(), digest_size=8).hexdigest()
    return f"{'_' if first.startswith('_') else ''}x{unlikely}.{rest}"


def dmarc_ancestors(domain: str) -> tuple[Question, ...]:
    """`_dmarc` above the domain up to the top-level domain, for the tree walk of RFC 9989."""
    labels = domain.split(".")
    return tuple(Question(f"_dmarc.{'.'.join(labels[start:])}", "TXT") for start in range(1, len(labels)))


def probe_questions(record: ExpectedRecord, zone: str, most: int) -> tuple[Question, ...]:
    """Where `record` may have gone instead, most likely place first, at most `most` questions."""
    places = [Question(name, record.type) for name in misplaced_names(record, zone)]
    others = [Question(record.name, kind) for kind in ("A", "AAAA") if kind != record.type]
    if record.type == "TXT":
        others.append(Question(record.name, "SPF" if record.kind == "spf" else "MX"))
    if record.type in ("MX", "CNAME"):
        others.append(Question(record.name, "TXT"))
    swapped = [Question(name, kind) for name in swapped_names(record, zone) for kind in swapped_types(record)]
    swapped += [Question(sibling(name), "A") for name in swapped_names(record, zone)]
    wanted = dict.fromkeys([*places[:-RARE_PLACES], *others, *swapped, *places[-RARE_PLACES:]])
    return tuple(question for question in wanted if question.name != record.name or question.type != record.type)[:most]


def misplaced_names(record: ExpectedRecord, zone: str) -> tuple[str, ...]:
    """Names at which people put the record by mistake."""
    named = (name for name, _ in misplacements(record, zone))
    return tuple(dict.fromkeys(name for name in named if name != record.name and len(name) <= 253))


def misplacements(record: ExpectedRecord, zone: str) -> Iterator[tuple[str, str]]:
    """(name, code of the catalogue) pairs."""
    name, label, domain = record.name, record.label, record.domain
    head = name.removesuffix(f".{label}.{domain}") if label else name.removesuffix(f".{domain}")
    prefix = "" if head == name else f"{head}."
    yield f"{name}.{zone}", "doubled_name"
    if domain != zone:
        yield f"{name}.{domain}", "doubled_name"
    if label:
        yield f"{prefix}{label}.{label}.{domain}", "doubled_label"
    yield zone, "on_parent"
    if prefix and label:
        yield f"{prefix}{domain}", "label_dropped"
    if record.kind in ("dkim", "dkim_alias"):
        yield from _split_key_names(prefix, name.removeprefix(prefix) if prefix else domain)
    elif record.kind == "owner":
        yield name.removeprefix("_"), "owner_underscore"
    if record.kind == "dmarc":
        return
    yield f"www.{name}", "doubled_label"
    yield f"_dmarc.{domain}", "on_parent"


def _split_key_names(prefix: str, rest: str) -> Iterator[tuple[str, str]]:
    selector = prefix.partition(".")[0]
    yield f"{selector}.domainkey.{rest}", "underscore_lost"
    yield f"{selector}-domainkey.{rest}", "underscore_lost"
    yield f"_domainkey.{rest}", "selector_split"
    yield f"{selector}.{rest}", "selector_split"


def swapped_types(record: ExpectedRecord) -> tuple[str, ...]:
    """Types under which such a name is looked for."""
    return tuple(dict.fromkeys(("A", record.type, "TXT")))


def swapped_names(record: ExpectedRecord, zone: str) -> tuple[str, ...]:
    """Names that appear when host and value were swapped in the panel."""
    if record.type != "TXT":
        values = [record.target]
    elif record.kind == "owner":
        values = [record.value.lower()]
    else:
        values = [term.partition(":")[2] for term in record.value.split() if term.startswith("include:")]
    return tuple(f"{value}.{zone}" for value in values if value)
