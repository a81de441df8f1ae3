"""Ten thousand checks over a bad network: a record that is there is never called missing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import dns.message
import dns.rcode
import pytest

from tests.support.dns import Exchange, NameServer
from tests.whitelabel.dns.stage import DOMAIN, Stage
from whitelabel.diagnosis.catalogue import State
from whitelabel.diagnosis.judging import diagnose
from whitelabel.diagnosis.values import Verdict
from whitelabel.survey import wire
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.transport import Accept, Ask
from whitelabel.survey.values import Outcome, Question, Reply

MISSING = {"missing_nx", "missing_type", "missing_value", "zone_gone"}
FAILING = 0.10
CHECKS = 10_000


class BadNetwork:
    """Stands where the sockets stand: the replies are those of real servers, each try fails one time in ten."""

    def __init__(self, settings: SurveySettings, servers: Sequence[NameServer], chance: random.Random) -> None:
        self.settings = settings
        self.servers = {server.address: server for server in servers}
        self.chance = chance
        self.known: dict[tuple[str, Question, int], Reply] = {}
        self.failed = 0

    async def ask(self, asks: Sequence[Ask], *, deadline: float, accept: Accept | None = None) -> list[Reply]:
        """As Transport.ask."""
        return [self._try(ask) for ask in asks]

    def _try(self, ask: Ask) -> Reply:
        for _ in self.settings.try_seconds:
            if self.chance.random() >= FAILING:
                return self._honest(ask)
            self.failed += 1
            kind = self.chance.choice((Outcome.TIMEOUT, Outcome.TIMEOUT, Outcome.SERVFAIL))
        return Reply(kind, reason="injected")

    def _honest(self, ask: Ask) -> Reply:
        key = (ask.server.address, ask.question, ask.flags)
        if key not in self.known:
            query, _ = wire.prepare(ask.question, ask.flags).encode(1, mixed_case=False, edns=True)
            (answer,) = self.servers[ask.server.address].respond(query, True, None)
            self.known[key] = wire.read_reply(answer, authoritative=not ask.flags, max_records=50)
        return self.known[key]


async def _checks(stage: Stage, count: int) -> tuple[Counter[str], int]:
    limits = stage.world.settings()
    network = BadNetwork(limits, stage.world.servers, random.Random(20_260_101))
    codes: Counter[str] = Counter()
    for _ in range(count):
        found = await survey(stage.expected, DOMAIN, settings=limits, memory=new_memory(limits), transport=network)
        for verdict in diagnose(found, stage.expected, context=stage.context):
            if verdict.record.required:
                codes[verdict.code] += 1
                assert not _is_false_alarm(verdict), (verdict.record.key, verdict.code, verdict.servers)
    return codes, network.failed


def _is_false_alarm(verdict: Verdict) -> bool:
    return verdict.code in MISSING or verdict.definite_bad or verdict.state is State.RED


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_checks_of_a_right_domain_never_say_missing(stage: Stage) -> None:
    codes, failed = asyncio.run(_checks(stage, CHECKS))

    assert failed > CHECKS  # the network really was bad
    assert sum(codes.values()) == CHECKS * sum(record.required for record in stage.expected)
    assert codes["ok"] > 0.8 * sum(codes.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_checks_of_a_lagging_domain_never_say_missing(stage: Stage) -> None:
    stage.publish(serial=9)
    stage.ns2.load(stage.make(without=tuple(r.key for r in stage.expected), serial=2))

    codes, _ = asyncio.run(_checks(stage, CHECKS))

    assert codes["ns_lag"] > 0.8 * sum(codes.values())


def test_three_hundred_checks_over_a_bad_network_never_say_missing(stage: Stage) -> None:
    codes, _ = asyncio.run(_checks(stage, 300))

    assert codes["ok"] > 0


def test_real_servers_that_fail_one_time_in_ten_never_make_a_record_missing(stage: Stage) -> None:
    chance = random.Random(7)

    def flaky(exchange: Exchange) -> dns.message.Message | None:
        if chance.random() >= FAILING:
            return exchange.normal
        return exchange.with_rcode(dns.rcode.SERVFAIL) if chance.random() < 0.5 else None

    stage.ns1.fault = stage.ns2.fault = flaky
    for _ in range(25):
        verdicts = stage.look(try_seconds=(0.05, 0.05))
        assert not any(_is_false_alarm(verdict) for verdict in verdicts.values() if verdict.record.required)


def test_a_record_that_is_really_missing_is_still_said_to_be(stage: Stage) -> None:
    stage.only()

    async def look() -> list[str]:
        limits = stage.world.settings()
        network = BadNetwork(limits, stage.world.servers, random.Random(3))
        codes = []
        for _ in range(100):
            found = await survey(stage.expected, DOMAIN, settings=limits, memory=new_memory(limits), transport=network)
            codes += [v.code for v in diagnose(found, stage.expected) if v.record.key == "owner"]
        return codes

    assert Counter(asyncio.run(look()))["missing_nx"] > 80
