"""The DMARC row: the forecast of `whitelabel.dmarc` turned into a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whitelabel import dmarc
from whitelabel.diagnosis.catalogue import ENTRIES, ORDER, State
from whitelabel.diagnosis.values import Finding, Verdict
from whitelabel.effects import seen, text_of
from whitelabel.survey.values import Delegation, Outcome, Question, Reply, Survey
from whitelabel.survey.zone import registrable_domain


def dmarc_finding(verdict: Verdict, verdicts: Sequence[Verdict], survey: Survey) -> Verdict:
    """`verdict` of the DMARC row, judged by its effect on the mail that the other rows prepare.

    Where the DNS did not tell (timeouts, failures) the row keeps that verdict.
    """
    if survey.delegation is not Delegation.FOUND or not _told(survey, verdict):
        return verdict
    domain = verdict.record.domain
    label = next((v.record.label for v in verdicts if v.record.label), "")
    subdomain = f"{label}.{domain}" if label else domain
    exact = [v for v in verdicts if v.record.kind == "dkim" and not v.record.label]
    signer = domain if not label or any(v.state.right for v in exact) else subdomain
    records = published(survey, dmarc.consulted_names(domain, subdomain))
    if not records and _unheard(survey, domain):
        return replace(verdict, state=State.GREY, finding=Finding("servfail"), details=(), definite_bad=False)
    outlook = dmarc.forecast(records, from_domain=domain, signing_domain=signer, return_path_domain=subdomain)
    findings = sorted(_findings(outlook, domain, subdomain, verdict), key=lambda finding: ORDER[finding.code])
    first, *rest = findings
    return replace(verdict, state=_state(first, outlook), finding=first, details=tuple(rest), definite_bad=False)


def published(survey: Survey, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The TXT texts at DMARC names, from whichever server told."""
    return {name: texts for name in names if (texts := _texts(survey, name))}


def _texts(survey: Survey, name: str) -> tuple[str, ...]:
    question = Question(name, "TXT")
    replies: list[Reply] = [*survey.asked(name, "TXT").values()]
    if question in survey.resolved:
        replies.append(survey.resolved[question])
    for reply in replies:
        if reply.outcome is Outcome.ANSWER:
            return tuple(text_of(record.octets) for record in seen(reply, question, survey.resolved).records)
    return ()


def _unheard(survey: Survey, domain: str) -> bool:
    """Whether a name at which the organization's record may stand could not be asked."""
    registered = registrable_domain(domain)
    above = (name for name in dmarc.consulted_names(domain, domain) if name.endswith(f".{registered}"))
    replies = (survey.resolved.get(Question(name, "TXT")) for name in above)
    return any(reply is not None and not reply.outcome.definite for reply in replies)


def _told(survey: Survey, verdict: Verdict) -> bool:
    replies = survey.asked(verdict.record.name, "TXT").values()
    return any(reply.outcome.definite or reply.outcome is Outcome.REFERRAL for reply in replies)


def _findings(outlook: dmarc.Forecast, domain: str, subdomain: str, verdict: Verdict) -> Iterator[Finding]:
    policy = outlook.old.policy or outlook.new.policy
    found = "; ".join(f"{name}={value}" for name, value in policy.tags.items()) if policy else ""
    strict = policy.strict_tags if policy else ()
    if outlook.duplicates:
        yield Finding("dmarc_two", {}, verdict.finding.found)
    elif policy is None:
        yield Finding("dmarc_none", {"zone": domain})
    failing = outlook.worst_direct is dmarc.Result.FAIL, outlook.worst_forwarded is dmarc.Result.FAIL
    if "adkim=s" in strict and any(failing):
        code = "dmarc_strict" if failing[0] else "dmarc_fragile"
        yield Finding(code, {"tags": ", ".join(strict)}, found)
    elif any(failing) or _own_organization(outlook, policy):
        yield Finding("dmarc_psd", {"name": subdomain}, found)
    elif policy and "aspf=s" in strict:
        yield Finding("dmarc_dkim_only", {}, found)
    elif policy and not outlook.duplicates:
        servers = {answer.server.name for answer in verdict.servers if answer.standing.definite}
        yield Finding("ok", {"n": str(len(servers))}, found)


def _own_organization(outlook: dmarc.Forecast, policy: dmarc.Policy | None) -> bool:
    """A domain on the public suffix list, or cut off by psd=, counts the sender subdomain as somebody else."""
    parted = any(view.organization != view.signer_organization for view in (outlook.old, outlook.new))
    return policy is not None and parted and outlook.worst_direct is not dmarc.Result.NONE


def _state(finding: Finding, outlook: dmarc.Forecast) -> State:
    """Red only where mail would really be refused: with p=none a failure is reported, not punished."""
    state = ENTRIES[finding.code].state
    policies = [view.policy.policy for view in (outlook.old, outlook.new) if view.policy]
    if state is State.RED and policies and all(policy == "none" for policy in policies):
        return State.AMBER
    return state
