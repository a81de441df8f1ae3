"""Carrying out checks: the survey asks the DNS, the diagnosis judges, the claim keeps the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings
from django.utils import timezone

from organizations import scope
from whitelabel import activation, approvals, claims, domain_rules, label_test, links, schedule, spf_probe
from whitelabel.diagnosis.judging import Judge
from whitelabel.diagnosis.values import Context, Verdict
from whitelabel.models import SenderAddress, SenderDomain
from whitelabel.records import ExpectedRecord
from whitelabel.schedule import DueCheck
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import process_memory, survey
from whitelabel.survey.transport import Transport
from whitelabel.survey.values import Survey
from whitelabel.survey.zone import ZoneFinder

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_judge = Judge()


@dataclass(frozen=True)
class Prepared:
    """A check that is about to ask: what is expected of which domain."""

    due: DueCheck
    domain: str
    expected: tuple[ExpectedRecord, ...]
    context: Context
    return_path: str = ""
    """The return path to evaluate SPF for, because somebody has asked for activation; "" otherwise."""


@dataclass(frozen=True)
class Checked:
    """A check that has its answers."""

    prepared: Prepared
    survey: Survey
    verdicts: tuple[Verdict, ...]
    egress: Mapping[str, str] = field(default_factory=dict)
    """Address our mail leaves from → SPF result; empty when nobody asked for activation or no address is set."""


def check_due() -> int:
    """Check every domain that is due; returns how many were checked."""
    due = schedule.take_due(settings.SENDER_CHECK_BATCH)
    if not due:
        return 0
    _choose_labels(_each(_untested, due))
    for checked in asyncio.run(_ask_all(_each(_prepare, due))):
        with _apart(checked.prepared.due):
            _keep(checked)
    approvals.tell_new()
    return len(due)


@contextmanager
def _apart(due: DueCheck) -> Iterator[None]:
    """A step of one claim's check: where it fails, that is logged, and the others go on. It comes again after its lease."""
    try:
        yield
    except Exception:
        log.exception("the check of sender domain %s failed", due.claim_id)


def _each(step: Callable[[DueCheck], Result | None], due: Sequence[DueCheck]) -> list[Result]:
    """What a step gives for each claim; nothing where it gives None or fails."""
    results = []
    for check in due:
        with _apart(check):
            if (result := step(check)) is not None:
                results.append(result)
    return results


@dataclass(frozen=True)
class Untested:
    """A claim whose subdomain nobody has looked at yet."""

    due: DueCheck
    domain: str
    token: str
    labels: tuple[str, ...]


def _untested(due: DueCheck) -> Untested | None:
    with scope.organization(due.organization_id):
        claim = SenderDomain.objects.get(pk=due.claim_id)
        if claim.label_frozen_at or claim.label_finding.get("code") in label_test.USABLE:
            return None
        with scope.queue():
            others = SenderDomain.queue.filter(domain=claim.domain).exclude(pk=claim.pk)
            used = set(others.values_list("label", flat=True))
        wanted = dict.fromkeys((claim.label, *domain_rules.labels()))
        return Untested(due, claim.domain, claim.token, tuple(label for label in wanted if label not in used))


def _choose_labels(untested: Sequence[Untested]) -> None:
    """Find a free subdomain for claims that are new, before their records are shown."""
    if not untested:
        return
    for due, finding in asyncio.run(_look_all(untested)):
        with _apart(due), scope.organization(due.organization_id):
            claim = SenderDomain.objects.select_for_update().get(pk=due.claim_id)
            claims.note_label(claim, finding.label, finding.as_json())


async def _look_all(untested: Sequence[Untested]) -> list[tuple[DueCheck, label_test.LabelFinding]]:
    limits = SurveySettings.from_django(settings)
    async with Transport(limits, process_memory(limits)) as transport:
        looks = (
            label_test.choose_label(u.labels, u.domain, u.token, settings.MAIL_DOMAIN, transport) for u in untested
        )
        found = await asyncio.gather(*looks, return_exceptions=True)
    for new, finding in zip(untested, found, strict=True):
        if isinstance(finding, BaseException):
            log.error("the label test of sender domain %s failed", new.due.claim_id, exc_info=finding)
    pairs = zip(untested, found, strict=True)
    return [(new.due, finding) for new, finding in pairs if isinstance(finding, label_test.LabelFinding)]


def _prepare(due: DueCheck) -> Prepared:
    with scope.organization(due.organization_id):
        claim = SenderDomain.objects.get(pk=due.claim_id)
        following = schedule.next_check(claim, timezone.now())
        retry_at = f"{timezone.localtime(following):%H:%M}" if following else ""
        context = Context(claims.history(claim), links.is_done(claim), claim.dns_host, retry_at)
        asked = SenderAddress.objects.filter(sender_domain=claim, requested_at__isnull=False).exists()
        return_path = f"probe@{claim.subdomain}" if asked else ""
        return Prepared(due, claim.domain, claims.records_of(claim), context, return_path)


async def _ask_all(prepared: Sequence[Prepared]) -> list[Checked]:
    """All domains at once; a check that fails for a reason of ours is logged and comes again when its lease ends."""
    limits = SurveySettings.from_django(settings)
    async with Transport(limits, process_memory(limits)) as transport:  # one set of sockets for all of them
        checks = (_ask(check, limits, transport) for check in prepared)
        results = await asyncio.gather(*checks, return_exceptions=True)
    for check, result in zip(prepared, results, strict=True):
        if isinstance(result, BaseException):
            log.error("the check of sender domain %s failed", check.due.claim_id, exc_info=result)
    return [result for result in results if isinstance(result, Checked)]


async def _ask(check: Prepared, limits: SurveySettings, transport: Transport) -> Checked:
    answers = await survey(check.expected, check.domain, settings=limits, transport=transport)
    verdicts = _judge.diagnose(answers, check.expected, context=check.context)
    egress = await _egress(check, answers, limits, transport) if check.return_path else {}
    return Checked(check, answers, verdicts, egress)


async def _egress(check: Prepared, survey: Survey, limits: SurveySettings, transport: Transport) -> dict[str, str]:
    """SPF results of our egress addresses, on the survey's answers and on what our own include holds."""
    ips, sent = settings.RELAY_EGRESS_IPS, {"mail_from": check.return_path, "helo": settings.MAIL_DOMAIN}
    answers = spf_probe.answers_of(survey)
    deadline = asyncio.get_running_loop().time() + limits.wall_seconds / 2
    finder = ZoneFinder(transport, process_memory(limits), deadline)
    for _round in range(spf_probe.MOST_ROUNDS):
        missing = spf_probe.unknown(answers, ips=ips, **sent)
        if not missing:
            break
        answers.update(zip(missing, await finder.resolve(missing), strict=True))
    return {ip: spf_probe.evaluate(answers, ip=ip, **sent)[0] or "temperror" for ip in ips}


def _mail_hosts(survey: Survey) -> list[str] | None:
    """Where mail to the domain itself goes; None when no nameserver told."""
    told = [reply for reply in survey.asked(survey.domain, "MX").values() if reply.outcome.definite]
    return sorted({record.target for reply in told for record in reply.of_type("MX")}) if told else None


def _keep(checked: Checked) -> None:
    due = checked.prepared.due
    with scope.organization(due.organization_id):
        approvals.lock_domain(checked.prepared.domain)  # always before the claim's row: see approvals
        # A slow check must never overwrite what a newer one found.
        claim = SenderDomain.objects.select_for_update().filter(pk=due.claim_id, check_seq=due.seq).first()
        if claim is None:
            return
        names = [server.name for server in checked.survey.cut.servers]
        claims.record_check(
            claim,
            checked.verdicts,
            nameservers=sorted(set(names)),
            mail_hosts=_mail_hosts(checked.survey),
            now=timezone.now(),
        )
        if claim.state == SenderDomain.State.READY:
            approvals.consent_for(claim, timezone.now())  # ask the others as soon as control is shown
        activation.finish_requested(claim, checked.survey, checked.egress)
