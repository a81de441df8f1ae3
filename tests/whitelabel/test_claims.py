"""From a claim without records to mail under one's own name, and back: checks, states, activation, guard."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from organizations import scope
from organizations.models import User
from tests.support.builders import town
from tests.support.claims import ADDRESS, DOMAIN, Domain, activated, ask, other_key
from whitelabel import activation, checking, claims, identity, schedule
from whitelabel.models import DkimKey, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State
SERVICE_ADDRESS = "jobb.lillestad.test@mail.kundo.se"


def sends_as(domain: Domain, own_address: str = ADDRESS) -> str:
    with scope.organization(domain.town.organization):
        return identity.choose(own_address, SERVICE_ADDRESS, "Jobb").from_address


def age(domain: Domain, **fields: Any) -> None:
    with scope.organization(domain.town.organization):
        SenderDomain.objects.filter(pk=domain.claim_id).update(**fields)


# --- starting --------------------------------------------------------------------------------------------------------


def test_a_claim_has_two_keys_and_a_token_of_its_own_and_is_made_once(domain):
    with scope.organization(domain.town.organization):
        again = claims.start(DOMAIN, actor=domain.town.admin)
        assert again.pk == domain.claim_id
        assert len(again.token) == 26
        assert sorted(DkimKey.objects.values_list("selector", flat=True)) == ["k1", "k2"]
        assert "PRIVATE KEY" not in "".join(DkimKey.objects.values_list("private_key", flat=True))


def test_two_organizations_on_one_domain_have_different_records(domain):
    second = town("Storstad", f"info@{DOMAIN}")
    with scope.organization(second.organization):
        theirs = {record.value for record in claims.records_of(claims.start(DOMAIN, actor=second.admin))}
    with scope.organization(domain.town.organization):
        ours = {record.value for record in claims.records_of(domain.claim)}
    assert {value for value in ours & theirs if "p=MII" in value or "verify=" in value} == set()


# --- checking --------------------------------------------------------------------------------------------------------


def test_before_anything_is_published_every_record_waits(domain):
    claim = domain.check()
    assert claim.state == State.PENDING
    assert {v["state"] for v in claim.verdicts if v["required"]} == {"amber"}


def test_published_records_make_the_claim_ready(domain):
    domain.publish()
    claim = domain.check()
    assert [v["code"] for v in claim.verdicts if v["required"]] == ["ok"] * 6
    assert claim.ready_since is not None
    assert domain.agree().state == State.READY


def test_a_record_that_disappears_takes_readiness_away(domain):
    domain.publish()
    domain.agree()
    domain.publish(without=("owner",))
    assert domain.check().state == State.PENDING


def test_a_slow_check_does_not_overwrite_a_newer_one(domain):
    due = schedule.take_due(10)[0]
    prepared = checking._prepare(due)
    domain.publish()
    newer = domain.agree()
    assert newer.state == State.READY

    domain.publish(without=("spf",))
    (older,) = asyncio.run(checking._ask_all([prepared]))
    checking._keep(older)
    assert domain.claim.state == State.READY


def test_a_claim_is_taken_by_one_worker_at_a_time(domain):
    assert len(schedule.take_due(10)) == 1
    assert schedule.take_due(10) == []


# --- what the admins are told ------------------------------------------------------------------------------------------


def subjects() -> list[str]:
    return [message.subject for message in mail.outbox]


def test_the_admin_is_told_once_when_all_records_are_right(domain):
    domain.publish()
    domain.agree()
    domain.check()
    assert subjects() == [f"DNS-posterna för {DOMAIN} är rätt"]
    assert mail.outbox[0].to == [domain.town.admin.email]
    assert "http://localhost:8000/lillestad/settings/inboxes/" in mail.outbox[0].body


def test_the_admin_is_told_in_their_own_language(domain):
    User.objects.filter(pk=domain.town.admin.pk).update(language="en")
    domain.publish()
    domain.agree()
    assert subjects() == [f"The DNS records for {DOMAIN} are right"]


def test_a_stricter_dmarc_policy_is_told_before_mail_fails(domain):
    activated(domain)
    mail.outbox.clear()
    domain.publish(dmarc="v=DMARC1; p=reject; adkim=s; aspf=s")
    domain.check()
    domain.check()
    assert f"DMARC-policyn för {DOMAIN} har blivit strängare" in subjects()
    assert subjects().count(f"DMARC-policyn för {DOMAIN} har blivit strängare") == 1


def test_two_weeks_without_success_stop_the_checks_and_are_told(domain):
    long_ago = timezone.now() - timedelta(days=15)
    age(domain, checks_done=90, created_at=long_ago)
    assert domain.check().state == State.STOPPED
    assert domain.claim.next_check_at is None
    assert subjects() == [f"DNS-posterna för {DOMAIN} blev aldrig färdiga"]


# --- the schedule ----------------------------------------------------------------------------------------------------


def wait_of(domain: Domain, **fields: Any) -> float | None:
    claim = domain.claim
    for name, value in fields.items():
        setattr(claim, name, value)
    now = timezone.now()
    found = schedule.next_check(claim, now)
    return None if found is None else (found - now).total_seconds()


@pytest.mark.parametrize(
    ("opened_ago", "expected_seconds"),
    [(timedelta(seconds=10), 5), (timedelta(minutes=5), 15), (timedelta(minutes=30), 60)],
)
def test_an_open_page_is_served_often_at_first(domain, opened_ago, expected_seconds):
    now = timezone.now()
    wait = wait_of(domain, watched_since=now - opened_ago, watched_until=now + timedelta(seconds=20))
    assert wait == pytest.approx(expected_seconds, rel=0.21)


@pytest.mark.parametrize(("checks_done", "minutes"), [(0, 1), (3, 10), (6, 60), (50, 60)])
def test_a_closed_page_backs_off_to_hourly(domain, checks_done, minutes):
    assert wait_of(domain, checks_done=checks_done) == pytest.approx(minutes * 60, rel=0.21)


def test_after_two_weeks_without_success_checking_stops(domain):
    assert wait_of(domain, checks_done=90, created_at=timezone.now() - timedelta(days=15)) is None


def test_opening_the_page_starts_checking_again(domain):
    age(domain, state=State.STOPPED, next_check_at=None, checks_done=90)
    with scope.organization(domain.town.organization):
        schedule.watch(SenderDomain.objects.get(pk=domain.claim_id))
    assert domain.claim.state == State.PENDING
    assert len(schedule.take_due(10)) == 1


def test_an_active_domain_is_checked_every_six_hours_and_soon_when_something_is_off(domain):
    assert wait_of(domain, state=State.ACTIVE) == pytest.approx(6 * 3600, rel=0.21)
    assert wait_of(domain, state=State.ACTIVE, bad_since=timezone.now()) == pytest.approx(600, rel=0.21)


# --- activation ------------------------------------------------------------------------------------------------------


def test_activation_is_refused_while_a_record_is_missing(domain):
    domain.publish(without=("mx2",))
    domain.check()
    with pytest.raises(activation.ActivationRefused):
        ask(domain)
    assert sends_as(domain) == SERVICE_ADDRESS


def test_after_activation_mail_leaves_as_the_own_address(domain):
    activated(domain)
    assert domain.claim.state == State.ACTIVE
    assert sends_as(domain) == ADDRESS
    sender = domain.sender()
    assert sender is not None
    assert sender.evidence["dkim"] == "pass"


def test_a_check_that_began_before_the_click_decides_nothing(domain):
    domain.publish()
    domain.agree()
    due_before = schedule.take_due(10)
    assert due_before == []
    sender = ask(domain)
    with scope.organization(domain.town.organization):
        claim = SenderDomain.objects.select_for_update().get(pk=domain.claim_id)
        assert sender.requested_seq == claim.check_seq
    domain.check()
    assert domain.sender().activated_at is not None


def test_a_record_changed_between_click_and_check_changes_nothing_and_is_told(domain):
    domain.publish()
    domain.agree()
    ask(domain)
    domain.publish(without=("spf",))
    domain.check()
    sender = domain.sender()
    assert sender.activated_at is None
    assert sender.failure == "not_right"
    assert sends_as(domain) == SERVICE_ADDRESS


def test_records_replaced_since_the_page_was_shown_refuse_the_click(domain):
    domain.publish()
    domain.agree()
    with scope.organization(domain.town.organization):
        claim = SenderDomain.objects.get(pk=domain.claim_id)
        with pytest.raises(activation.ActivationRefused):
            activation.request(claim, ADDRESS, actor=domain.town.admin, record_version=claim.record_version + 1)


def test_two_admins_at_once_are_one_activation(domain):
    domain.publish()
    domain.agree()
    failures: list[BaseException] = []

    def press() -> None:
        try:
            ask(domain)
        except BaseException as error:  # noqa: BLE001 - handed to the assertion
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    domain.check()
    assert failures == []
    with scope.organization(domain.town.organization):
        assert SenderAddress.objects.filter(activated_at__isnull=False).count() == 1


def test_a_second_inbox_on_the_domain_needs_only_to_be_activated(domain):
    activated(domain)
    with scope.organization(domain.town.organization):
        from inboxes.creating import create_inbox

        create_inbox(f"info@{DOMAIN}", "Info", actor=domain.town.admin)
        assert claims.is_ready(claims.start(DOMAIN, actor=domain.town.admin).verdicts)
    ask(domain, f"info@{DOMAIN}")
    domain.check()
    assert domain.sender(f"info@{DOMAIN}").activated_at is not None


def test_deactivation_returns_to_the_service_address(domain):
    activated(domain)
    with scope.organization(domain.town.organization):
        claims.deactivate(SenderAddress.objects.get(address=ADDRESS), actor=domain.town.admin)
    assert sends_as(domain) == SERVICE_ADDRESS
    assert domain.claim.state == State.READY


# --- the guard -------------------------------------------------------------------------------------------------------


def test_a_wrong_signing_key_sends_the_very_next_mail_from_the_service_address(domain):
    activated(domain)
    with scope.organization(domain.town.organization):
        wrong = other_key(domain.claim)
    domain.publish(f'k1._domainkey.mgeu TXT "v=DKIM1; k=rsa; p={wrong[:200]}" "{wrong[200:]}"', without=("dkim-k1",))
    domain.check()
    assert sends_as(domain) == SERVICE_ADDRESS
    assert domain.claim.state == State.ACTIVE  # wrong once: the claim keeps its state


def test_three_days_of_wrong_records_suspend_the_claim(domain):
    activated(domain)
    domain.publish(without=("dkim-k1",))
    domain.check()
    age(domain, bad_since=timezone.now() - timedelta(hours=73))
    assert domain.check().state == State.SUSPENDED
    assert sends_as(domain) == SERVICE_ADDRESS


def test_an_hour_without_signature_and_spf_suspends_the_claim(domain):
    activated(domain)
    domain.publish(without=("dkim-k1", "spf"))
    domain.check()
    age(domain, bad_since=timezone.now() - timedelta(minutes=59))
    assert domain.check().state == State.DEGRADED
    age(domain, bad_since=timezone.now() - timedelta(minutes=61))
    assert domain.check().state == State.SUSPENDED


def test_a_key_that_is_not_in_use_may_be_missing_without_harm(domain):
    activated(domain)
    domain.publish(without=("dkim-k2",))
    domain.check()
    claim = domain.check()
    assert (claim.state, claim.bad_since) == (State.ACTIVE, None)
    assert sends_as(domain) == ADDRESS


def test_silent_nameservers_change_nothing(domain):
    activated(domain)
    for server in domain.servers:
        server.fault = lambda exchange: None
    claim = domain.check()
    assert claim.state == State.ACTIVE
    assert sends_as(domain) == ADDRESS
    assert {v["state"] for v in claim.verdicts} <= {"grey", "green", "green_note"}
