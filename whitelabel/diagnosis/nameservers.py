"""What the set of nameservers as a whole tells: lame, silent, lagging or disagreeing servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from whitelabel.diagnosis.values import Context, Finding, ServerAnswer, Standing
from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Delegation, Survey, ZoneCut

TROUBLES = frozenset({"lame", "ns_unreachable", "tcp_blocked", "servfail"})


def no_servers(survey: Survey, context: Context) -> Finding:
    """Nobody could be asked: the domain is gone, the delegation is unknown, or no nameserver has a usable address."""
    zone = survey.cut.zone
    if survey.delegation is Delegation.GONE:
        return Finding("zone_gone", {"zone": zone})
    if survey.delegation is Delegation.SERVFAIL:
        return Finding("servfail")
    listed = ", ".join(survey.cut.nameservers) or zone
    return Finding("ns_unreachable", {"ns": listed, "n": "0", "time": context.retry_at})


def names(answers: Sequence[ServerAnswer]) -> int:
    """How many nameservers (by name) answered definitely."""
    return len(_named(answers, lambda answer: answer.standing.definite))


def quorum(answers: Sequence[ServerAnswer]) -> bool:
    """Whether at least half of the nameservers, and at least one, answered."""
    listed = {a.server.name for a in answers if a.standing is not Standing.NOT_TESTED}
    return names(answers) >= 1 and 2 * names(answers) >= len(listed)


def troubles(
    survey: Survey, subzone: ZoneCut | None, answers: Sequence[ServerAnswer], context: Context
) -> Iterator[Finding]:
    """Servers that could not be counted, whatever the others say."""
    zone = subzone.zone if subzone else survey.zone
    tested = [answer for answer in answers if answer.standing is not Standing.NOT_TESTED]
    if tested and all(answer.standing is Standing.LAME for answer in tested):
        yield Finding("all_lame", {"zone": zone})
    elif lame := _labels(answers, Standing.LAME):
        yield Finding("lame", {"ns": lame, "zone": zone})
    lost = () if subzone else survey.cut.unaddressed
    if silent := ", ".join(filter(None, (_labels(answers, Standing.TIMEOUT, Standing.ERROR), *lost))):
        yield Finding("ns_unreachable", {"ns": silent, "n": str(names(answers)), "time": context.retry_at})
    if blocked := _labels(answers, Standing.TCP_FAILED):
        yield Finding("tcp_blocked", {"ns": blocked})
    if _labels(answers, Standing.SERVFAIL):
        yield Finding("servfail")


def unanswered(survey: Survey, answers: Sequence[ServerAnswer], context: Context) -> Finding:
    """Some servers did not say: the row stays open instead of being called missing."""
    if failed := _labels(answers, Standing.SERVFAIL):
        return Finding("servfail", {}, failed)
    labels = _labels(answers, *(standing for standing in Standing if not standing.definite))
    silent = ", ".join(filter(None, (labels, *survey.cut.unresolved)))
    return Finding("ns_unreachable", {"ns": silent, "n": str(names(answers)), "time": context.retry_at})


def conflicting(survey: Survey, answers: Sequence[ServerAnswer]) -> bool:
    """Whether two servers with the same serial give different values."""
    seen: dict[int | None, set[frozenset[str]]] = {}
    for answer in answers:
        if answer.standing.definite and answer.values:
            seen.setdefault(answer.serial, set()).add(frozenset(answer.values))
    return any(len(values) > 1 for values in seen.values())


def disagreement(survey: Survey, answers: Sequence[ServerAnswer], record: ExpectedRecord) -> Finding:
    """Answering servers differ: two sets of nameservers, a copy that lags, or a conflict."""
    return _two_sets(survey, answers) or _conflict(survey, answers) or _lag(answers)


def _two_sets(survey: Survey, answers: Sequence[ServerAnswer]) -> Finding | None:
    """The parent's NS set and the zone's own differ, and that is where the answers differ."""
    parent, child = set(survey.cut.parent_ns), set(survey.cut.child_ns)
    have = _named(answers, lambda answer: answer.standing is Standing.RIGHT)
    lack = _named(answers, lambda answer: answer.standing in (Standing.MISSING, Standing.WRONG))
    one_sided = (parent ^ child) & (set(have) | set(lack))
    if not (parent and child and one_sided and have and lack):
        return None
    if not any(side and (set(have) <= side) != (set(lack) <= side) for side in (parent, child)):
        return None
    lists = {"a": ", ".join(sorted(parent)), "b": ", ".join(sorted(child)), "c": ", ".join(have)}
    return Finding("parent_child_ns", lists, _found(answers))


def _conflict(survey: Survey, answers: Sequence[ServerAnswer]) -> Finding | None:
    if not conflicting(survey, answers):
        return None
    valued = [answer for answer in answers if answer.standing.definite and answer.values]
    first = valued[0]
    other = next(a for a in valued if set(a.values) != set(first.values))
    return Finding(
        "ns_conflict",
        {
            "ns1": first.server.name,
            "v1": " | ".join(first.values),
            "ns2": other.server.name,
            "v2": " | ".join(other.values),
        },
        _found(answers),
    )


def _lag(answers: Sequence[ServerAnswer]) -> Finding:
    behind = [a for a in answers if a.standing in (Standing.MISSING, Standing.WRONG)]
    ahead = [a for a in answers if a.standing is Standing.RIGHT]
    waiting = tuple(dict.fromkeys(a.server.name for a in behind))
    have = [name for name in dict.fromkeys(a.server.name for a in ahead) if name not in waiting]
    return Finding(
        "ns_lag",
        {
            "x": str(len(have)),
            "y": str(names(answers)),
            "ns": ", ".join(waiting),
            "s1": _serial(behind, min),
            "s2": _serial(ahead, max),
        },
        _found(answers),
    )


def _serial(answers: Iterable[ServerAnswer], choose: Callable[[list[int]], int]) -> str:
    serials = [answer.serial for answer in answers if answer.serial is not None]
    return str(choose(serials)) if serials else "?"


def _found(answers: Iterable[ServerAnswer]) -> str:
    return next((" | ".join(a.values) for a in answers if a.standing is Standing.RIGHT and a.values), "")


def _named(answers: Sequence[ServerAnswer], wanted: Callable[[ServerAnswer], bool]) -> list[str]:
    return list(dict.fromkeys(answer.server.name for answer in answers if wanted(answer)))


def _labels(answers: Sequence[ServerAnswer], *standings: Standing) -> str:
    """Names with such a standing; the address is added where another address of the same name does answer."""
    answering = {answer.server.name for answer in answers if answer.standing.definite}
    chosen = [answer.server for answer in answers if answer.standing in standings]
    labels = (f"{s.name} ({s.address})" if s.name in answering else s.name for s in chosen)
    return ", ".join(dict.fromkeys(labels))
