"""Records are right when a receiver would see them right, however they were written."""

from __future__ import annotations

import json
import time

import pytest
from django.utils import translation

from tests.support.dns import World, Zone
from tests.whitelabel.dns.stage import K1, OURS, TOKEN, Stage, key, strings
from whitelabel.diagnosis.texts import edit_distance

SPF = "v=spf1 include:_spf.post.test ~all"


RIGHT = {
    "spf with more senders": ("spf", 'mgeu TXT "v=spf1 ip4:192.0.2.7 include:_spf.post.test -all"'),
    "spf in upper case": ("spf", 'mgeu TXT "V=SPF1 INCLUDE:_SPF.POST.TEST ~ALL"'),
    "spf with explicit plus": ("spf", 'mgeu TXT "v=spf1 +include:_spf.post.test ~all"'),
    "spf with doubled spaces": ("spf", 'mgeu TXT "v=spf1  include:_spf.post.test   ~all "'),
    "spf in two strings": ("spf", 'mgeu TXT "v=spf1 include:_spf.po" "st.test ~all"'),
    "spf as redirect": ("spf", 'mgeu TXT "v=spf1 redirect=_spf.post.test"'),
    "spf beside another text": ("spf", f'mgeu TXT "{SPF}"\nmgeu TXT "google-site-verification=abc"'),
    "key split elsewhere": ("dkim-k1", f"k1._domainkey.mgeu TXT {strings(key(K1), 200)}"),
    "key in three strings": (
        "dkim-k1",
        f'k1._domainkey.mgeu TXT "{key(K1)[:90]}" "{key(K1)[90:200]}" "{key(K1)[200:]}"',
    ),
    "key without optional tags": ("dkim-k1", f"k1._domainkey.mgeu TXT {strings('p=' + K1)}"),
    "key with tags in another order": ("dkim-k1", f"k1._domainkey.mgeu TXT {strings('k=rsa; p=' + K1 + '; s=email')}"),
    "key with spaces inside": ("dkim-k1", f"k1._domainkey.mgeu TXT {strings(key(K1[:100] + ' ' + K1[100:]))}"),
    "key by alias to our own": ("dkim-k1", f"k1._domainkey.mgeu CNAME k1.{TOKEN}.dkim.{OURS}."),
    "key by alias inside the zone": (
        "dkim-k1",
        f"k1._domainkey.mgeu CNAME nyckel\nnyckel TXT {strings(key(K1))}",
    ),
    "mx with another preference": ("mx1", "mgeu MX 50 mx1.post.test."),
    "mx in upper case": ("mx1", "mgeu MX 10 MX1.POST.TEST."),
    "owner in upper case": ("owner", f'_owner.mgeu TXT "{OURS}-verify={TOKEN.upper()}"'),
    "owner with spaces around": ("owner", f'_owner.mgeu TXT " {OURS}-verify={TOKEN} "'),
    "owner beside another text": ("owner", f'_owner.mgeu TXT "annat"\n_owner.mgeu TXT "{OURS}-verify={TOKEN}"'),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_a_receiver_sees_right_is_right(world: World, name: str) -> None:
    stage = Stage(world)
    record, text = RIGHT[name]
    stage.publish(text, without=record)

    verdict = stage.look()[record]

    assert (verdict.code, verdict.state.value) == ("ok", "green"), verdict.found


def test_the_whole_subdomain_may_be_an_alias_to_our_return_path(world: World) -> None:
    stage = Stage(world, "A")
    stage.publish()

    assert {verdict.code for verdict in stage.look().values()} == {"ok"}


INVALID = {
    "lookups": "v=spf1 " + " ".join(f"a:h{n}.test" for n in range(10)) + " include:_spf.post.test ~all",
    "plus_all": "v=spf1 include:_spf.post.test +all",
    "include": "v=spf1 include:_spf.post.test include:tom.kund.test ~all",
    "syntax": "v=spf1 include:_spf.post.test ip4:300.1 ~all",
}


@pytest.mark.parametrize("name", INVALID)
def test_an_spf_record_that_receivers_give_up_on_is_wrong(world: World, name: str) -> None:
    stage = Stage(world)
    stage.publish(f'mgeu TXT "{INVALID[name]}"\ntom A 192.0.2.1', without="spf")

    finding = stage.look()["spf"].finding

    assert (finding.code, finding.params["reason"]) == ("spf_invalid", name)
    for language in ("sv", "en"):
        with translation.override(language):
            assert "{" not in finding.message()


def test_more_than_two_empty_lookups_make_spf_invalid(world: World) -> None:
    stage = Stage(world)
    includes = " ".join(f"include:tom{n}.kund.test" for n in range(3))
    stage.publish(f'mgeu TXT "v=spf1 include:_spf.post.test {includes} ~all"', without="spf")

    assert stage.look()["spf"].finding.params["reason"] == "voids"


def test_an_include_that_cannot_be_resolved_now_does_not_make_spf_invalid(world: World) -> None:
    stage = Stage(world)
    stage.publish('mgeu TXT "v=spf1 include:_spf.post.test include:_spf.okand.example ~all"', without="spf")

    assert stage.look()["spf"].code == "ok"


def test_the_second_mx_is_not_blamed_for_a_slip_in_the_first(world: World) -> None:
    stage = Stage(world)
    stage.publish("mgeu MX 10 mx1.post.test", without="mx1")

    verdicts = stage.look()

    assert (verdicts["mx1"].code, verdicts["mx2"].code) == ("target_no_dot", "ok")


def test_an_alias_to_our_name_that_does_not_answer_is_our_fault(world: World) -> None:
    stage = Stage(world)
    stage.publish(f"k1._domainkey.mgeu CNAME k1.{TOKEN}.borta.{OURS}.", without="dkim-k1")

    assert stage.look()["dkim-k1"].code == "our_side"


def test_found_values_are_made_safe_to_show(world: World) -> None:
    stage = Stage(world)
    stage.publish(r'_owner.mgeu TXT "\027[31m\226\128\174<script>" "' + "x" * 250 + '"', without="owner")

    found = stage.look()["owner"].found

    assert len(found) == 200
    assert found.isprintable()
    assert "\\u001b" in found
    assert "\\u202e" in found


def test_several_codes_are_shown_most_important_first_with_the_rest_as_details(world: World) -> None:
    stage = Stage(world)
    stage.publish('mgeu 86400 TXT "v=spf1 ip4:192.0.2.1 -all"', without="spf")
    stage.ns2.fault = lambda _: None

    verdict = stage.look()["spf"]

    assert verdict.code == "spf_not_us"
    assert [detail.code for detail in verdict.details] == ["ttl_long", "ns_unreachable"]


def test_data_outside_the_customers_zone_is_never_shown(world: World) -> None:
    stage = Stage(world)
    stage.publish("_owner.mgeu CNAME hemlig.post.test.", without="owner")
    world.resolver.load(Zone("hemlig.post.test", '@ TXT "internt-losenord"'))

    stored = json.dumps(stage.look()["owner"].as_json())

    assert "hemlig.post.test" in stored
    assert "losenord" not in stored


def test_a_name_full_of_long_texts_is_judged_quickly_and_stored_small(world: World) -> None:
    stage = Stage(world)
    lines = [f"k1._domainkey.mgeu TXT {strings(key(K1[:-8] + f'{n:08d}'))}" for n in range(45)]
    stage.publish("\n".join(lines), without="dkim-k1")
    started = time.monotonic()
    verdicts = stage.look()

    assert verdicts["dkim-k1"].state.value == "red"
    assert time.monotonic() - started < 3.0
    assert len(json.dumps([verdict.as_json() for verdict in verdicts.values()])) < 64 * 1024


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "ab", 1),
        ("kitten", "sitting", 3),
        ("abcdef", "ghijkl", 4),
        ("", "ab", 2),
    ],
)
def test_the_edit_distance_is_counted_up_to_three(one: str, other: str, edits: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == edits
