"""The verdict on the author of a forwarded mail, from facts."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.explaining import AUTHENTICITY_REASONS
from forwarding.authenticity import (
    ArcSet,
    Examination,
    Facts,
    Level,
    Outcome,
    Reason,
    Sealer,
    Signature,
    Trust,
    author_domain,
    facts_of,
    judge,
    parse_results,
)
from forwarding.reading import read_mail

MICROSOFT_IP, RELAY_POOL_IP, OTHER_IP = "40.107.22.52", "40.95.22.52", "192.0.2.1"
PASSED_UPSTREAM = (
    "i=1; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.9) smtp.mailfrom=example.com; "
    "dmarc=pass (p=none sp=none pct=100) action=none header.from=example.com; "
    "dkim=pass (signature was verified) header.d=example.com; arc=none (0)"
)
FAILED_UPSTREAM = "i=1; mx.microsoft.com 1; spf=fail; dmarc=fail action=oreject header.from=example.com; dkim=none"


def facts(**changes: object) -> Facts:
    """A mail from anna@example.com, unsigned, from somewhere."""
    return replace(Facts(authors=("anna@example.com",), peer_ip=OTHER_IP), **changes)  # type: ignore[arg-type]


def signed(domain: str = "example.com", outcome: Outcome = Outcome.PASS) -> Examination:
    return Examination(signatures=(Signature(domain, outcome),))


def sealed(*sets: tuple[str, str], arc: Outcome = Outcome.PASS) -> Examination:
    """A chain of (sealer, results), instance 1 first."""
    return Examination(arc=arc, arc_sets=tuple(ArcSet(n, *arc_set) for n, arc_set in enumerate(sets, 1)))


def level_and_reason(given_facts: Facts) -> tuple[Level, Reason]:
    verdict = judge(given_facts)
    return verdict.level, verdict.reason


# --- verified ------------------------------------------------------------------------------------------------------


def test_a_signature_of_the_authors_domain_verifies():
    verdict = judge(facts(examination=signed()))
    assert (verdict.level, verdict.reason, verdict.proved_by) == (Level.VERIFIED, Reason.SIGNED, "example.com")


@pytest.mark.parametrize(
    ("author", "signer"),
    [
        ("anna@mail.example.com", "example.com"),
        ("anna@example.com", "mgeu.example.com"),
        ("anna@EXAMPLE.com", "example.com"),
        ("anna@östersund.se", "xn--stersund-m4a.se"),
    ],
)
def test_alignment_is_by_organizational_domain(author, signer):
    assert judge(facts(authors=(author,), examination=signed(signer))).level is Level.VERIFIED


@pytest.mark.parametrize(
    ("author", "signer"),
    [("a@example.co.uk", "other.co.uk"), ("a@example.com", "example.com.evil.se"), ("a@x.github.io", "y.github.io")],
)
def test_a_common_suffix_is_no_alignment(author, signer):
    assert judge(facts(authors=(author,), examination=signed(signer))).level is Level.UNVERIFIED


def test_one_good_signature_among_broken_ones_is_enough():
    examination = Examination(
        signatures=(Signature("example.com", Outcome.FAIL), Signature("example.com", Outcome.PASS))
    )
    assert judge(facts(examination=examination)).level is Level.VERIFIED


# --- verified by the service that forwarded ------------------------------------------------------------------------


def test_microsofts_word_counts_from_microsofts_servers():
    verdict = judge(facts(examination=sealed(("microsoft.com", PASSED_UPSTREAM)), peer_ip=MICROSOFT_IP))
    assert (verdict.level, verdict.reason, verdict.proved_by) == (
        Level.VERIFIED_UPSTREAM,
        Reason.VOUCHED,
        "microsoft.com",
    )


def test_googles_word_counts_from_googles_servers_over_ipv6_too():
    results = "i=1; mx.google.com; dkim=pass header.i=@example.com header.s=s1; spf=pass"
    for peer_ip in ("209.85.128.3", "2a00:1450:4864:20::441", "::ffff:209.85.128.3"):
        assert (
            judge(facts(examination=sealed(("google.com", results)), peer_ip=peer_ip)).level is Level.VERIFIED_UPSTREAM
        )


@pytest.mark.parametrize(
    ("examination", "peer_ip"),
    [
        (sealed(("microsoft.com", PASSED_UPSTREAM)), OTHER_IP),
        (sealed(("microsoft.com", PASSED_UPSTREAM)), "209.85.128.3"),
        (sealed(("microsoft.com", PASSED_UPSTREAM)), "not an address"),
        (sealed(("microsoft.com", PASSED_UPSTREAM), arc=Outcome.FAIL), MICROSOFT_IP),
        (sealed(("evil.example", PASSED_UPSTREAM)), MICROSOFT_IP),
        (sealed(("microsoft.com", PASSED_UPSTREAM), ("evil.example", "i=2; x; arc=pass")), MICROSOFT_IP),
        (sealed(("microsoft.com", PASSED_UPSTREAM.replace("example.com", "other.se"))), MICROSOFT_IP),
    ],
    ids=[
        "other peer",
        "peer of another service",
        "no peer",
        "broken chain",
        "untrusted sealer",
        "resealed by another",
        "results for another domain",
    ],
)
def test_the_word_of_others_does_not_count(examination, peer_ip):
    assert judge(facts(examination=examination, peer_ip=peer_ip)).level is Level.UNVERIFIED


def test_results_that_a_stranger_began_the_chain_with_do_not_count():
    chain = sealed(("evil.example", PASSED_UPSTREAM), ("microsoft.com", FAILED_UPSTREAM.replace("i=1", "i=2")))
    assert judge(facts(examination=chain, peer_ip=MICROSOFT_IP)).level is Level.UNVERIFIED


def test_of_several_sets_by_the_trusted_service_the_first_counts():
    chain = sealed(
        ("microsoft.com", PASSED_UPSTREAM),
        ("microsoft.com", "i=2; mx.microsoft.com 1; spf=fail; dmarc=fail header.from=example.com"),
    )
    assert judge(facts(examination=chain, peer_ip=MICROSOFT_IP)).level is Level.VERIFIED_UPSTREAM


def test_a_sealer_the_customer_trusts_can_be_added():
    trust = Trust(sealers=(Sealer("gateway.lillestad.se", ("192.0.2.0/24",)),))
    examination = sealed(("gateway.lillestad.se", PASSED_UPSTREAM))
    assert judge(facts(examination=examination), trust).level is Level.VERIFIED_UPSTREAM


# --- not verified, without blame -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("examination", "reason"),
    [
        (Examination(), Reason.NO_SIGNATURE),
        (signed(outcome=Outcome.FAIL), Reason.BROKEN_SIGNATURE),
        (signed(outcome=Outcome.WEAK), Reason.WEAK_SIGNATURE),
        (signed("mailer.example.net"), Reason.OTHER_SIGNER),
    ],
)
def test_what_is_missing_is_named(examination, reason):
    assert level_and_reason(facts(examination=examination)) == (Level.UNVERIFIED, reason)


def test_a_strict_policy_alone_is_no_reason_to_warn_because_forwarding_breaks_signatures():
    broken = facts(examination=signed(outcome=Outcome.FAIL), policy="reject")
    assert level_and_reason(broken) == (Level.UNVERIFIED, Reason.BROKEN_SIGNATURE)


def test_a_mail_without_author_is_not_verified():
    assert level_and_reason(facts(authors=())) == (Level.UNVERIFIED, Reason.NO_AUTHOR)


# --- unknown -------------------------------------------------------------------------------------------------------


def test_a_key_that_could_not_be_asked_for_makes_it_unknown():
    assert level_and_reason(facts(examination=signed(outcome=Outcome.UNKNOWN))) == (Level.UNKNOWN, Reason.NO_ANSWER)


def test_an_unanswered_key_of_another_domain_changes_nothing():
    unanswered = signed("mailer.example.net", Outcome.UNKNOWN)
    assert level_and_reason(facts(examination=unanswered)) == (Level.UNVERIFIED, Reason.NO_SIGNATURE)


def test_an_unanswered_chain_matters_only_from_a_trusted_service():
    chain = Examination(arc=Outcome.UNKNOWN)
    assert judge(facts(examination=chain, peer_ip=MICROSOFT_IP)).level is Level.UNKNOWN
    assert judge(facts(examination=chain)).level is Level.UNVERIFIED


def test_nobody_is_blamed_while_the_answer_is_out():
    forged_looking = facts(examination=signed(outcome=Outcome.UNKNOWN), own_domains=frozenset({"example.com"}))
    assert judge(forged_looking).level is Level.UNKNOWN
    assert judge(facts(peer_ip=RELAY_POOL_IP, policy=None)).level is Level.UNKNOWN


def test_what_is_proved_needs_no_further_answer():
    assert judge(facts(examination=signed(), policy=None)).level is Level.VERIFIED


# --- warnings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["quarantine", "reject"])
def test_what_the_customers_service_found_forged_is_warned_of(policy):
    chain = sealed(("microsoft.com", FAILED_UPSTREAM))
    assert level_and_reason(facts(examination=chain, peer_ip=MICROSOFT_IP, policy=policy)) == (
        Level.WARNING,
        Reason.REJECTED_UPSTREAM,
    )


def test_what_was_found_about_another_domain_is_no_warning():
    chain = sealed(("microsoft.com", FAILED_UPSTREAM.replace("header.from=example.com", "header.from=other.se")))
    found = facts(examination=chain, peer_ip=MICROSOFT_IP, policy="reject")
    assert level_and_reason(found) == (Level.UNVERIFIED, Reason.NO_SIGNATURE)


@pytest.mark.parametrize("policy", ["quarantine", "reject"])
def test_microsofts_pool_for_unproved_mail_says_the_same(policy):
    assert level_and_reason(facts(peer_ip=RELAY_POOL_IP, policy=policy)) == (Level.WARNING, Reason.REJECTED_UPSTREAM)


@pytest.mark.parametrize("policy", ["", "none"])
def test_without_a_strict_policy_it_is_only_not_verified(policy):
    assert judge(facts(peer_ip=RELAY_POOL_IP, policy=policy)).level is Level.UNVERIFIED


@pytest.mark.parametrize("author", ["chefen@lillestad.se", "chefen@it.lillestad.se"])
def test_the_organizations_own_domain_must_be_proved(author):
    own = facts(authors=(author,), own_domains=frozenset({"lillestad.se"}))
    assert level_and_reason(own) == (Level.WARNING, Reason.OWN_DOMAIN)
    assert judge(replace(own, examination=signed("lillestad.se"))).level is Level.VERIFIED


def test_a_domain_that_only_ends_alike_is_not_the_organizations():
    assert (
        judge(facts(authors=("a@notlillestad.se",), own_domains=frozenset({"lillestad.se"}))).level is Level.UNVERIFIED
    )


def test_several_authors_are_never_verified():
    both = facts(authors=("anna@example.com", "chefen@lillestad.se"), examination=signed())
    assert level_and_reason(both) == (Level.WARNING, Reason.SEVERAL_AUTHORS)


@pytest.mark.parametrize("name", ["chefen@lillestad.se", "Chefen (chefen@lillestad.se)", "chefen@lillestad.se via x"])
def test_a_name_that_is_another_address_is_warned_of_although_signed(name):
    assert level_and_reason(facts(author_name=name, examination=signed())) == (Level.WARNING, Reason.NAME_OF_ANOTHER)


@pytest.mark.parametrize(("name", "level"), [("eve@gmail.com", Level.WARNING), ("Anna@gmail.com", Level.VERIFIED)])
def test_at_a_mail_service_another_address_is_another_person(name, level):
    mail_service = facts(authors=("anna@gmail.com",), author_name=name, examination=signed("gmail.com"))
    assert judge(mail_service).level is level


@pytest.mark.parametrize("name", ["anna@example.com", "anna.alm@mail.example.com", "Anna @ Example", ""])
def test_a_name_of_the_same_domain_is_fine(name):
    assert judge(facts(author_name=name, examination=signed())).level is Level.VERIFIED


# --- facts from a mail ---------------------------------------------------------------------------------------------


def facts_from(raw: bytes) -> Facts:
    return facts_of(read_mail(raw), Examination(), peer_ip=OTHER_IP, policy="", own_domains=["Lillestad.se"])


def test_facts_are_gathered_from_the_mail():
    found = facts_from(b"From: Anna <Anna@Example.com>\n\nHej")
    assert (found.authors, found.author_name) == (("anna@example.com",), "Anna")
    assert found.own_domains == {"lillestad.se"}


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@example.com\nFrom: b@example.se\n",
        b"From: a@example.com, b@example.se\n",
        b"From: A <a@example.com>\nFrom: B <b@example.se>\n",
    ],
)
def test_two_authors_are_both_seen(header):
    assert set(facts_from(header + b"\nHej").authors) == {"a@example.com", "b@example.se"}
    assert author_domain(read_mail(header + b"\nHej")) == ""


def test_the_same_author_twice_is_one():
    assert facts_from(b"From: a@example.com\nFrom: A <A@example.com>\n\nHej").authors == ("a@example.com",)


def test_the_domain_to_ask_about_is_the_authors():
    assert author_domain(read_mail("From: a@östersund.se\n\nHej".encode())) == "xn--stersund-m4a.se"


# --- authentication results ----------------------------------------------------------------------------------------


def test_authentication_results_are_read_without_comments():
    results = list(parse_results(PASSED_UPSTREAM))
    assert ("dmarc", "pass", {"header.from": "example.com"}) in results
    assert ("arc", "none", {}) in results


def test_a_result_inside_a_comment_is_no_result():
    assert list(parse_results("i=1; x; spf=fail (dmarc=pass; dmarc=pass header.from=example.com)")) == [
        ("spf", "fail", {})
    ]


@given(st.text(max_size=300))
def test_any_results_are_read(text):
    list(parse_results(text))


def test_hostile_results_take_no_time():
    started = time.process_time()
    for text in ("(" * 1_000_000, "dmarc=" * 200_000, ";" * 1_000_000, 'a.b="' * 200_000):
        list(parse_results(text))
    assert time.process_time() - started < 1


def test_every_reason_has_a_sentence():
    assert {str(reason) for reason in Reason} == set(AUTHENTICITY_REASONS)
