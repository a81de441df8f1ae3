"""Claims beside others: two organizations on a domain, one claim's failure, and two hands on one claim."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from organizations import scope
from tests.support.builders import town
from tests.support.claims import ADDRESS, DOMAIN, Domain, activated, ask
from tests.support.dns import publish
from tests.support.together import at_once, waiting
from whitelabel import activation, approvals, checking, claims, identity
from whitelabel.models import DomainApproval, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State


# --- two organizations on a domain -----------------------------------------------------------------------------------


def second_on(domain: Domain) -> Domain:
    """Another organization's claim on the same domain, with its records beside the first one's."""
    other = town("Storstad", f"info@{DOMAIN}", "Info")
    with scope.organization(other.organization):
        claim = claims.start(DOMAIN, actor=other.admin)
    return replace(domain, town=other, claim_id=claim.pk)


def publish_both(first: Domain, second: Domain) -> None:
    with scope.organization(second.town.organization):
        records = claims.records_of(second.claim)
    first.publish(publish(records, DOMAIN))
    second.zone.serial = first.zone.serial


def both(domain: Domain) -> tuple[Domain, Domain]:
    """The first one active, the second one's records right."""
    activated(domain)
    second = second_on(domain)
    second.check()
    publish_both(domain, second)
    second.agree()
    return domain, second


def refusal_of(domain: Domain, address: str) -> str:
    with translation.override("en"), pytest.raises(activation.ActivationRefused) as refused:
        ask(domain, address)
    return str(refused.value)


def answer(domain: Domain, approve: bool) -> bool:
    with scope.organization(domain.town.organization):
        (question,) = approvals.open_approvals(domain.claim)
        return approvals.decide(domain.claim, question.pk, approve=approve, actor=domain.town.admin)


def test_the_second_organization_gets_a_subdomain_token_and_keys_of_its_own(domain):
    activated(domain)
    second = second_on(domain)
    claim = second.check()
    assert claim.label == "mgeu2"
    assert claim.token != domain.claim.token


def test_the_second_organization_waits_and_the_first_one_is_asked_by_mail(domain):
    mail.outbox.clear()
    first, second = both(domain)
    assert second.claim.state == State.READY
    assert "already sends as this domain" in refusal_of(second, f"info@{DOMAIN}")
    asked = [m for m in mail.outbox if m.to == [first.town.admin.email] and "Storstad" in m.subject]
    assert [m.subject for m in asked] == [f"Storstad vill också skicka från {DOMAIN}"]


def test_after_approval_the_second_organization_may_activate(domain):
    first, second = both(domain)
    assert answer(first, approve=True)
    ask(second, f"info@{DOMAIN}")
    second.check()
    assert second.sender(f"info@{DOMAIN}").activated_at is not None
    assert first.sender().activated_at is not None


def test_after_a_denial_it_may_not_even_later(domain):
    first, second = both(domain)
    assert answer(first, approve=False)
    with scope.organization(first.town.organization):
        DomainApproval.objects.update(asked_at=timezone.now() - timedelta(days=30))
    assert "has said no" in refusal_of(second, f"info@{DOMAIN}")


def test_seven_days_without_an_objection_are_consent(domain):
    first, second = both(domain)
    with scope.organization(first.town.organization):
        DomainApproval.objects.update(asked_at=timezone.now() - timedelta(days=7))
        assert approvals.open_approvals(first.claim) == []
    ask(second, f"info@{DOMAIN}")
    second.check()
    assert second.sender(f"info@{DOMAIN}").activated_at is not None


def test_the_question_is_on_the_page_of_the_first_organization_only(domain):
    first, second = both(domain)
    pages = {}
    for place in (first.town, second.town):
        client = Client()
        client.force_login(place.admin)
        pages[place.organization.name] = client.get(
            reverse("inboxes:sender", args=(place.organization.slug, place.inbox.pk))
        ).content.decode()
    assert "Storstad har med poster" in pages["Lillestad"]
    assert "Godkänn" in pages["Lillestad"]
    assert "Godkänn" not in pages["Storstad"]
    assert "Lillestad" not in pages["Storstad"].replace(DOMAIN, "").replace("lillestad", "")


def test_an_admin_answers_on_the_page_and_an_agent_may_not(domain):
    first, second = both(domain)
    with scope.organization(first.town.organization):
        (question,) = approvals.open_approvals(first.claim)
    place = (first.town.organization.slug, first.town.inbox.pk, question.pk)
    client = Client()
    client.force_login(first.town.agent)
    assert client.post(reverse("inboxes:sender_answer", args=place), {"answer": "approve"}).status_code == 403
    client.force_login(first.town.admin)
    client.post(reverse("inboxes:sender_answer", args=place), {"answer": "approve"})
    ask(second, f"info@{DOMAIN}")


def test_two_organizations_that_press_activate_at_once_are_one_activation(domain, caplog):
    second = second_on(domain)
    second.check()
    publish_both(domain, second)
    domain.agree()
    second.agree()
    ask(domain)
    ask(second, f"info@{DOMAIN}")
    for claim in (domain, second):
        claim.age(next_check_at=timezone.now(), lease_until=None)
    assert at_once(checking.check_due, checking.check_due) == []
    assert not [line for line in caplog.records if line.name == "whitelabel.checking"]
    senders = [domain.sender(), second.sender(f"info@{DOMAIN}")]
    for _again in range(5):  # a domain is checked for one organization at a time: the other's request waits its turn
        waiting = [claim for claim, sender in zip((domain, second), senders, strict=True) if sender.requested_at]
        if not waiting:
            break
        for claim in waiting:
            claim.age(next_check_at=timezone.now(), lease_until=None)
        checking.check_due()
        senders = [domain.sender(), second.sender(f"info@{DOMAIN}")]
    assert sorted(sender.activated_at is not None for sender in senders) == [False, True]
    assert {sender.failure for sender in senders} == {"", "consent"}


def test_the_same_address_is_active_in_one_organization_at_most(domain):
    first, second = both(domain)
    answer(first, approve=True)
    ask(second, ADDRESS)
    second.check()
    assert (second.sender(ADDRESS).activated_at, second.sender(ADDRESS).failure) == (None, "elsewhere")
    with scope.organization(second.town.organization):
        assert identity.choose(ADDRESS, "x@mail.kundo.se", "").from_address == "x@mail.kundo.se"


# --- one claim's failure -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {"label_finding": []},  # looked at before the records are shown
        {"verdicts": [{}]},  # looked at before the check
        {"verdicts": [{"key": "owner", "code": "ok", "required": False}]},  # when it is kept
    ],
    ids=["untested", "prepare", "keep"],
)
def test_a_claim_that_fails_leaves_the_others_their_checks(domain, broken, caplog):
    elsewhere = town("Storstad", "jobb@storstad.example")
    with scope.organization(elsewhere.organization):
        other = claims.start("storstad.example", actor=elsewhere.admin)
    others = {"lower": domain.claim, "higher": other}
    for fails in others:
        for name, claim in others.items():
            with scope.organization(claim.organization_id):
                fields = broken if name == fails else {"verdicts": [], "label_finding": {"code": "free"}}
                due = {"next_check_at": timezone.now() - timedelta(1), "lease_until": None, "checked_at": None}
                SenderDomain.objects.filter(pk=claim.pk).update(**due, **fields)
        checking.check_due()
        (sound,) = (claim for name, claim in others.items() if name != fails)
        with scope.organization(sound.organization_id):
            assert SenderDomain.objects.get(pk=sound.pk).checked_at is not None
    assert {line.name for line in caplog.records if line.levelname == "ERROR"} == {"whitelabel.checking"}


# --- two hands on one claim -------------------------------------------------------------------------------------------


def test_going_back_waits_for_the_claim_before_it_touches_the_address(domain):
    activated(domain)
    taken = threading.Event()

    def check() -> None:
        with scope.organization(domain.town.organization):
            claim = SenderDomain.objects.select_for_update().get(pk=domain.claim_id)
            taken.set()
            while not waiting():
                time.sleep(0.01)
            list(SenderAddress.objects.select_for_update().filter(sender_domain=claim))

    def go_back() -> None:
        taken.wait()
        with scope.organization(domain.town.organization):
            claims.deactivate(SenderAddress.objects.get(address=ADDRESS), actor=domain.town.admin)

    assert at_once(check, go_back) == []
    assert domain.sender().activated_at is None
