"""The demo DNS server and what IT staff do in it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from organizations import scope
from tests.support.builders import town
from tests.support.dns import free_port
from tests.whitelabel.dns.stage import FACTS
from whitelabel import claims, demo_dns
from whitelabel.diagnosis.judging import diagnose
from whitelabel.diagnosis.values import Verdict
from whitelabel.records import ExpectedRecord, expected_records
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import new_memory, survey

DOMAIN = "lillestad.se"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A running demo server; yields its state file."""
    path = tmp_path / "demo-dns.json"
    port = free_port()
    own = demo_dns.service_zone("mail.kundo.se", {"service": "AAAA"})
    servers = demo_dns.start(demo_dns.DemoResolver(path, [DOMAIN], own, negative_ttl_seconds=7), port)
    with override_settings(
        DNS_RESOLVERS=[f"127.0.0.1:{port}"],
        DNS_AUTHORITATIVE_PORT=port,
        DNS_ALLOW_PRIVATE=True,
        DEMO_DNS_STATE_FILE=str(path),
        DEMO_DNS_DOMAINS=[DOMAIN],
    ):
        yield path
    for server in servers:
        server.stop()
        server.server.server_close()


def ask(name: str, kind: str, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0)
    transport = dns.query.tcp if tcp else dns.query.udp
    return transport(query, "127.0.0.1", port=settings.DNS_AUTHORITATIVE_PORT, timeout=5)


def look(records: tuple[ExpectedRecord, ...], domain: str = DOMAIN) -> dict[str, Verdict]:
    limits = SurveySettings.from_django(settings)
    found = asyncio.run(survey(records, domain, settings=limits, memory=new_memory(limits)))
    return {verdict.record.key: verdict for verdict in diagnose(found, records)}


def facts() -> tuple[ExpectedRecord, ...]:
    return expected_records(replace(FACTS, domain=DOMAIN, mail_domain="mail.kundo.se"))


def test_it_answers_with_authority_over_udp_and_tcp(state: Path) -> None:
    for tcp in (False, True):
        reply = ask(DOMAIN, "NS", tcp=tcp)
        assert reply.flags & dns.flags.AA
        assert {rdata.target.to_text() for rdata in reply.answer[0]} == {"ns1.lillestad.se.", "ns2.lillestad.se."}


def test_a_missing_name_may_be_remembered_only_shortly(state: Path) -> None:
    reply = ask("mgeu.lillestad.se", "TXT")

    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert (reply.authority[0].ttl, reply.authority[0][0].minimum) == (7, 7)


def test_other_domains_are_refused(state: Path) -> None:
    assert ask("example.org", "NS").rcode() == dns.rcode.REFUSED


def test_the_service_itself_can_be_looked_up(state: Path) -> None:
    assert b"v=spf1" in ask("_spf.mail.kundo.se", "TXT").answer[0][0].strings[0]
    assert ask("mx1.mail.kundo.se", "A").answer[0][0].address == "127.0.0.1"
    assert b"p=AAAA" in ask("service._domainkey.mail.kundo.se", "TXT").answer[0][0].strings[0]


def test_a_change_of_the_file_shows_at_once(state: Path) -> None:
    records = facts()
    before = look(records)
    zones = demo_dns.DemoState.load(state, [DOMAIN])
    zones.put(zones.zone(DOMAIN).with_records(demo_dns.published(records)))
    after = look(records)

    assert {verdict.code for verdict in before.values() if verdict.record.required} == {"missing_nx"}
    assert {verdict.code for verdict in after.values()} == {"ok"}


@pytest.mark.parametrize(
    ("fault", "key", "code"),
    [
        ("spf_not_us", "spf", "spf_not_us"),
        ("truncated_255", "dkim-k1", "truncated_255"),
        ("doubled_name", "mx1", "doubled_name"),
        ("owner_missing", "owner", "missing_nx"),
    ],
)
def test_every_fault_of_break_shows_as_its_code(state: Path, fault: str, key: str, code: str) -> None:
    records = facts()
    zones = demo_dns.DemoState.load(state, [DOMAIN])
    zones.put(zones.zone(DOMAIN).with_records(demo_dns.broken(records, [fault])))

    assert look(records)[key].code == code


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("demo_dns", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_publish_break_and_unpublish_follow_the_claim(state: Path) -> None:
    place = town(address=f"jobb@{DOMAIN}")
    with scope.organization(place.organization):
        records = claims.records_of(claims.start(DOMAIN, actor=place.admin))

    assert "6 records" in command("publish", DOMAIN)
    assert {verdict.code for verdict in look(records).values()} == {"ok"}
    command("break", DOMAIN)
    assert {v.code for v in look(records).values()} >= {"spf_not_us", "truncated_255"}
    command("unpublish", DOMAIN)
    assert look(records)["spf"].code == "missing_nx"


@pytest.mark.django_db
def test_a_domain_becomes_a_demo_domain_when_it_is_published(state: Path) -> None:
    place = town(address="info@it.storstad.se")
    with scope.organization(place.organization):
        records = claims.records_of(claims.start("it.storstad.se", actor=place.admin))
    command("publish", "it.storstad.se")

    assert ask("it.storstad.se", "NS").rcode() == dns.rcode.NOERROR
    assert records


@pytest.mark.django_db
def test_publishing_without_a_claim_is_explained(state: Path) -> None:
    with pytest.raises(CommandError, match="There is no claim"):
        command("publish", DOMAIN)


def test_nothing_of_it_works_outside_local_mode() -> None:
    with override_settings(LOCAL=False), pytest.raises(CommandError, match="local mode"):
        command("unpublish", DOMAIN)


def test_what_is_published_is_seen_long_before_the_negative_ttl_ends(state: Path) -> None:
    records = facts()
    assert look(records)["spf"].code == "missing_nx"
    zones = demo_dns.DemoState.load(state, [DOMAIN])
    started = time.monotonic()
    zones.put(zones.zone(DOMAIN).with_records(demo_dns.published(records)))

    assert look(records)["spf"].code == "ok"
    assert time.monotonic() - started < 5.0
