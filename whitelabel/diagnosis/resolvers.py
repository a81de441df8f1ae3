"""What recursive resolvers still see when every authoritative server is right: old answers, or broken DNSSEC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whitelabel import effects
from whitelabel.diagnosis.faults import Case, value_text
from whitelabel.diagnosis.values import Finding, ServerAnswer, Standing
from whitelabel.survey.values import Outcome, Reply, Server

# RFC 8914: 6 DNSSEC Bogus … 12 NSEC Missing.
DNSSEC_ERRORS = {
    6: "DNSSEC Bogus",
    7: "Signature Expired",
    8: "Signature Not Yet Valid",
    9: "DNSKEY Missing",
    10: "RRSIGs Missing",
    11: "No Zone Key Bit Set",
    12: "NSEC Missing",
}


def resolver_findings(case: Case, answers: Iterable[ServerAnswer]) -> Iterator[Finding]:
    """Notes for a record that is right at the authoritative servers; `answers` are those of `resolver_answers`."""
    asked = case.survey.recursive.get(case.question, {})
    failed = {server: reply for server, reply in asked.items() if reply.outcome is Outcome.SERVFAIL}
    bogus = [reply for server, reply in failed.items() if _is_bogus(case, server, reply)]
    if bogus:
        yield Finding("dnssec_bogus", {"ede": _extended_error(bogus[0])})
    elif failed and len(failed) == sum(reply.outcome is not Outcome.TIMEOUT for reply in asked.values()):
        yield Finding("servfail")
    for answer in answers:
        if answer.standing is Standing.MISSING:
            yield Finding("nx_cached", {"resolver": answer.server.name, "n": str(answer.seconds)})
        elif answer.standing is Standing.WRONG:
            yield Finding("old_cached", {"n": str(answer.seconds)}, " | ".join(answer.values))


def resolver_answers(case: Case) -> tuple[ServerAnswer, ...]:
    """The matrix cells of the resolvers; `seconds` counts down until the old answer is forgotten."""
    asked = case.survey.recursive.get(case.question, {})
    return tuple(_answer(case, server, reply) for server, reply in asked.items())


def _answer(case: Case, server: Server, reply: Reply) -> ServerAnswer:
    own = (record for record in reply.of_type(case.record.type) if record.name == case.record.name)
    values = tuple(value_text(record) for record in own)
    if reply.outcome in (Outcome.NXDOMAIN, Outcome.NODATA):
        return ServerAnswer(server, Standing.MISSING, seconds=reply.soa.negative_ttl if reply.soa else 0)
    if reply.outcome is Outcome.ANSWER:
        right = effects.shows_effect(case.record, reply, case.survey.resolved) or case.record.kind == "dmarc"
        ttl = min((record.ttl for record in reply.answers), default=0)
        standing = Standing.RIGHT if right else Standing.WRONG
        return ServerAnswer(server, standing, values, ttl=ttl, seconds=0 if right else ttl)
    standing = {Outcome.SERVFAIL: Standing.SERVFAIL, Outcome.TIMEOUT: Standing.TIMEOUT}.get(
        reply.outcome, Standing.ERROR
    )
    return ServerAnswer(server, standing, reason=reply.rcode or reply.reason)


def _is_bogus(case: Case, server: Server, reply: Reply) -> bool:
    """Validation fails: an EDE of DNSSEC, and the same resolver answers when it does not check (CD=1).

    Without the EDE it may as well be a passing failure: that must not turn a row red.
    """
    unchecked = case.survey.unchecked.get(case.question, {}).get(server)
    answers = unchecked is not None and unchecked.outcome is Outcome.ANSWER
    return answers and any(code in DNSSEC_ERRORS for code, _ in reply.extended_errors)


def _extended_error(reply: Reply) -> str:
    for code, _ in reply.extended_errors:
        if code in DNSSEC_ERRORS:
            return f"EDE {code}, {DNSSEC_ERRORS[code]}"
    return reply.rcode
