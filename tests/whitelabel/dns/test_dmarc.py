"""The DMARC forecast: the matrix of the design, the tree walk of RFC 9989, and the row on the page."""

from __future__ import annotations

import pytest

from tests.support.dns import World
from tests.whitelabel.dns.stage import Stage
from whitelabel.claims import needs_exact_domain
from whitelabel.dmarc import Forecast, Result, consulted_names, dmarc_texts, forecast
from whitelabel.models import SenderDomain

PASS, FAIL, NONE = Result.PASS, Result.FAIL, Result.NONE


def predicted(*texts: str, signer: str = "mgeu.example.com", **more: str) -> Forecast:
    """Mail from example.com with the return path at mgeu, given its DMARC records and `more` at other names."""
    records = {"_dmarc.example.com": texts} | {f"_dmarc.{k.replace('__', '.')}": (v,) for k, v in more.items()}
    return forecast(records, from_domain="example.com", signing_domain=signer, return_path_domain="mgeu.example.com")


# policy, subdomain signature direct and forwarded, exact signature direct and forwarded
MATRIX = {
    "absent": ((), NONE, NONE, NONE, NONE),
    "p=none": (("v=DMARC1; p=none",), PASS, PASS, PASS, PASS),
    "p=reject, relaxed": (("v=DMARC1; p=reject",), PASS, PASS, PASS, PASS),
    "adkim=s": (("v=DMARC1; p=reject; adkim=s",), PASS, FAIL, PASS, PASS),
    "aspf=s": (("v=DMARC1; p=reject; aspf=s",), PASS, PASS, PASS, PASS),
    "both strict": (("v=DMARC1; p=reject; adkim=s; aspf=s",), FAIL, FAIL, PASS, PASS),
    "sp=reject": (("v=DMARC1; p=none; sp=reject",), PASS, PASS, PASS, PASS),
    "two records": (("v=DMARC1; p=none", "v=DMARC1; p=reject"), NONE, NONE, NONE, NONE),
}


@pytest.mark.parametrize("name", MATRIX)
def test_both_algorithms_agree_with_the_measured_matrix(name: str) -> None:
    texts, direct, forwarded, exact_direct, exact_forwarded = MATRIX[name]
    for view in (predicted(*texts).old, predicted(*texts).new):
        assert (view.direct, view.forwarded) == (direct, forwarded)
    exact = predicted(*texts, signer="example.com")
    for view in (exact.old, exact.new):
        assert (view.direct, view.forwarded) == (exact_direct, exact_forwarded)


def test_two_records_are_named() -> None:
    assert predicted("v=DMARC1; p=none", "v=DMARC1; p=reject").duplicates == ("_dmarc.example.com",)


def test_the_subdomain_policy_is_for_senders_in_subdomains() -> None:
    records = {"_dmarc.example.com": ("v=DMARC1; p=none; sp=reject",)}
    seen = forecast(
        records,
        from_domain="hr.example.com",
        signing_domain="mgeu.hr.example.com",
        return_path_domain="mgeu.hr.example.com",
    )

    assert [view.policy.policy for view in (seen.old, seen.new) if view.policy] == ["reject", "reject"]
    assert (seen.old.direct, seen.new.direct) == (PASS, PASS)


def test_a_record_of_the_subdomain_itself_goes_before_its_organisation() -> None:
    records = {
        "_dmarc.example.com": ("v=DMARC1; p=none",),
        "_dmarc.hr.example.com": ("v=DMARC1; p=quarantine; adkim=s",),
    }
    seen = forecast(
        records,
        from_domain="hr.example.com",
        signing_domain="mgeu.hr.example.com",
        return_path_domain="mgeu.hr.example.com",
    )

    assert [view.policy.policy for view in (seen.old, seen.new) if view.policy] == ["quarantine", "quarantine"]
    assert seen.worst_forwarded is FAIL


def test_the_tree_walk_makes_a_subdomain_with_psd_n_its_own_organisation() -> None:
    seen = predicted("v=DMARC1; p=reject", mgeu__example__com="v=DMARC1; p=reject; psd=n")

    assert (seen.old.direct, seen.new.direct) == (PASS, FAIL)
    assert seen.worst_direct is FAIL
    assert seen.new.signer_organization == "mgeu.example.com"


def test_the_tree_walk_moves_one_label_below_a_public_suffix_with_psd_y() -> None:
    records = {
        "_dmarc.kommun.example": ("v=DMARC1; p=none; psd=y",),
        "_dmarc.lillestad.kommun.example": ("v=DMARC1; p=reject",),
    }
    seen = forecast(
        records,
        from_domain="lillestad.kommun.example",
        signing_domain="mgeu.lillestad.kommun.example",
        return_path_domain="mgeu.lillestad.kommun.example",
    )

    assert seen.new.organization == seen.new.signer_organization == "lillestad.kommun.example"
    assert seen.new.forwarded is PASS


def test_psd_y_on_the_sender_itself_parts_it_from_its_subdomain() -> None:
    seen = predicted("v=DMARC1; p=reject; psd=y")

    assert seen.new.signer_organization == "mgeu.example.com"
    assert seen.new.direct is FAIL


def test_a_sender_on_the_public_suffix_list_is_parted_from_its_subdomain_by_old_receivers() -> None:
    records = {"_dmarc.github.io": ("v=DMARC1; p=reject",)}
    seen = forecast(
        records, from_domain="github.io", signing_domain="mgeu.github.io", return_path_domain="mgeu.github.io"
    )

    assert seen.old.direct is FAIL


def test_a_long_name_is_walked_in_at_most_eight_queries() -> None:
    deep = ".".join("abcdefghijk") + ".example.com"

    assert len(consulted_names(deep, deep)) == 8
    assert consulted_names(deep, deep)[1] == "_dmarc.g.h.i.j.k.example.com"


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("v=DMARC1; p=none", True),
        ("v = DMARC1 ; p=none", True),
        ("V=dmarc1;p=none", True),
        ("p=none; v=DMARC1", False),
        ("v=DMARC10; p=none", False),
        ("v=spf1 -all", False),
    ],
)
def test_only_texts_that_begin_with_the_version_are_dmarc_records(text: str, counts: bool) -> None:
    assert bool(dmarc_texts((text,))) is counts


SHOWN = {
    "v=DMARC1; p=none": ("ok", "green"),
    "v=DMARC1; p=reject": ("ok", "green"),
    "v=DMARC1; p=reject; adkim=s": ("dmarc_fragile", "red"),
    "v=DMARC1; p=reject; aspf=s": ("dmarc_dkim_only", "green_note"),
    "v=DMARC1; p=reject; adkim=s; aspf=s": ("dmarc_strict", "red"),
    "v=DMARC1; p=none; adkim=s; aspf=s": ("dmarc_strict", "amber"),
    "v=DMARC1; p=none; sp=reject": ("ok", "green"),
    "v=DMARC1; p=reject; psd=y": ("dmarc_psd", "red"),
}


@pytest.mark.parametrize("text", SHOWN)
def test_the_row_shows_the_worst_forecast(world: World, text: str) -> None:
    stage = Stage(world)
    stage.publish(f'_dmarc TXT "{text}"')

    verdict = stage.look()["dmarc"]

    assert (verdict.code, verdict.state.value) == SHOWN[text]


def test_keys_under_the_domain_itself_satisfy_the_strictest_policy(world: World) -> None:
    stage = Stage(world, exact_domain=True)
    stage.publish('_dmarc TXT "v=DMARC1; p=reject; adkim=s; aspf=s"')

    verdicts = stage.look()

    assert verdicts["exact-k1"].code == "ok"
    assert verdicts["dmarc"].state.right


def test_keys_under_the_domain_itself_that_are_missing_leave_the_row_red(world: World) -> None:
    stage = Stage(world, exact_domain=True)
    stage.publish('_dmarc TXT "v=DMARC1; p=reject; adkim=s; aspf=s"', without=("exact-k1", "exact-k2"))

    assert stage.look()["dmarc"].code == "dmarc_strict"


def test_a_silent_network_does_not_make_a_dmarc_record_absent(world: World) -> None:
    stage = Stage(world)
    stage.publish()
    stage.ns1.fault = stage.ns2.fault = lambda exchange: None if exchange.name.startswith("_dmarc") else exchange.normal

    assert stage.look()["dmarc"].code == "ns_unreachable"


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("v=DMARC1; p=reject; adkim=s", True),
        ("v=DMARC1; p=reject; adkim=s; aspf=s", True),
        ("v=DMARC1; p=none; adkim=s; aspf=s", False),
        ("v=DMARC1; p=reject", False),
    ],
)
def test_the_claim_asks_for_keys_under_the_domain_itself_when_mail_would_be_refused(
    world: World, text: str, needed: bool
) -> None:
    stage = Stage(world)
    stage.publish(f'_dmarc TXT "{text}"')
    claim = SenderDomain(organization_id=1, verdicts=[verdict.as_json() for verdict in stage.look().values()])

    assert needs_exact_domain(claim) is needed
