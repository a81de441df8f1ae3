"""What Activate waits for, what a check is told about earlier, and how often may be checked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from organizations import scope
from tests.support.builders import town
from tests.support.claims import ADDRESS, DOMAIN, Domain, ask, domain_of
from whitelabel import activation, checking, claims, links, presenting, schedule
from whitelabel.models import DkimKey, SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State


def refusal_of(domain: Domain) -> str:
    with translation.override("en"), pytest.raises(activation.ActivationRefused) as refused:
        ask(domain)
    return str(refused.value)


def page_of(domain: Domain) -> presenting.RecordsPage:
    with translation.override("en"), scope.organization(domain.town.organization):
        return presenting.records_page(SenderDomain.objects.get(pk=domain.claim_id))


def verdict_of(claim: SenderDomain, key: str) -> dict[str, Any]:
    return next(v for v in claim.verdicts if v["key"] == key)


# --- two agreeing rounds ---------------------------------------------------------------------------------------------


def test_the_boxes_are_green_after_one_round_and_activate_works_after_two(domain):
    domain.publish()
    assert domain.check().state == State.PENDING
    page = page_of(domain)
    assert {row.symbol for row in page.rows if row.required} == {"right"}
    assert not page.may_activate
    assert "A second look" in refusal_of(domain)

    assert domain.agree().state == State.READY
    assert page_of(domain).may_activate
    ask(domain)


def test_a_second_round_too_soon_confirms_nothing(domain):
    domain.publish()
    domain.check()
    domain.age(ready_since=timezone.now() - timedelta(seconds=2))
    assert domain.check().state == State.PENDING


def test_the_second_round_is_due_five_seconds_after_the_first_even_with_the_page_closed(domain):
    domain.publish()
    claim = domain.check()
    assert (claim.next_check_at - claim.ready_since).total_seconds() == pytest.approx(5, abs=0.01)


def test_a_round_in_between_that_disagrees_starts_over(domain):
    domain.publish()
    domain.check()
    domain.publish(without=("mx2",))
    domain.check()
    domain.publish()
    assert domain.check().state == State.PENDING
    assert domain.agree().state == State.READY


def test_the_button_works_exactly_when_everything_is_waited_for(domain):
    client = Client()
    client.force_login(domain.town.admin)
    url = reverse("inboxes:sender", args=(domain.town.organization.slug, domain.town.inbox.pk))

    def button() -> str:
        found = re.search(r'<button[^>]*id="activate"[^>]*>', client.get(url).content.decode())
        assert found
        return found[0]

    domain.publish()
    domain.check()
    assert " disabled" in button()
    domain.agree()
    assert " disabled" not in button()


def test_the_page_offers_a_test_mail(domain):
    client = Client()
    client.force_login(domain.town.admin)
    url = reverse("inboxes:sender", args=(domain.town.organization.slug, domain.town.inbox.pk))
    assert "/sender/test-mail/" in client.get(url).content.decode()


# --- caches ----------------------------------------------------------------------------------------------------------


def test_resolvers_that_remember_keep_the_boxes_green_and_delay_activate(domain):
    domain.publish(resolver=False)
    assert domain.agree().state == State.READY
    page = page_of(domain)
    assert {row.symbol for row in page.rows if row.required} == {"right"}
    assert page.waiting.startswith("You can activate in 1 minute.")
    assert refusal_of(domain).startswith("You can activate in 1 minute.")


def test_after_the_longest_time_to_remember_activate_works_whatever_a_resolver_says(domain):
    domain.publish(resolver=False)
    domain.agree()
    domain.age(ready_since=timezone.now() - timedelta(seconds=61))
    domain.check()
    assert page_of(domain).may_activate
    ask(domain)


def test_two_of_three_resolvers_are_enough(domain, world, settings):
    domain.publish(resolver=False)
    fresh = [world.serve("r.example", address=world.address()) for _ in range(2)]
    for resolver in fresh:
        resolver.recursive = True
        resolver.zones = dict(world.resolver.zones)
        resolver.load(domain.servers[0].zones[DOMAIN])
    settings.DNS_RESOLVERS = [f"127.0.0.1:{world.port}", *(f"{r.address}:{world.port}" for r in fresh)]
    domain.agree()
    assert page_of(domain).may_activate


def test_with_the_page_closed_the_next_check_is_when_the_caches_have_forgotten(domain):
    domain.publish(resolver=False)
    domain.age(checks_done=0)
    claim = domain.agree()
    claim.verdicts = [{**v, "wait_seconds": 1800 if v["required"] else 0} for v in claim.verdicts]
    now = timezone.now()
    assert (schedule.next_check(claim, now) - now).total_seconds() == pytest.approx(1800, rel=0.21)


def test_an_open_page_is_checked_every_minute_while_the_caches_forget(domain):
    domain.publish(resolver=False)
    claim = domain.agree()
    claim.verdicts = [{**v, "wait_seconds": 1800 if v["required"] else 0} for v in claim.verdicts]
    now = timezone.now()
    claim.watched_since, claim.watched_until = now, now + timedelta(seconds=20)
    assert (schedule.next_check(claim, now) - now).total_seconds() == pytest.approx(60, rel=0.21)


# --- what a check is told --------------------------------------------------------------------------------------------


def test_a_value_that_was_replaced_is_named_with_its_date(domain):
    domain.publish()
    with scope.organization(domain.town.organization):
        old = DkimKey.objects.get(selector="k2")
        DkimKey.objects.filter(pk=old.pk).update(retired_at=timezone.now())
        from whitelabel import keys

        keys.create(SenderDomain.objects.get(pk=domain.claim_id), "k2")
    verdict = verdict_of(domain.check(), "dkim-k2")
    assert verdict["code"] == "old_value"
    assert verdict["params"]["date"] == f"{timezone.localtime():%Y-%m-%d}"


def test_when_it_says_done_and_nothing_is_public_the_page_says_so(domain):
    assert verdict_of(domain.check(), "spf")["code"] == "missing_nx"
    with scope.organization(domain.town.organization):
        claim = SenderDomain.objects.get(pk=domain.claim_id)
        link, _token = links.create(claim, actor=domain.town.admin)
        links.mark_done(link)
    assert verdict_of(domain.check(), "spf")["code"] == "split_horizon"


def test_done_counts_only_for_the_records_that_were_shown_then(domain):
    with scope.organization(domain.town.organization):
        claim = SenderDomain.objects.get(pk=domain.claim_id)
        link, _token = links.create(claim, actor=domain.town.admin)
        links.mark_done(link)
        assert links.is_done(claim)
        claim.records_changed_at = timezone.now()
        assert not links.is_done(claim)


def test_a_dns_host_other_than_the_admin_says_is_named(world):
    domain = domain_of(town("Lillestad", ADDRESS), world, ("ns1.loopia.se", "ns2.loopia.se"))
    domain.age(dns_host="Cloudflare")
    verdict = verdict_of(domain.check(), "spf")
    assert (verdict["code"], verdict["params"]) == ("wrong_dns_host", {"vendor": "Loopia"})


# --- limits ----------------------------------------------------------------------------------------------------------


def test_two_organizations_on_one_domain_are_checked_three_seconds_apart(domain, settings):
    settings.SENDER_DOMAIN_CHECK_SECONDS = 3
    second = town("Storstad", f"info@{DOMAIN}")
    with scope.organization(second.organization):
        other = claims.start(DOMAIN, actor=second.admin).pk
    assert [due.claim_id for due in schedule.take_due(10)] == [domain.claim_id]
    assert schedule.take_due(10) == []
    domain.age(check_started_at=timezone.now() - timedelta(seconds=3))
    assert [due.claim_id for due in schedule.take_due(10)] == [other]


def test_a_domain_below_counts_as_the_same_registered_domain(domain, settings):
    settings.SENDER_DOMAIN_CHECK_SECONDS = 3
    with scope.organization(domain.town.organization):
        claims.start(f"hr.{DOMAIN}", actor=domain.town.admin)
        claims.start("storstad.test", actor=domain.town.admin)
    taken = {due.claim_id for due in schedule.take_due(10)}
    assert len(taken) == 2
    assert domain.claim_id in taken


def test_an_organization_has_at_most_so_many_domains(domain, settings):
    settings.SENDER_DOMAINS_MOST = 2
    with scope.organization(domain.town.organization), translation.override("en"):
        claims.start("storstad.test", actor=domain.town.admin)
        with pytest.raises(claims.ClaimRefused, match="You have 2 sender domains"):
            claims.start("mellanstad.test", actor=domain.town.admin)
        assert claims.start(DOMAIN, actor=domain.town.admin).pk == domain.claim_id


def test_an_organization_may_ask_for_so_many_checks_an_hour(domain, settings):
    settings.SENDER_MANUAL_CHECKS_AN_HOUR = 2
    settings.SENDER_MANUAL_CHECK_SECONDS = 0
    with scope.organization(domain.town.organization), translation.override("en"):
        claim = SenderDomain.objects.get(pk=domain.claim_id)
        for _ in range(2):
            schedule.ask_for_check(claim, actor=domain.town.admin)
        with pytest.raises(schedule.CheckRefused, match="2 checks in the last hour"):
            schedule.ask_for_check(claim, actor=domain.town.admin)


def test_a_check_is_refused_while_another_is_under_way(domain):
    assert len(schedule.take_due(10)) == 1
    with scope.organization(domain.town.organization), pytest.raises(schedule.CheckRefused):
        schedule.ask_for_check(SenderDomain.objects.get(pk=domain.claim_id), actor=domain.town.admin)
    assert checking.check_due() == 0
