"""What a process remembers between checks saves questions and work, and never hides a change."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from tests.whitelabel.dns.stage import FACTS, Stage
from whitelabel.diagnosis.judging import Judge
from whitelabel.diagnosis.values import Context
from whitelabel.records import expected_records
from whitelabel.survey import wire
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.values import Question, Survey

SPF = Question("mgeu.kund.test", "TXT")


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """A zone in which all is right, and one memory for all checks of the test."""
    stage.memory = new_memory(stage.world.settings())
    return stage


def forget_probes(stage: Stage) -> None:
    assert stage.memory is not None
    stage.memory.probes.clear()


def test_two_checks_that_saw_the_same_are_equal(stage: Stage) -> None:
    first = stage.survey()
    forget_probes(stage)
    second = stage.survey()

    assert first == second
    assert second.seconds != first.seconds
    assert [a is b for a, b in zip(first.replies[SPF].values(), second.replies[SPF].values(), strict=True)] == [
        True
    ] * 2


def test_servers_that_answer_alike_are_read_once(stage: Stage) -> None:
    ns1, ns2 = stage.survey().replies[SPF].values()

    assert ns1 is ns2


def test_what_was_right_is_not_judged_again_until_something_changes(stage: Stage) -> None:
    judge = Judge()
    before = judge.diagnose(stage.survey(), stage.expected)
    same = judge.diagnose(stage.survey(), stage.expected)
    stage.publish('mgeu TXT "v=spf1 -all"', without="spf", serial=3)
    changed = judge.diagnose(stage.survey(), stage.expected)
    stage.publish(serial=4)
    again = judge.diagnose(stage.survey(), stage.expected)

    assert [verdict.code for verdict in before] == ["ok"] * 7
    assert same is before
    assert changed[0].code == "spf_not_us"
    assert [verdict.code for verdict in again] == ["ok"] * 7


def test_a_change_at_one_server_of_two_is_seen_at_once(stage: Stage) -> None:
    judge = Judge()
    judge.diagnose(stage.survey(), stage.expected)
    stage.ns2.load(stage.make('mgeu TXT "v=spf1 -all"', without="spf", serial=3))

    assert judge.diagnose(stage.survey(), stage.expected)[0].code == "ns_lag"


def test_what_is_not_right_is_judged_with_the_context_of_the_day(stage: Stage) -> None:
    judge = Judge()
    stage.ns2.fault = lambda exchange: None
    late = [
        judge.diagnose(stage.survey(), stage.expected, context=Context(retry_at=at))[0].message()
        for at in ("10:42", "11:42")
    ]

    assert ["10:42" in late[0], "11:42" in late[1]] == [True, True]


def test_domains_beyond_the_limit_are_forgotten(stage: Stage) -> None:
    judge = Judge(most=1)
    seen = stage.survey()
    first = judge.diagnose(seen, stage.expected)
    judge.diagnose(seen, expected_records(replace(FACTS, token="x" * 26))[:1])

    assert judge.diagnose(seen, stage.expected) is not first


def test_the_registry_is_looked_up_once_for_many_domains(stage: Stage) -> None:
    async def both() -> tuple[Survey, Survey]:
        limits = stage.world.settings()
        first = await survey(stage.expected, "kund.test", settings=limits, memory=stage.memory)
        second = await survey(stage.expected, "post.test", settings=limits, memory=stage.memory)
        return first, second

    first, second = asyncio.run(both())

    assert (first.cut.zone, second.cut.zone) == ("kund.test", "post.test")
    assert stage.world.resolver.queries.count(("test", "NS")) == 1


def test_a_registry_is_looked_up_again_when_its_records_have_aged(stage: Stage) -> None:
    assert stage.memory is not None
    stage.survey()
    for table in (stage.memory.cuts, stage.memory.parents, stage.memory.addresses):
        table.clear()
    stage.survey()

    assert stage.world.resolver.queries.count(("test", "NS")) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_draws_other_ids() -> None:
    wire.random_id()  # the pool is filled before the fork, as in a worker that is forked from its parent
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(wire.random_id().to_bytes(2) for _ in range(8)))
        os._exit(0)
    os.waitpid(child, 0)
    own = b"".join(wire.random_id().to_bytes(2) for _ in range(8))

    assert os.read(reading, 16) != own


def test_what_stands_beside_right_records_is_asked_daily_and_whenever_the_zone_changes(stage: Stage) -> None:
    assert stage.memory is not None
    probed = [name for name, _type in stage.survey().probes]
    stage.ns1.queries.clear()
    stage.ns2.queries.clear()
    stage.survey(probe_seconds=0.0)
    unchanged = len(stage.ns1.queries) + len(stage.ns2.queries)
    stage.publish(serial=3)
    stage.survey(probe_seconds=0.0)
    changed = len(stage.ns1.queries) + len(stage.ns2.queries) - unchanged

    assert changed - unchanged == len(probed) > 8


def test_beside_records_that_lack_all_is_asked_again_after_a_minute(stage: Stage) -> None:
    stage.publish(without="spf", serial=3)
    stage.survey()
    stage.ns1.queries.clear()
    stage.ns2.queries.clear()
    stage.survey()
    soon = len(stage.ns1.queries) + len(stage.ns2.queries)
    stage.survey(probe_seconds=0.0)
    later = len(stage.ns1.queries) + len(stage.ns2.queries) - soon

    assert later > soon
