"""The survey on the wire: whom it asks, how it deals with odd servers, and where it stops."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest

from tests.support.dns import Exchange, Zone
from tests.whitelabel.dns.stage import DOMAIN, Stage
from whitelabel.records import ClaimFacts, expected_records
from whitelabel.survey import wire
from whitelabel.survey.surveying import new_memory, survey
from whitelabel.survey.values import Delegation, Outcome, Question, Reply

SPF = Question("mgeu.kund.test", "TXT")


def test_every_authoritative_server_is_asked_without_recursion(stage: Stage) -> None:
    seen: list[Exchange] = []

    def watch(exchange: Exchange) -> dns.message.Message:
        seen.append(exchange)
        return exchange.normal

    stage.ns1.fault = stage.ns2.fault = watch
    replies = stage.survey().replies[SPF]

    assert {server.name for server in replies} == {"ns1.kund.test", "ns2.kund.test"}
    assert not any(exchange.query.flags & dns.flags.RD for exchange in seen)
    assert {exchange.query.payload for exchange in seen} == {1232}


def test_ids_ports_and_letter_case_differ_between_queries(stage: Stage) -> None:
    seen: list[Exchange] = []

    def watch(exchange: Exchange) -> dns.message.Message:
        seen.append(exchange)
        return exchange.normal

    stage.ns1.fault = watch
    stage.survey()

    assert len({exchange.query.id for exchange in seen}) > len(seen) // 2
    assert len({exchange.source[1] for exchange in seen}) > 5
    assert len({exchange.query.question[0].name.to_text() for exchange in seen if exchange.name == SPF.name}) > 1


def test_new_names_are_not_asked_at_a_resolver_before_all_servers_have_them(stage: Stage) -> None:
    stage.ns2.load(Zone(DOMAIN, nameservers=stage.zone.nameservers))
    stage.survey()

    assert not any(name.endswith("mgeu.kund.test") for name, _ in stage.world.resolver.queries)


def test_resolvers_are_asked_once_all_servers_agree(stage: Stage) -> None:
    found = stage.survey()

    assert (SPF.name, "TXT") in stage.world.resolver.queries
    assert [reply.outcome for reply in found.recursive[SPF].values()] == [Outcome.ANSWER]


def test_a_truncated_answer_is_fetched_over_tcp(stage: Stage) -> None:
    stage.publish("\n".join(f'mgeu TXT "fyllnad {n} {"x" * 200}"' for n in range(10)))

    reply = next(iter(stage.survey().replies[SPF].values()))

    assert reply.over_tcp
    assert len(reply.answers) == 11


def test_packets_with_a_wrong_id_or_question_are_ignored(stage: Stage) -> None:
    def with_forgeries(exchange: Exchange) -> list[bytes]:
        right = exchange.normal.to_wire()
        other_id = bytes([right[0] ^ 1]) + right[1:]
        other = dns.message.make_response(dns.message.make_query("elak.test", "TXT", id=exchange.query.id)).to_wire()
        return [other_id, other, b"\x00", right[:2] + b"\x81", right]

    stage.ns1.fault = with_forgeries

    assert {reply.outcome for reply in stage.survey().replies[SPF].values()} == {Outcome.ANSWER}


def test_a_server_that_loses_the_letter_case_is_still_heard(stage: Stage) -> None:
    def lower(exchange: Exchange) -> dns.message.Message:
        question = exchange.normal.question[0]
        question.name = dns.name.from_text(question.name.to_text().lower())
        return exchange.normal

    stage.ns1.fault = stage.ns2.fault = lower

    assert {reply.outcome for reply in stage.survey().replies[SPF].values()} == {Outcome.ANSWER}


def test_a_server_without_edns_is_asked_again_without_it(stage: Stage) -> None:
    def old(exchange: Exchange) -> dns.message.Message:
        return exchange.with_rcode(dns.rcode.FORMERR) if exchange.query.edns >= 0 else exchange.normal

    stage.ns1.fault = old

    assert {reply.outcome for reply in stage.survey().replies[SPF].values()} == {Outcome.ANSWER}


def test_a_passing_server_failure_is_asked_again(stage: Stage) -> None:
    failed: set[tuple[str, str]] = set()

    def once(exchange: Exchange) -> dns.message.Message:
        first = (exchange.name, exchange.type) not in failed
        failed.add((exchange.name, exchange.type))
        return exchange.with_rcode(dns.rcode.SERVFAIL) if first else exchange.normal

    stage.ns1.fault = once

    assert {reply.outcome for reply in stage.survey().replies[SPF].values()} == {Outcome.ANSWER}


def test_a_huge_answer_over_tcp_is_not_read(stage: Stage) -> None:
    def huge(exchange: Exchange) -> dns.message.Message | list[bytes]:
        if exchange.over_tcp:
            return [exchange.normal.to_wire() + bytes(60_000)]
        exchange.normal.answer.clear()
        exchange.normal.flags |= dns.flags.TC
        return exchange.normal

    stage.ns1.fault = huge

    assert Outcome.TCP_FAILED in {reply.outcome for reply in stage.survey().replies[SPF].values()}


@pytest.mark.parametrize("kind", ["no authority", "upward referral", "referral to itself", "not authoritative rcode"])
def test_a_server_that_does_not_serve_the_zone_is_lame(stage: Stage, kind: str) -> None:
    def lame(exchange: Exchange) -> dns.message.Message:
        reply = dns.message.make_response(exchange.query)
        if kind == "no authority":
            exchange.normal.flags &= ~dns.flags.AA
            return exchange.normal
        if kind == "not authoritative rcode":
            reply.set_rcode(dns.rcode.NOTAUTH)
            return reply
        owner = "." if kind == "upward referral" else "kund.test."
        reply.authority.append(dns.rrset.from_text(owner, 300, "IN", "NS", "ns.rot.test."))
        return reply

    stage.ns2.fault = lame

    verdict = stage.look()["spf"]

    assert (verdict.code, verdict.state.value) == ("lame", "green_note")


def test_a_dead_nameserver_costs_at_most_three_seconds(stage: Stage) -> None:
    stage.ns2.fault = lambda _: None
    started = time.monotonic()
    verdict = stage.look(try_seconds=(1.0, 1.5))["spf"]

    assert time.monotonic() - started < 3.0
    assert verdict.code == "ns_unreachable"


def test_a_dead_nameserver_is_left_alone_for_a_while(stage: Stage) -> None:
    stage.memory = new_memory(stage.world.settings())
    stage.ns2.fault = lambda _: None
    stage.survey()
    asked = len(stage.ns2.queries)
    started = time.monotonic()
    again = stage.survey()

    assert len(stage.ns2.queries) == asked
    assert time.monotonic() - started < 0.3
    assert "circuit open" in {reply.reason for reply in again.replies[SPF].values()}


def test_nothing_right_and_silence_is_never_missing(stage: Stage) -> None:
    stage.ns1.fault = stage.ns2.fault = lambda _: None

    verdict = stage.look()["spf"]

    assert (verdict.code, verdict.state.value, verdict.definite_bad) == ("ns_unreachable", "grey", False)


def test_a_server_that_stays_silent_on_one_question_keeps_the_row_open(stage: Stage) -> None:
    stage.ns1.load(Zone(DOMAIN, nameservers=stage.zone.nameservers))
    stage.ns2.fault = lambda exchange: None if exchange.name == SPF.name else exchange.normal

    verdict = stage.look()["spf"]

    assert (verdict.code, verdict.state.value, verdict.definite_bad) == ("ns_unreachable", "grey", False)


def test_a_check_stays_within_its_bounds_however_many_nameservers_there_are(stage: Stage) -> None:
    crowd = Zone(DOMAIN)
    for number in range(30):
        crowd.nameservers[f"ns{number}.kund.test"] = stage.world.address()
    stage.world.resolver.load(crowd)
    stage.parent.load(Zone("test", "\n".join(f"kund NS {name}." for name in crowd.nameservers)))
    found = stage.survey(wall_seconds=1.0)

    assert len({server.name for server in found.cut.servers}) <= 8
    assert len(found.cut.servers) <= 16
    assert found.queries <= 160
    assert found.seconds < 1.5


def test_resolvers_that_fail_leave_everything_unclear(stage: Stage) -> None:
    stage.world.resolver.fault = lambda exchange: exchange.with_rcode(dns.rcode.SERVFAIL)

    found = stage.survey()
    verdicts = stage.look()

    assert found.delegation is Delegation.SERVFAIL
    assert {(v.code, v.state.value) for v in verdicts.values()} == {("servfail", "grey")}


def test_a_domain_below_the_registered_one_is_followed_to_its_own_zone(stage: Stage) -> None:
    child = Zone(f"hr.{DOMAIN}", 'mgeu TXT "v=spf1 -all"')
    stage.world.serve("ns.hr.test", child)
    stage.publish("hr NS ns.hr.test.")
    del stage.world.resolver.zones[f"hr.{DOMAIN}"]
    limits = stage.world.settings()
    records = expected_records(ClaimFacts(f"hr.{DOMAIN}", "mgeu", "t" * 26, (), "post.test"))
    found = asyncio.run(survey(records, f"hr.{DOMAIN}", settings=limits, memory=new_memory(limits)))

    assert found.zone == f"hr.{DOMAIN}"
    replies = found.replies[Question(f"mgeu.hr.{DOMAIN}", "TXT")]
    assert {server.name: reply.outcome for server, reply in replies.items()} == {"ns.hr.test": Outcome.ANSWER}


def test_unchanged_replies_are_not_decoded_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.publish(without="mx2")  # the server gives several records in any order
    stage.memory = new_memory(stage.world.settings())
    first = stage.survey()
    decoded: list[bytes] = []
    read_reply = wire.read_reply

    def counting(data: bytes, **limits: Any) -> Reply:
        decoded.append(data)
        return read_reply(data, **limits)

    monkeypatch.setattr(wire, "read_reply", counting)
    second = stage.survey()

    assert second.replies == first.replies
    assert decoded == []


def test_a_changed_reply_is_decoded_at_once(stage: Stage) -> None:
    stage.memory = new_memory(stage.world.settings())
    stage.publish(without="spf")
    before = stage.look()["spf"].code
    stage.publish()

    assert (before, stage.look()["spf"].code) == ("missing_type", "ok")


def test_a_slow_registry_holds_nothing_up_but_still_counts(stage: Stage) -> None:
    old = stage.make(without="spf")
    stage.zone.nameservers = {"ns1.kund.test": stage.ns1.address}
    stage.publish()
    stage.ns2.load(old)

    def slow(exchange: Exchange) -> dns.message.Message:
        time.sleep(0.3)
        return exchange.normal

    stage.parent.fault = slow
    found = stage.survey(try_seconds=(1.0, 1.5))

    assert found.cut.parent_ns == ("ns1.kund.test", "ns2.kund.test")
    assert {server.name for server in found.replies[SPF]} == {"ns1.kund.test", "ns2.kund.test"}


def test_a_silent_registry_does_not_hold_the_check_up(stage: Stage) -> None:
    stage.parent.fault = lambda _: None
    started = time.monotonic()
    found = stage.survey(try_seconds=(1.0, 1.5))

    assert time.monotonic() - started < 3.0
    assert {reply.outcome for reply in found.replies[SPF].values()} == {Outcome.ANSWER}


def test_a_zone_below_on_the_same_servers_hides_records_above_the_cut(stage: Stage) -> None:
    stage.publish("mgeu NS ns1.kund.test.")
    for server in (stage.ns1, stage.ns2):
        server.load(Zone("mgeu.kund.test", nameservers=stage.zone.nameservers))

    verdict = stage.look()["spf"]

    assert verdict.code == "wrong_zone"
    assert verdict.finding.params["ns"] == "ns1.kund.test, ns2.kund.test"


@pytest.mark.timeout(20)
def test_a_socket_that_is_replaced_while_it_is_read_does_not_spin(stage: Stage) -> None:
    """A reply lets the next question out of the queue, which may retire the very socket the reply came on."""
    found = stage.survey(sockets_per_family=1, queries_per_socket=1, in_flight=1, try_seconds=(1.0, 1.5))

    assert {reply.outcome for reply in found.replies[SPF].values()} == {Outcome.ANSWER}
