"""What is wrong with the answer of one server, judged by the effect a receiver sees: one function per kind of record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from whitelabel import effects
from whitelabel.diagnosis import spf
from whitelabel.diagnosis.texts import MOST_EDITS, Fault, difference, edit_distance, plain, text_faults
from whitelabel.diagnosis.values import Context, Finding
from whitelabel.diagnosis.vendors import sender_of
from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Outcome, Question, Record, Reply, Survey

NOT_A_HOST = re.compile(r"https?|[/:@\\]")


@dataclass(frozen=True)
class Judgement:
    """`faults` empty and `missing` false: right. `found` is what stands at the name; `notes` leave it right."""

    missing: bool = False
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    found: str = ""
    values: tuple[str, ...] = ()
    ttl: int = 0

    @property
    def right(self) -> bool:
        """Whether a receiver sees what we ask for."""
        return not self.missing and not self.faults


@dataclass(frozen=True)
class Case:
    """One record with everything a judgement needs. `partners` are expected values of the same kind at the same
    name (the other MX)."""

    record: ExpectedRecord
    survey: Survey
    context: Context
    partners: frozenset[str] = frozenset()

    @property
    def question(self) -> Question:
        """The question whose replies are judged."""
        return Question(self.record.name, self.record.type)

    @property
    def ours(self) -> str:
        """The service's mail domain, "" when unknown."""
        return self.record.mail_domain


def judge(case: Case, reply: Reply, texts: Reply | None = None) -> Judgement:
    """Judge one server's definite reply; `texts` is its TXT reply when the record is a CNAME."""
    if reply.outcome is not Outcome.ANSWER:
        return _inlined(case, texts) or Judgement(missing=True)
    end = effects.seen(reply, case.question, case.survey.resolved)
    found = tuple(sorted(value_text(r) for r in _own_data(end, reply, case.survey.zone)))
    ttl = max((r.ttl for r in reply.answers), default=0)
    alias = (reply.of_type("CNAME") or (None,))[0] if case.record.type != "CNAME" else None
    if end.looped:
        faults: tuple[Fault, ...] = (("cname_loop", {}),)
    elif alias and not effects.fits(case.record, end.records):
        faults = tuple(_alias_faults(case, alias.target))
    else:
        faults = tuple(KINDS[case.record.kind](case, end.records))
    if not faults and case.record.type == "CNAME":
        faults = tuple(_our_side(case, end.records))
    text = " | ".join(found)
    marked = tuple(Finding(code, params, text, ttl) for code, params in faults)
    if [f.code for f in marked] == ["missing_value"] and case.record.type == "CNAME":
        return _inlined(case, texts) or Judgement(missing=True)
    return Judgement(faults=marked, found=text, values=found, ttl=ttl)


def _own_data(end: effects.Seen, reply: Reply, zone: str) -> tuple[Record, ...]:
    """What may be shown: data in the customer's own zone. Behind an alias to elsewhere only the alias is shown."""
    inside = tuple(r for r in end.records if r.name == zone or r.name.endswith(f".{zone}"))
    return inside or reply.of_type("CNAME")


def value_text(record: Record) -> str:
    """A record's data as one writes it."""
    if record.type in ("TXT", "SPF"):
        return plain(record)
    if record.type == "MX":
        return f"{record.preference} {record.target.rstrip('.')}."
    return f"{record.target.rstrip('.')}." if record.type in ("CNAME", "NS") else record.target


def _history(case: Case, text: str) -> Iterator[Fault]:
    wanted = "".join(text.split()).rstrip(".").lower()
    for value, date in case.context.history.items():
        if "".join(value.split()).rstrip(".").lower() == wanted:
            yield "old_value", {"date": date}


def _spf(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    include = effects.our_spf_domain(case.record)
    published = effects.spf_records(records)
    if len(published) >= 2:
        yield "two_spf", {"name": case.record.name}
    elif not published:
        yield from _other_texts(case, records)
    else:
        if not effects.spf_includes_us(published[0], include):
            yield from _spf_without_us(case, records, published[0], include)
        if reason := spf.invalid_reason(published[0], include, case.survey.resolved):
            yield "spf_invalid", reason


def _spf_without_us(case: Case, records: tuple[Record, ...], text: str, include: str) -> Iterator[Fault]:
    yield from _history(case, text)
    if vendor := sender_of(spf.included_names(text), case.ours or include):
        yield "other_vendor", {"name": case.record.name, "vendor": vendor}
    spf_only = tuple(r for r in records if effects.SPF_START.match(r.octets))
    yield from text_faults(case.record, spf_only)
    near = [name for name in spf.included_names(text) if 0 < edit_distance(name, include) <= MOST_EDITS]
    if near and edit_distance(text, case.record.value) > MOST_EDITS:
        yield "typo", {"diff": difference(near[0], include)}
    yield "spf_not_us", {"include": include}


def _dkim(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    if effects.fits(case.record, records):
        return
    ours = effects.public_key(case.record.value)
    keys = effects.key_records(records)
    for text in keys:
        yield from _history(case, text)
    with_us = [text for text in keys if effects.public_key(text) == ours]
    if with_us:
        yield from _spoilt_key(case, with_us[0], len(keys))
        return
    faults = tuple(text_faults(case.record, records))
    yield from faults
    if any(effects.public_key(text) == "" for text in keys):
        yield "key_revoked", {}
    elif keys and not faults:
        yield "key_other", {}
    elif not keys and not faults:
        yield from _not_this_one(case)


def _spoilt_key(case: Case, text: str, keys: int) -> Iterator[Fault]:
    if effects.is_testing(text):
        yield "key_testing", {}
    if keys > 1:
        yield "dkim_two", {"name": case.record.name}
    if not effects.usable_for_mail(text):
        yield "key_restricted", {}


def _owner(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    if effects.fits(case.record, records):
        return
    name = case.record.value.partition("=")[0].lower() + "="
    for record in records:
        text = plain(record).strip()
        yield from _history(case, text)
        if text.lower().startswith(name) and edit_distance(text, case.record.value) > MOST_EDITS:
            yield "other_tenant", {}
    yield from _other_texts(case, records)


def _other_texts(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    for record in records:
        yield from _history(case, plain(record))
    faults = tuple(text_faults(case.record, records))
    yield from faults
    if not faults:
        yield from _not_this_one(case)


def _text(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    if not effects.fits(case.record, records):
        yield from _other_texts(case, records)


def _mx(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    """Ours must be there and nobody else's beside it; preferences do not matter."""
    foreign = [r for r in records if r.target not in case.partners and r.target != case.record.target]
    if effects.fits(case.record, records):
        absent = case.partners - {record.target for record in records}
        for record in foreign:
            if not any(_name_faults(case, record.target, absent)):  # else it is the other row's business
                yield "mx_extra", {"name": case.record.name, "host": record.target}
        return
    faults = [fault for record in foreign for fault in _target_faults(case, record)]
    yield from faults
    if not any(code != "other_vendor" for code, _ in faults):
        yield from _not_this_one(case)


def _target_faults(case: Case, found: Record) -> Iterator[Fault]:
    """What is wrong with an MX target that is not ours."""
    yield from _history(case, value_text(found))
    if vendor := sender_of([found.target], case.ours):
        yield "other_vendor", {"name": case.record.name, "vendor": vendor}
    yield from _name_faults(case, found.target, case.partners | {case.record.target})
    if _is_address(found.target):
        yield "mx_is_ip", {}
    elif _is_alias(case.survey, found.target):
        yield "mx_is_cname", {}


def _name_faults(case: Case, target: str, wanted: frozenset[str]) -> Iterator[Fault]:
    """A host name that is nearly the one we want."""
    zone = case.survey.zone
    if any(target.startswith(f"{name}.") and target.endswith(zone) for name in wanted):
        yield "target_no_dot", {"zone": zone}
    elif NOT_A_HOST.search(target) and not _is_address(target):
        yield "target_url", {}
    elif near := [name for name in wanted if 0 < edit_distance(target, name) <= MOST_EDITS]:
        closest = min(near, key=lambda name: edit_distance(target, name))
        yield "typo", {"diff": difference(target, closest)}


def _is_address(target: str) -> bool:
    try:
        ip_address(target)
    except ValueError:
        return False
    return True


def _is_alias(survey: Survey, target: str) -> bool:
    asked = [*survey.asked(target, "CNAME").values()]
    if resolved := survey.resolved.get(Question(target, "A")):
        asked.append(resolved)
    return any(r.type == "CNAME" and r.name == target for reply in asked for r in reply.answers)


def _alias_faults(case: Case, target: str) -> Iterator[Fault]:
    """An alias at a name where other data belongs, or an alias to somewhere else than our target."""
    record = case.record
    if case.ours and target.endswith(f".{case.ours}") and _is_silent(case, Question(target, record.type)):
        yield "our_side", {}
        return
    yield from _history(case, target)
    if vendor := sender_of([target], case.ours):
        yield "other_vendor", {"name": record.name, "vendor": vendor}
    yield from _name_faults(case, target, frozenset({record.target} - {""}))
    yield "cname_at_name", {"name": record.name, "target": target}


def _cname(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    aliases = [record for record in records if record.type == "CNAME"]
    if not aliases:
        yield "missing_value", {"name": case.record.name, "type": "CNAME"}
    elif aliases[0].target != case.record.target:
        if _other_token(case.record.target, aliases[0].target):
            yield "other_tenant", {}
        yield from _alias_faults(case, aliases[0].target)


def _other_token(wanted: str, target: str) -> bool:
    """Same shape and service domain as our target, but somebody else's token in front."""
    service = wanted.split(".rp.")[-1] if ".rp." in wanted else wanted.split(".dkim.")[-1]
    kind = ".rp." if ".rp." in wanted else ".dkim."
    if service == wanted or not target.endswith(f"{kind}{service}"):
        return False
    return target.count(".") == wanted.count(".") and edit_distance(target, wanted) > MOST_EDITS


def _our_side(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    """The customer's alias is right: does our target answer?"""
    aliases = ("return_path", "dkim_alias")
    if case.record.kind in aliases and _is_silent(case, Question(case.record.target, "TXT")):
        yield "our_side", {}


def _is_silent(case: Case, question: Question) -> bool:
    """Whether resolvers could not get an answer for a name of ours; a refusal only says they do not serve us."""
    reply = case.survey.resolved.get(question)
    silent = (Outcome.NXDOMAIN, Outcome.NODATA, Outcome.SERVFAIL, Outcome.TIMEOUT)
    return reply is not None and reply.outcome in silent


def _inlined(case: Case, texts: Reply | None) -> Judgement | None:
    """No alias visible, but the TXT at the name has the alias's effect: flattened by the DNS host, or pasted."""
    target = case.survey.resolved.get(Question(case.record.target, "TXT"))
    if texts is None or texts.outcome is not Outcome.ANSWER or target is None or case.record.type != "CNAME":
        return None
    wanted = {effects.public_key(plain(r)) or plain(r) for r in target.of_type("TXT")}
    found = tuple(plain(r) for r in texts.of_type("TXT"))
    if not any((effects.public_key(text) or text) in wanted for text in found):
        return None
    text = " | ".join(found)
    return Judgement(notes=(Finding("ok_inlined", {}, text),), found=text, values=found)


def _dmarc(case: Case, records: tuple[Record, ...]) -> Iterator[Fault]:
    """The DMARC row is judged by its forecast, not here."""
    return iter(())


def _not_this_one(case: Case) -> Iterator[Fault]:
    yield "missing_value", {"name": case.record.name, "type": case.record.type}


KINDS: Mapping[str, Callable[[Case, tuple[Record, ...]], Iterator[Fault]]] = {
    "spf": _spf,
    "dkim": _dkim,
    "owner": _owner,
    "mx": _mx,
    "txt": _text,
    "return_path": _cname,
    "dkim_alias": _cname,
    "cname": _cname,
    "dmarc": _dmarc,
}
