"""The tree walk of RFC 9989, shown by the RFC's own examples and by a transcription of its steps.

No package judges mail after RFC 9989 (docs/decisions/0015), so the worked examples of the RFC stand for another verifier. The
transcription below follows sections 4.10, 4.10.1 and 4.10.2 sentence by sentence and shares nothing with the product.
"""

from __future__ import annotations

import random

import pytest

from whitelabel.dmarc import Outlook, consulted_names, forecast

Zone = dict[str, str]
PLAIN = "v=DMARC1; p=reject"


def judged(zone: Zone, sender: str, *, spf: str = "nobody.test", dkim: str = "nobody.test") -> Outlook:
    records = {f"_dmarc.{name}": (text,) for name, text in zone.items()}
    return forecast(records, from_domain=sender, signing_domain=dkim, return_path_domain=spf).new


# --- 4.10: which names are asked -------------------------------------------------------------------------------------

WALKS = {
    "a.b.c.d.e.f.g.h.i.j.mail.example.com": (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ),
    "mail.a.b.c.d.e.f.g.example.com": (  # section 5.1.7
        "mail.a.b.c.d.e.f.g.example.com",
        "c.d.e.f.g.example.com",
        "d.e.f.g.example.com",
        "e.f.g.example.com",
        "f.g.example.com",
        "g.example.com",
        "example.com",
        "com",
    ),
    "a.mail.example.com": ("a.mail.example.com", "mail.example.com", "example.com", "com"),
}


@pytest.mark.parametrize("start", WALKS)
def test_the_names_of_the_walk(start: str) -> None:
    assert consulted_names(start, start) == tuple(f"_dmarc.{name}" for name in WALKS[start])


# --- 4.10.2: the organizational domain -------------------------------------------------------------------------------

ORGANIZATIONS = {
    "the fewest labels": ({"mail.example.com": PLAIN, "example.com": PLAIN}, "example.com"),
    "psd=n": ({"mail.example.com": f"{PLAIN}; psd=n", "example.com": PLAIN}, "mail.example.com"),
    "psd=y above": ({"com": f"{PLAIN}; psd=y"}, "example.com"),
    "psd=y one label below": ({"example.com": f"{PLAIN}; psd=y"}, "mail.example.com"),
    "no record at all": ({}, "a.mail.example.com"),
    "a zone cut too deep to be found": ({"x.a.mail.example.com": f"{PLAIN}; psd=n"}, "a.mail.example.com"),
}


@pytest.mark.parametrize("case", ORGANIZATIONS)
def test_the_organizational_domain_of_a_mail_example_com(case: str) -> None:
    zone, organization = ORGANIZATIONS[case]

    assert judged(zone, "a.mail.example.com").organization == organization


def test_a_zone_cut_below_the_seventh_label_is_never_discovered() -> None:
    zone = {"example.com": PLAIN, "b.c.d.e.f.g.example.com": f"{PLAIN}; psd=n"}

    assert judged(zone, "mail.a.b.c.d.e.f.g.example.com").organization == "example.com"


# --- B.1: alignment --------------------------------------------------------------------------------------------------

# Author domain, identifier, what relaxed and strict alignment make of it.
ALIGNMENT = {
    "B.1.1 example 1": ("spf", "example.com", "example.com", "pass", "pass"),
    "B.1.1 example 2": ("spf", "example.com", "child.example.com", "pass", "fail"),
    "B.1.1 example 3": ("spf", "child.example.com", "example.net", "fail", "fail"),
    "B.1.2 example 1": ("dkim", "example.com", "example.com", "pass", "pass"),
    "B.1.2 example 2": ("dkim", "child.example.com", "example.com", "pass", "fail"),
    "B.1.2 example 3": ("dkim", "child.example.com", "example.net", "fail", "fail"),
}


@pytest.mark.parametrize("case", ALIGNMENT)
def test_alignment_of_identifiers(case: str) -> None:
    method, sender, identifier, relaxed, strict = ALIGNMENT[case]
    names = {method: identifier}

    assert judged({"example.com": PLAIN}, sender, **names).direct == relaxed
    assert judged({"example.com": f"{PLAIN}; adkim=s; aspf=s"}, sender, **names).direct == strict


def test_b_3_1_both_identifiers_align() -> None:
    seen = judged({"example.com": f"{PLAIN}; aspf=r"}, "example.com", spf="mail.example.com", dkim="example.com")

    assert (seen.direct, seen.forwarded) == ("pass", "pass")


# --- B.4: organizational and policy domains --------------------------------------------------------------------------


def test_b_4_1_simple() -> None:
    zone = {"example.com": PLAIN, "signing.example.com": PLAIN}
    seen = judged(zone, "example.com", spf="example.com", dkim="signing.example.com")

    assert (seen.organization, seen.signer_organization) == ("example.com", "example.com")
    assert seen.policy is not None
    assert seen.policy.name == "_dmarc.example.com"
    assert (seen.direct, seen.forwarded) == ("pass", "pass")


def test_b_4_2_deep() -> None:
    zone = {"example.com": PLAIN, "signing.example.com": PLAIN}
    sender = "a.b.c.d.e.f.g.h.i.j.k.example.com"
    seen = judged(zone, sender, spf="example.com", dkim="signing.example.com")

    assert (seen.organization, seen.signer_organization) == ("example.com", "example.com")
    assert seen.policy is not None
    assert seen.policy.name == "_dmarc.example.com"
    assert (seen.direct, seen.forwarded) == ("pass", "pass")


def test_b_4_3_below_a_public_suffix() -> None:
    zone = {"giant.bank.example": PLAIN, "bank.example": f"{PLAIN}; psd=y"}
    seen = judged(zone, "giant.bank.example", spf="mail.giant.bank.example", dkim="mail.mega.bank.example")

    assert (seen.organization, seen.signer_organization) == ("giant.bank.example", "mega.bank.example")
    assert seen.policy is not None
    assert seen.policy.name == "_dmarc.giant.bank.example"
    assert (seen.direct, seen.forwarded) == ("pass", "fail")


def test_the_policy_of_a_public_suffix_is_not_used_for_those_who_have_one() -> None:
    zone = {"bank.example": "v=DMARC1; p=none; psd=y", "giant.bank.example": PLAIN}
    below = judged(zone, "x.giant.bank.example")
    without = judged({"bank.example": "v=DMARC1; p=none; psd=y"}, "giant.bank.example")

    assert below.policy is not None
    assert (below.policy.name, below.policy.policy) == ("_dmarc.giant.bank.example", "reject")
    assert without.policy is not None
    assert (without.policy.name, without.policy.policy) == ("_dmarc.bank.example", "none")


# --- 4.10.1: records that cannot be used -----------------------------------------------------------------------------

POLICIES = {
    "v=DMARC1; p=quarantine": "quarantine",
    "v=DMARC1; p=Reject": "reject",
    "v=DMARC1; p=sometimes": None,
    "v=DMARC1; adkim=s": None,
    "v=DMARC1; p=sometimes; rua=mailto:d@example.com": "none",
    "v=DMARC1; rua=mailto:d@example.com": "none",
    "v=DMARC1; p=reject; sp=sometimes": None,
    "v=DMARC1; p=reject; sp=sometimes; rua=mailto:d@example.com": "none",
}


@pytest.mark.parametrize("text", POLICIES)
def test_a_record_without_a_valid_policy_asks_for_reports_or_for_nothing(text: str) -> None:
    records = {"_dmarc.example.com": (text,)}
    seen = forecast(records, from_domain="example.com", signing_domain="example.com", return_path_domain="example.com")

    for view in (seen.old, seen.new):
        assert (view.policy.policy if view.policy else None) == POLICIES[text]
        assert view.direct == ("pass" if POLICIES[text] else "none")


# --- a transcription, on random zones --------------------------------------------------------------------------------


def transcribed_walk(zone: Zone, start: str) -> list[tuple[str, str]]:
    """Section 4.10: (target, psd) of every valid record, in the order of the queries."""
    found: list[tuple[str, str]] = []
    target = start
    for query in range(1, 9):
        if target in zone:
            psd = zone[target].partition("psd=")[2][:1] or "u"
            found.append((target, psd))
            if psd in ("y", "n"):
                break
        labels = target.split(".")
        if query == 1 and len(labels) >= 8:
            target = ".".join(labels[len(labels) - 7 :])
        elif len(labels) > 1:
            target = ".".join(labels[1:])
        else:
            break
    return found


def transcribed_organization(zone: Zone, start: str) -> str:
    """Section 4.10.2, the numbered list."""
    found = transcribed_walk(zone, start)
    for target, psd in found:
        if psd == "n":
            return target
        if psd == "y" and target != start:
            depth = len(target.split(".")) + 1
            return ".".join(start.split(".")[-depth:])
    if found:
        return min(found, key=lambda each: each[0].count("."))[0]
    return start


def test_a_thousand_random_zones_have_the_organizations_that_the_transcription_gives() -> None:
    chance = random.Random(9989)
    below = "abcdefghij"
    for _case in range(1000):
        depth = chance.randrange(0, 10)
        sender = ".".join([*(chance.choice(below) for _ in range(depth)), "example", "com"])
        signer = chance.choice([f"mgeu.{sender}", sender, "mgeu.example.com", "example.com", "a.other.com"])
        names = {".".join(name.split(".")[start:]) for name in (sender, signer) for start in range(name.count(".") + 1)}
        zone = {
            name: PLAIN + chance.choice(["", "", "", "; psd=n", "; psd=y", "; psd=u"])
            for name in sorted(names)
            if chance.random() < 0.4
        }
        seen = judged(zone, sender, dkim=signer, spf=signer)

        assert seen.organization == transcribed_organization(zone, sender), (zone, sender)
        assert seen.signer_organization == transcribed_organization(zone, signer), (zone, signer)
