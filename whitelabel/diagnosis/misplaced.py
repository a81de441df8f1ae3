"""Where a missing record went: reads the probes and says what the person at the DNS panel did."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from whitelabel import effects
from whitelabel.diagnosis.faults import Case, value_text
from whitelabel.diagnosis.values import Finding
from whitelabel.diagnosis.vendors import dns_host_of, is_proxied
from whitelabel.records import relative_host
from whitelabel.survey.addresses import refusal
from whitelabel.survey.questions import misplacements, sibling, swapped_names, swapped_types
from whitelabel.survey.values import Question, Record, Survey


def misplaced(case: Case) -> Iterator[Finding]:
    """Findings that name the place where the expected value was seen instead, or why it cannot be seen."""
    yield from _elsewhere(case)
    yield from _swapped(case)
    yield from _other_kind(case)
    yield from _not_public(case)


def _elsewhere(case: Case) -> Iterator[Finding]:
    record, zone = case.record, case.survey.zone
    for place, code in misplacements(record, zone):
        if place == record.name:
            continue
        found = _visible(case.survey, Question(place, record.type))
        if effects.fits(record, found) and not _is_catch_all(case.survey, Question(place, record.type)):
            text = " | ".join(value_text(one) for one in found)
            yield Finding(code, _params(case, code, place), text)


def _params(case: Case, code: str, place: str) -> dict[str, str]:
    record, zone = case.record, case.survey.zone
    host = relative_host(record.name, zone)
    if code == "doubled_name":
        added = place.removeprefix(f"{record.name}.")
        return {"name": record.name, "zone": added, "host": relative_host(record.name, added)}
    if code == "doubled_label":
        extra = "www" if place == f"www.{record.name}" else record.label
        return {"found": place, "label": extra}
    if code == "on_parent":
        return {"zone": place, "name": record.name}
    return {"name": record.name, "host": host}


def _visible(survey: Survey, question: Question) -> tuple[Record, ...]:
    """What stands at a probed place, aliases followed as far as they were resolved."""
    replies = survey.asked(question.name, question.type).values()
    return tuple(r for reply in replies for r in effects.seen(reply, question, survey.resolved).records)


def _is_catch_all(survey: Survey, question: Question) -> bool:
    """Whether a catch-all record explains the answer at a probed place (then nobody created anything there)."""
    wanted = {value_text(r) for r in _visible(survey, question)}
    asked = (q for q in survey.probes if q.type == question.type and q.name == sibling(q_base(q, survey)))
    return any({value_text(r) for r in _visible(survey, q)} == wanted for q in asked)


def q_base(question: Question, survey: Survey) -> str:
    """The surveyed name whose sibling `question` asks for, or "" when it is no sibling question."""
    bases = {asked.name for asked in survey.replies}
    return next((base for base in bases if sibling(base) == question.name), "")


def _swapped(case: Case) -> Iterator[Finding]:
    survey = case.survey
    if catches_all(survey, case.record.name):
        return
    for name in swapped_names(case.record, survey.zone):
        for kind in swapped_types(case.record):
            found = [value_text(r) for r in survey.answers(name, kind)]
            if found and found != [value_text(r) for r in survey.answers(sibling(name), kind)]:
                yield Finding("value_as_name", {}, f"{name}: {' | '.join(found)}")
                return


def catches_all(survey: Survey, name: str) -> bool:
    """Whether the random sibling of `name` has answers of any asked type."""
    beside = sibling(name)
    return any(reply.answers for q, asked in survey.probes.items() if q.name == beside for reply in asked.values())


def _other_kind(case: Case) -> Iterator[Finding]:
    """The right data in a record of another kind, or an address where a proxy stands."""
    record, survey = case.record, case.survey
    if record.kind == "spf" and (found := [value_text(r) for r in survey.answers(record.name, "SPF")]):
        yield Finding("spf_type99", {}, " | ".join(found))
    addresses = [r.target for kind in ("A", "AAAA") for r in survey.answers(record.name, kind)]
    if any(is_proxied(address) for address in addresses):
        yield Finding("proxied", {}, " | ".join(addresses))
    elif any(_is_private(address) for address in addresses):
        yield Finding("split_horizon", {}, " | ".join(addresses))


def _is_private(address: str) -> bool:
    return not ip_address(address).is_loopback and refusal(address) == "special"


def _not_public(case: Case) -> Iterator[Finding]:
    """What the person told us against what the Internet shows."""
    host = dns_host_of(case.survey.cut.nameservers)
    chosen = case.context.dns_host
    if chosen and host and chosen.casefold() != host.casefold():
        yield Finding("wrong_dns_host", {"vendor": host})
    elif case.context.done:
        yield Finding("split_horizon", {})
