"""What happens when a domain is lost or moves, and how a claim begins again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from inboxes.creating import create_inbox
from organizations import scope
from tests.support.builders import Town
from tests.support.claims import ADDRESS, DOMAIN, Domain, activated, ask
from tests.support.dns import NameServer, World, Zone
from whitelabel import checking, claims, identity
from whitelabel.models import DkimKey, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State


def registry(world: World) -> NameServer:
    return next(server for server in world.servers if server.name == "a.nic.test")


def drop(domain: Domain) -> None:
    """The registry no longer knows the domain."""
    parent = registry(domain.world)
    parent.load(Zone("test", "", nameservers=parent.zones["test"].nameservers))
    domain.world.resolver.zones.pop(DOMAIN)
    domain.world.resolver.load(Zone("test", "", nameservers=parent.zones["test"].nameservers))
    for server in domain.servers:
        server.zones.pop(DOMAIN)
    checking.process_memory.cache_clear()


def test_a_domain_that_is_gone_lapses_at_once_and_its_keys_are_destroyed(domain):
    token = activated(domain).claim.token
    drop(domain)
    claim = domain.check()
    assert claim.state == State.LAPSED
    assert claim.next_check_at is None
    assert claim.token != token
    assert domain.sender().activated_at is None
    with scope.organization(domain.town.organization):
        assert set(DkimKey.objects.values_list("private_key", flat=True)) == {""}
        assert not DkimKey.objects.filter(retired_at=None).exists()
        assert identity.choose(ADDRESS, "x@mail.kundo.se", "").from_address == "x@mail.kundo.se"


def test_a_domain_that_was_never_proved_just_waits_when_it_does_not_exist(domain):
    drop(domain)
    assert domain.check().state == State.PENDING


def test_other_nameservers_throughout_without_our_records_are_a_lapse(domain, world):
    activated(domain)
    zone = Zone(DOMAIN)
    world.serve("ns1.newowner.example", zone)
    world.resolver.load(zone)
    parent = registry(world)
    parent.load(Zone("test", "lillestad NS ns1.newowner.example.", nameservers=parent.zones["test"].nameservers))
    checking.process_memory.cache_clear()
    assert domain.check().state == State.LAPSED


def test_a_move_to_other_nameservers_with_the_records_is_no_lapse(domain, world):
    activated(domain)
    zone = Zone(DOMAIN, domain.servers[0].zones[DOMAIN].text)
    world.serve("ns1.newhost.example", zone)
    world.resolver.load(zone)
    parent = registry(world)
    parent.load(Zone("test", "lillestad NS ns1.newhost.example.", nameservers=parent.zones["test"].nameservers))
    checking.process_memory.cache_clear()
    assert domain.check().state == State.ACTIVE


def test_coming_back_needs_new_records_and_the_old_token_is_never_valid_again(domain):
    activated(domain)
    old = domain.servers[0].zones[DOMAIN]
    parent = registry(domain.world)
    delegation = parent.zones["test"]
    drop(domain)
    domain.check()
    client = Client()
    client.force_login(domain.town.admin)
    client.post(reverse("inboxes:sender_restart", args=(domain.town.organization.slug, domain.town.inbox.pk)))
    assert domain.claim.state == State.PENDING

    parent.load(delegation)
    for server in (*domain.servers, domain.world.resolver):
        server.load(old)
    checking.process_memory.cache_clear()
    claim = domain.check()
    codes = {v["key"]: v["code"] for v in claim.verdicts}
    assert (codes["owner"], codes["dkim-k1"], codes["dkim-k2"]) == ("old_value", "old_value", "old_value")
    assert claim.state == State.PENDING

    domain.publish()
    assert domain.agree().state == State.READY
    assert domain.sender().activated_at is None


def test_a_claim_that_is_in_use_cannot_be_started_again(domain):
    with scope.organization(domain.town.organization), pytest.raises(claims.ClaimRefused):
        claims.restart(domain.claim, actor=domain.town.admin)


def test_an_inbox_added_later_shares_the_claim(domain):
    activated(domain)
    with scope.organization(domain.town.organization):
        create_inbox(f"info@{DOMAIN}", "Info", actor=domain.town.admin)
    ask(domain, f"info@{DOMAIN}")
    domain.check()
    with scope.organization(domain.town.organization):
        assert SenderAddress.objects.filter(activated_at__isnull=False).count() == 2
        assert isinstance(domain.town, Town)
