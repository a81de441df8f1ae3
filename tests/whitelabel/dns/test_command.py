"""`manage.py check_sender_domain`: for a record set without any database, and for a claim."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from organizations import scope
from tests.support.builders import town
from tests.support.dns import World
from tests.whitelabel.dns.stage import DOMAIN, K1, OTHER_TOKEN, OURS, TOKEN, Stage, key
from whitelabel import claims
from whitelabel.record_sets import UnreadableRecordSet, read_record_set

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with World() as running:
        prepared = Stage(running)
        with override_settings(
            DNS_RESOLVERS=[f"127.0.0.1:{running.port}"],
            DNS_AUTHORITATIVE_PORT=running.port,
            DNS_ALLOW_PRIVATE=True,
            DNS_TRY_SECONDS=[0.3, 0.4],
        ):
            prepared.publish()
            yield prepared


def record_set(stage: Stage, tmp_path: Path, **extra: Any) -> str:
    rows = [{"name": r.name, "type": r.type, "value": r.value} for r in stage.expected if r.required]
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"records": rows, **extra} if extra else rows))
    return str(path)


def check(*arguments: str) -> str:
    out = io.StringIO()
    call_command("check_sender_domain", *arguments, stdout=out)
    return out.getvalue()


def test_a_record_set_is_checked_in_a_process_without_database(stage: Stage, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **stage.world.environment(),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    command = [sys.executable, "manage.py", "check_sender_domain", DOMAIN, "--json", "--lang", "sv"]
    run = subprocess.run(
        [*command, "--records", record_set(stage, tmp_path)],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    rows = json.loads(run.stdout)
    assert {row["code"] for row in rows} == {"ok"}
    assert rows[0]["message"] == "Rätt på alla namnservrar (2)."
    assert rows[0]["messages"]["en"] == "Correct on all nameservers (2)."


def test_the_json_tells_everything_about_a_record(stage: Stage, tmp_path: Path) -> None:
    stage.publish('mgeu TXT "v=spf1 -all"', without="spf")

    (row, *_) = json.loads(check(DOMAIN, "--json", "--lang", "en", "--records", record_set(stage, tmp_path)))

    assert row["name"] == "mgeu.kund.test"
    assert row["type"] == "TXT"
    assert row["expected"] == "v=spf1 include:_spf.post.test ~all"
    assert (row["state"], row["code"], row["found"]) == ("red", "spf_not_us", "v=spf1 -all")
    assert row["message"] == 'The SPF record does not include us. Add "include:_spf.post.test".'
    assert {(s["name"], s["standing"], *s["values"]) for s in row["servers"]} == {
        ("ns1.kund.test", "wrong", "v=spf1 -all"),
        ("ns2.kund.test", "wrong", "v=spf1 -all"),
    }


@pytest.mark.parametrize(
    ("language", "sentence", "word"),
    [("sv", "Ingen post finns ännu på _owner.mgeu.kund.test.", "väntar"), ("en", "No record found at", "waiting")],
)
def test_the_table_says_what_the_page_would(
    stage: Stage, tmp_path: Path, language: str, sentence: str, word: str
) -> None:
    stage.only()

    table = check(DOMAIN, "--lang", language, "--records", record_set(stage, tmp_path))

    assert sentence in table
    assert word in table
    assert "[missing_nx]" in table
    assert "ns2.kund.test" in table


def test_a_record_set_may_tell_earlier_values_and_what_it_says_itself_can_be_read_back(
    stage: Stage, tmp_path: Path
) -> None:
    stage.publish(f'_owner.mgeu TXT "{OURS}-verify={OTHER_TOKEN}"', without="owner")
    path = record_set(stage, tmp_path, history={f"{OURS}-verify={OTHER_TOKEN}": "2026-01-15"})
    first = check(DOMAIN, "--json", "--records", path)
    again = tmp_path / "again.json"
    again.write_text(first)

    codes = {row["name"]: row["code"] for row in json.loads(first)}
    assert codes["_owner.mgeu.kund.test"] == "old_value"
    assert {r.kind for r in read_record_set(first, DOMAIN).records} == {"spf", "mx", "dkim", "owner", "dmarc"}
    assert json.loads(check(DOMAIN, "--json", "--records", str(again)))[0]["code"] == "ok"


def test_many_spellings_of_a_record_set_mean_the_same() -> None:
    long = key(K1)
    rows = [
        {"name": "mgeu", "type": "txt", "value": '"v=spf1 include:_spf.post.test ~all"'},
        {"name": "mgeu.kund.test.", "type": "MX", "value": "mx1.post.test", "priority": 10},
        {"name": "k1._domainkey.mgeu", "type": "TXT", "value": f'"{long[:255]}" "{long[255:]}"'},
        {"name": "K2._domainkey.MGEU.kund.test", "type": "TXT", "value": [long[:255], long[255:]]},
        {"name": "_owner.mgeu", "type": "TXT", "value": f"{OURS}-verify={TOKEN}"},
        {"name": "k3._domainkey.mgeu", "type": "CNAME", "value": f"k3.{TOKEN}.dkim.{OURS}"},
        {"name": "@", "type": "TXT", "value": "annat"},
    ]
    records = read_record_set(json.dumps(rows), DOMAIN).records

    assert [(r.name, r.kind, r.label) for r in records] == [
        ("mgeu.kund.test", "spf", "mgeu"),
        ("mgeu.kund.test", "mx", "mgeu"),
        ("k1._domainkey.mgeu.kund.test", "dkim", "mgeu"),
        ("k2._domainkey.mgeu.kund.test", "dkim", "mgeu"),
        ("_owner.mgeu.kund.test", "owner", "mgeu"),
        ("k3._domainkey.mgeu.kund.test", "dkim_alias", "mgeu"),
        ("kund.test", "txt", ""),
        ("_dmarc.kund.test", "dmarc", ""),
    ]
    assert records[1].value == "10 mx1.post.test."
    assert records[2].value == records[3].value == long
    assert {record.mail_domain for record in records[:7]} == {OURS}


@pytest.mark.parametrize(
    "text", ["{", '{"records": 1}', '[{"type": "TXT"}]', '[{"name": "a", "type": "SRV"}]', '["a"]']
)
def test_an_unreadable_record_set_says_why(text: str) -> None:
    with pytest.raises(UnreadableRecordSet, match=r".+"):
        read_record_set(text, DOMAIN)


def test_a_name_that_is_no_domain_is_refused() -> None:
    with pytest.raises(CommandError, match="not a domain name"):
        check("inte en domän!", "--records", "x")


def test_a_name_with_swedish_letters_is_checked_in_its_a_label_form(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps([{"name": "mgeu", "type": "MX", "value": "10 mx1.post.test."}]))

    (row,) = json.loads(check("Räksmörgås.se", "--json", "--records", str(path)))

    assert row["name"] == "mgeu.xn--rksmrgs-5wao1o.se"


@pytest.mark.django_db
def test_an_existing_claim_is_checked_without_being_touched(stage: Stage) -> None:
    place = town(address=f"jobb@{DOMAIN}")
    with scope.organization(place.organization):
        claim = claims.start(DOMAIN, actor=place.admin)
        stage.expected = claims.records_of(claim)
        before = (claim.check_seq, claim.checked_at, claim.state)
    stage.publish()

    rows = json.loads(check(DOMAIN, "--json"))

    assert {row["code"] for row in rows} == {"ok"}
    with scope.organization(place.organization):
        claim.refresh_from_db()
    assert (claim.check_seq, claim.checked_at, claim.state) == before


@pytest.mark.django_db
def test_for_a_claim_earlier_values_are_known(stage: Stage) -> None:
    place = town(address=f"jobb@{DOMAIN}")
    with scope.organization(place.organization):
        claim = claims.start(DOMAIN, actor=place.admin)
        stage.expected = claims.records_of(claim)
        stage.publish()
        claim.former_tokens = [[claim.token, "2026-03-12T10:42:00+01:00"]]
        claim.token = claims.new_token()
        claim.save()

    (owner,) = (row for row in json.loads(check(DOMAIN, "--json")) if row["key"] == "owner")

    assert (owner["code"], owner["params"]) == ("old_value", {"date": "2026-03-12"})


@pytest.mark.django_db
def test_a_domain_without_a_claim_is_explained() -> None:
    with pytest.raises(CommandError, match="There is no claim for"):
        check("okand.test")
