"""The guard after activation (design 4.7): what is wrong is left at once, and trusted again only after a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations import scope
from organizations.models import User
from tests.support.claims import ADDRESS, DOMAIN, Domain, activated
from whitelabel import activation, identity
from whitelabel.models import SenderDomain
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import process_memory

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State
SERVICE_ADDRESS = "jobb.lillestad.test@mail.kundo.se"
APEX_MX = f"@ MX 10 mail.{DOMAIN}."


@pytest.fixture
def domain(domain: Domain) -> Domain:
    """A domain in use."""
    User.objects.filter(pk=domain.town.admin.pk).update(language="en")
    activated(domain)
    mail.outbox.clear()
    return domain


def identity_now(domain: Domain) -> identity.Identity:
    with scope.organization(domain.town.organization):
        return identity.choose(ADDRESS, SERVICE_ADDRESS, "Jobb")


def subjects() -> list[str]:
    return [message.subject for message in mail.outbox]


def silence(domain: Domain) -> None:
    for server in domain.servers:
        server.fault = lambda exchange: None if "mgeu" in exchange.name else exchange.normal


# --- thirty minutes --------------------------------------------------------------------------------------------------


def test_the_own_address_returns_when_the_key_has_been_right_for_thirty_minutes(domain: Domain) -> None:
    domain.publish(without=("dkim-k1",))
    domain.check()
    broken = identity_now(domain).kind
    domain.publish()
    domain.check()
    mended = identity_now(domain).kind
    domain.minutes_pass(29)
    domain.check()
    after_29 = identity_now(domain).kind
    domain.minutes_pass(1)
    domain.check()

    assert (broken, mended, after_29, identity_now(domain).kind) == ("service", "service", "service", "own")


def test_a_key_that_goes_away_again_starts_the_thirty_minutes_over(domain: Domain) -> None:
    for without in (("dkim-k1",), (), ("dkim-k1",), ()):
        domain.publish(without=without)
        domain.check()
        domain.minutes_pass(29)
    domain.check()

    assert identity_now(domain).kind == "service"


def test_the_claim_and_the_notice_wait_for_the_same_thirty_minutes(domain: Domain) -> None:
    domain.publish(without=("dkim-k1",))
    domain.check()
    domain.minutes_pass(11)
    assert domain.check().state == State.DEGRADED
    domain.publish()
    assert domain.check().state == State.DEGRADED
    domain.minutes_pass(31)
    claim = domain.check()

    assert (claim.state, claim.bad_since) == (State.ACTIVE, None)
    assert subjects() == [
        f"A DNS record for {DOMAIN} is wrong: mail leaves from the service address",
        f"The DNS records for {DOMAIN} are right again",
    ]


def test_a_suspended_domain_returns_by_itself_after_thirty_minutes_and_says_so(domain: Domain) -> None:
    domain.publish(without=("dkim-k1",))
    domain.check()
    domain.minutes_pass(73 * 60)
    assert domain.check().state == State.SUSPENDED
    domain.publish()
    assert domain.agree().state == State.SUSPENDED
    domain.minutes_pass(31)
    claim = domain.check()

    assert (claim.state, claim.bad_since) == (State.ACTIVE, None)
    assert identity_now(domain).kind == "own"
    assert subjects()[-1] == f"The DNS records for {DOMAIN} are right again"


def test_the_page_says_when_the_own_address_returns(domain: Domain, client: Client) -> None:
    domain.publish(without=("dkim-k1",))
    domain.check()
    domain.publish()
    since = next(v["since"] for v in domain.check().verdicts if v["key"] == "dkim-k1")
    until = timezone.localtime(datetime.fromisoformat(since) + timedelta(minutes=30))
    client.force_login(domain.town.admin)
    page = client.get(reverse("inboxes:sender", args=[domain.town.organization.slug, domain.town.inbox.pk]))

    assert "The records are right again" in page.content.decode()
    assert f"{until:%H:%M}" in page.content.decode()


def test_the_return_path_of_the_own_domain_returns_as_late(domain: Domain) -> None:
    domain.publish(without=("spf",))
    domain.check()
    domain.publish()
    domain.check()
    early = identity_now(domain)
    domain.minutes_pass(31)
    domain.check()

    assert (early.kind, early.return_path_domain) == ("own", "mail.kundo.se")
    assert identity_now(domain).return_path_domain == f"mgeu.{DOMAIN}"


def test_a_second_inbox_can_be_activated_while_a_record_mends(domain: Domain) -> None:
    domain.publish(without=("dkim-k1",))
    domain.check()
    domain.publish()
    domain.agree()
    with scope.organization(domain.town.organization):
        claim = domain.claim
        activation.request(claim, f"info@{DOMAIN}", actor=domain.town.admin, record_version=claim.record_version)
    domain.check()
    sender = domain.sender(f"info@{DOMAIN}")

    assert sender is not None
    assert (sender.failure, sender.activated_at is not None) == ("", True)


# --- what the admins are told ----------------------------------------------------------------------------------------


def test_a_fault_that_leaves_the_signature_whole_is_told_without_naming_another_sender(domain: Domain) -> None:
    domain.publish(without=("spf",))
    domain.check()

    assert subjects() == [f"A DNS record for {DOMAIN} is wrong: mail still leaves as your own address"]
    assert "service address" not in mail.outbox[0].body
    assert identity_now(domain).from_address == ADDRESS


def test_a_week_of_unclear_answers_is_told_once_and_mail_goes_on(domain: Domain) -> None:
    silence(domain)
    domain.check()
    domain.minutes_pass(7 * 24 * 60 - 30)
    domain.check()
    before = subjects()
    domain.minutes_pass(31)
    domain.check()
    domain.minutes_pass(6 * 60)
    domain.check()

    assert before == []
    assert subjects() == [f"The nameservers of {DOMAIN} have not answered clearly for a week"]
    assert identity_now(domain).kind == "own"
    assert domain.claim.state == State.ACTIVE


def test_a_clear_answer_in_between_starts_the_week_over(domain: Domain, settings: Any) -> None:
    silence(domain)
    domain.check()
    domain.minutes_pass(6 * 24 * 60)
    for server in domain.servers:
        server.fault = None
    process_memory(SurveySettings.from_django(settings)).breaker.failures.clear()  # the minute of rest is over
    domain.check()
    silence(domain)
    domain.check()
    domain.minutes_pass(2 * 24 * 60)
    domain.check()

    assert subjects() == []


def test_mail_of_the_domain_going_to_other_servers_is_told_once(domain: Domain) -> None:
    domain.publish(APEX_MX)
    domain.check()
    domain.publish(f"{APEX_MX}\n@ MX 20 reserve.{DOMAIN}.")
    domain.check()
    quiet = subjects()
    domain.publish("@ MX 10 lillestad.mail.protection.example.")
    domain.check()
    domain.check()

    assert quiet == []
    assert subjects() == [f"Mail to {DOMAIN} goes to other servers than before"]
    assert f"mail.{DOMAIN}" in mail.outbox[0].body
    assert "lillestad.mail.protection.example" in mail.outbox[0].body
    assert identity_now(domain).kind == "own"


def test_nameservers_that_do_not_tell_where_mail_goes_change_nothing(domain: Domain) -> None:
    domain.publish(APEX_MX)
    domain.check()
    for server in domain.servers:
        server.fault = lambda exchange: None if exchange.type == "MX" else exchange.normal
    domain.publish(f"{APEX_MX}\nmore TXT x")
    domain.check()

    assert subjects() == []
    assert domain.claim.mail_hosts == [f"mail.{DOMAIN}"]


# --- DMARC -----------------------------------------------------------------------------------------------------------


def test_a_policy_that_turns_strict_moves_mail_to_the_service_address_before_it_is_refused(domain: Domain) -> None:
    domain.publish(dmarc="v=DMARC1; p=reject; adkim=s; aspf=s")
    domain.check()

    assert identity_now(domain).kind == "service"
    assert subjects() == [f"The DMARC policy of {DOMAIN} has become stricter"]
    domain.publish(dmarc="v=DMARC1; p=reject; adkim=s; aspf=s")  # with the two records that the page asks for now
    domain.check()
    domain.minutes_pass(31)
    domain.check()
    who = identity_now(domain)

    assert (who.kind, who.signing and who.signing.domain) == ("own", DOMAIN)


def test_a_strict_policy_that_only_wants_reports_changes_nothing(domain: Domain) -> None:
    domain.publish(dmarc="v=DMARC1; p=none; adkim=s; aspf=s")
    domain.check()

    assert identity_now(domain).kind == "own"
    assert subjects() == []


# --- the page --------------------------------------------------------------------------------------------------------


def rows(domain: Domain, client: Client) -> str:
    client.force_login(domain.town.admin)
    page = client.get(reverse("inboxes:sender", args=[domain.town.organization.slug, domain.town.inbox.pk]))
    return page.content.decode()


def test_a_record_that_was_right_is_gone_and_not_awaited(domain: Domain, client: Client) -> None:
    domain.publish(without=("owner",))
    domain.check()
    text = rows(domain, client)

    assert f"The record at _owner.mgeu.{DOMAIN} was right before. Your nameservers do not have it any more." in text
    assert "Not found yet" not in text
    assert "A record is no longer right" in text


def seen_at(domain: Domain, client: Client, name: str, *arguments: object) -> str:
    client.force_login(domain.town.agent)
    response = client.get(reverse(name, args=[domain.town.organization.slug, *arguments]), follow=True)
    return response.content.decode()


@pytest.mark.parametrize("name", ["inboxes:index", "conversations:dashboard"])
def test_lists_of_inboxes_say_that_a_sender_address_is_in_trouble(domain: Domain, client: Client, name: str) -> None:
    words = "En DNS-post för avsändaradressen är fel"
    before = seen_at(domain, client, name)
    domain.publish(without=("spf",))
    domain.check()
    broken = seen_at(domain, client, name)
    domain.publish()
    domain.check()
    domain.minutes_pass(31)
    domain.check()

    assert [words in before, words in broken, words in seen_at(domain, client, name)] == [False, True, False]


def test_the_banner_counts_the_records(domain: Domain, client: Client) -> None:
    domain.publish(without=("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner"))
    domain.check()

    assert "6 records are no longer right" in rows(domain, client)
