"""Which domains can be claimed, and where their records stand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from organizations import scope
from tests.support.builders import town
from tests.support.claims import DOMAIN, Domain
from tests.support.dns import Zone
from whitelabel import checking, claims, domain_rules, presenting
from whitelabel.models import SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)


# --- which domains ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "english", "swedish"),
    [
        ("gmail.com", "belongs to a mail provider", "tillhör en e-postleverantör"),
        ("hotmail.se", "belongs to a mail provider", "tillhör en e-postleverantör"),
        ("co.uk", "shared by many organizations", "delas av många organisationer"),
        ("github.io", "shared by many organizations", "delas av många organisationer"),
        ("mail.kundo.se", "belongs to the service itself", "hör till själva tjänsten"),
        ("x.mail.kundo.se", "belongs to the service itself", "hör till själva tjänsten"),
        ("localhost", "is not a domain", "ingen domän"),
        ("192.0.2.1", "is not a domain", "ingen domän"),
        (f"{'.'.join(['a' * 60] * 4)[:235]}.se", "is too long", "för lång"),
    ],
)
def test_a_domain_that_cannot_be_claimed_is_explained_in_both_languages(settings, name, english, swedish):
    for language, words in (("en", english), ("sv", swedish)):
        with translation.override(language):
            assert words in domain_rules.refusal(name)


def test_ordinary_domains_and_those_below_them_can_be_claimed():
    assert [domain_rules.refusal(name) for name in ("lillestad.se", "hr.lillestad.se", "xn--rksmrgs-5wao1o.se")] == [
        ""
    ] * 3


def test_own_domains_of_the_operator_cannot_be_claimed(settings):
    settings.SENDER_OWN_DOMAINS = ["kundo.se"]
    assert domain_rules.refusal("kundo.se")
    assert domain_rules.refusal("info.kundo.se")


def test_the_page_of_an_inbox_at_a_mail_provider_says_why_there_are_no_records():
    place = town("Lillestad", "lillestad@gmail.com")
    client = Client(headers={"accept-language": "sv"})
    client.force_login(place.admin)
    page = client.get(reverse("inboxes:sender", args=(place.organization.slug, place.inbox.pk)))
    assert page.status_code == 200
    assert "tillhör en e-postleverantör" in page.content.decode()
    with scope.organization(place.organization):
        assert not SenderDomain.objects.exists()


def test_a_domain_and_the_one_below_it_are_claims_of_their_own(domain):
    with scope.organization(domain.town.organization):
        below = claims.start(f"hr.{DOMAIN}", actor=domain.town.admin)
        ours, theirs = ({r.value for r in claims.records_of(c)} for c in (domain.claim, below))
    assert below.pk != domain.claim_id
    assert {value for value in ours & theirs if "p=MII" in value or "verify=" in value} == set()
    domain.publish()
    domain.agree()
    with scope.organization(domain.town.organization):
        assert not claims.is_ready(SenderDomain.objects.get(pk=below.pk).verdicts)


# --- the subdomain ---------------------------------------------------------------------------------------------------


def new_claim(domain: Domain, text: str) -> SenderDomain:
    """The claim after its first look at a zone that already holds `text`."""
    domain.age(label_finding={})
    zone = Zone(DOMAIN, text, nameservers=domain.zone.nameservers)
    for server in domain.servers:
        server.load(zone)
    return domain.check()


def note_of(claim: SenderDomain) -> str:
    with translation.override("en"):
        return presenting.label_text(claim)


def test_records_are_shown_only_after_the_subdomain_was_looked_at(domain):
    domain.age(label_finding={})
    with scope.organization(domain.town.organization):
        assert not presenting.records_page(domain.claim).shows_records
    domain.check()
    with scope.organization(domain.town.organization):
        assert presenting.records_page(domain.claim).shows_records


def test_a_subdomain_with_nothing_or_only_names_below_it_is_free(domain):
    assert new_claim(domain, "").label_finding["code"] == "free"
    claim = new_claim(domain, 'x.y.mgeu TXT "deep below"')
    assert (claim.label, claim.label_finding["code"]) == ("mgeu", "free")


@pytest.mark.parametrize(
    "text",
    [
        "mgeu A 192.0.2.5",
        "mgeu CNAME www.example.org.",
        "mgeu MX 10 mxa.mailgun.org.",
        'mgeu TXT "v=spf1 include:mailgun.org ~all"',
        '_domainkey.mgeu TXT "o=~"',
    ],
)
def test_a_subdomain_that_is_in_use_is_passed_over(domain, text):
    claim = new_claim(domain, text)
    assert claim.label == "mgeu2"
    assert claim.record_version == 2
    assert note_of(claim).startswith(f"mgeu.{DOMAIN} is in use for something else (")
    with scope.organization(domain.town.organization):
        assert all("mgeu2" in r.name for r in claims.records_of(claim) if r.required)


def test_several_names_in_use_are_passed_over(domain):
    assert new_claim(domain, "mgeu A 192.0.2.5\nmgeu2 A 192.0.2.5").label == "mgeu3"


def test_a_catch_all_record_is_noted_and_does_no_harm(domain):
    claim = new_claim(domain, "* A 192.0.2.5")
    assert (claim.label, claim.label_finding["code"]) == ("mgeu", "wildcard")
    assert "catch-all" in note_of(claim)


def test_a_delegated_subdomain_is_noted(domain):
    claim = new_claim(domain, "mgeu NS ns.example.org.")
    assert (claim.label, claim.label_finding["code"]) == ("mgeu", "delegated")
    assert "ns.example.org" in note_of(claim)


def test_silent_nameservers_leave_it_open_and_the_look_is_repeated(domain):
    for server in domain.servers:
        server.fault = lambda exchange: None
    claim = new_claim(domain, "mgeu A 192.0.2.5")
    assert (claim.label, claim.label_finding["code"]) == ("mgeu", "unknown")
    assert not presenting.shows_records(claim)
    for server in domain.servers:
        server.fault = None
    checking.process_memory.cache_clear()
    assert domain.check().label == "mgeu2"


def test_records_of_the_claim_itself_are_not_in_the_way(domain):
    domain.age(label_finding={})
    domain.publish()
    claim = domain.check()
    assert (claim.label, claim.label_finding["code"]) == ("mgeu", "free")


def choose(domain: Domain, label: str) -> None:
    client = Client()
    client.force_login(domain.town.admin)
    place = (domain.town.organization.slug, domain.town.inbox.pk)
    client.post(reverse("inboxes:sender_label", args=place), {"label": label})


def test_an_admin_may_choose_another_subdomain_which_is_looked_at_first(domain):
    choose(domain, " Svar ")
    assert (domain.claim.label, domain.claim.label_finding) == ("svar", {})
    claim = new_claim(domain, "")
    assert (claim.label, claim.label_finding["code"], claim.record_version) == ("svar", "free", 2)


@pytest.mark.parametrize("label", ["www", "autodiscover", "_x", "a.b", "-a", "å", "", "x" * 21])
def test_a_subdomain_that_misleads_or_is_no_name_is_refused(domain, label):
    choose(domain, label)
    assert domain.claim.label == "mgeu"


def test_the_subdomain_cannot_be_chosen_once_a_record_was_seen(domain):
    domain.publish()
    domain.check()
    choose(domain, "svar")
    assert domain.claim.label == "mgeu"


def test_the_subdomain_stays_once_a_record_was_seen(domain):
    domain.publish()
    assert domain.check().label_frozen_at is not None
    with scope.organization(domain.town.organization):
        claims.note_label(domain.claim, "mgeu2", {"code": "free", "found": "", "refused": []})
    assert domain.claim.label == "mgeu"
