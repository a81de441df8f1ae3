"""Replacing a signing key: never under the selector in use, never before everybody can read the new one."""

from __future__ import annotations

from datetime import timedelta

import dkim
import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from organizations import scope
from tests.support.claims import ADDRESS, DOMAIN, Domain, activated, ask
from tests.support.outgoing import letter
from tests.support.together import at_once
from whitelabel import activation, identity, outbox, presenting, rotation
from whitelabel.models import DkimKey, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db(transaction=True)

State = SenderDomain.State


@pytest.fixture
def domain(domain: Domain) -> Domain:
    """A domain that is in use, signed with k1."""
    assert activated(domain).claim.state == State.ACTIVE
    assert domain.check().rotation_due_at is not None
    mail.outbox.clear()
    return domain


def start(domain: Domain) -> SenderDomain:
    with scope.organization(domain.town.organization):
        return rotation.start(domain.claim, actor=domain.town.admin)


def key_of(domain: Domain, selector: str) -> DkimKey | None:
    with scope.organization(domain.town.organization):
        return DkimKey.objects.filter(selector=selector, retired_at=None).first()


def signs_with(domain: Domain) -> str:
    """The selector of a mail written now, after proving that it verifies with what the nameservers give."""

    def published(name: bytes, timeout: float = 5) -> bytes | None:
        text = name.decode().rstrip(".")
        for (owner, kind), records in domain.servers[0].zones[DOMAIN].records().items():
            if (owner, kind) == (text, "TXT"):
                return b"".join(records[0][1].strings)
        return None

    with scope.organization(domain.town.organization):
        who = identity.choose(ADDRESS, "x@mail.kundo.se", "Jobb")
        assert who.from_address == ADDRESS
        assert dkim.verify(outbox.final_octets(who, letter()), dnsfunc=published)
        assert who.signing is not None
        return who.signing.selector


def later(domain: Domain, **clocks: timedelta) -> SenderDomain:
    """Let time pass for the clocks named, then check."""
    claim = domain.claim
    domain.age(**{name: getattr(claim, name) - by for name, by in clocks.items()})
    return domain.check()


def switched(domain: Domain) -> SenderDomain:
    start(domain)
    domain.publish()
    publish_awaited(domain)
    domain.check()
    return later(domain, rotation_seen_at=timedelta(hours=48))


def publish_awaited(domain: Domain) -> None:
    """Publish everything on the page, the row that is not required yet as well."""
    with scope.organization(domain.town.organization):
        from whitelabel import claims

        rows = [row for row in claims.records_of(domain.claim) if row.kind == "dkim" and not row.required]
    lines = []
    for row in rows:
        text = " ".join(f'"{part}"' for part in row.strings)
        lines.append(f"{row.name.removesuffix('.' + DOMAIN)} TXT {text}")
    domain.publish("\n".join(lines))


# --- the way of a key ------------------------------------------------------------------------------------------------


def test_the_new_key_comes_under_the_selector_that_is_not_in_use(domain):
    before = {selector: key_of(domain, selector).public_key for selector in ("k1", "k2")}
    version = domain.claim.record_version
    claim = start(domain)
    assert claim.rotation_selector == "k2"
    assert key_of(domain, "k1").public_key == before["k1"]
    assert key_of(domain, "k2").public_key != before["k2"]
    assert claim.record_version == version + 1
    assert [m.subject for m in mail.outbox] == [f"Ny signeringsnyckel för {DOMAIN}: en DNS-post ska bytas"]


def test_until_it_has_replaced_the_record_nothing_changes_for_mail(domain):
    start(domain)
    claim = domain.check()
    row = next(v for v in claim.verdicts if v["key"] == "dkim-k2")
    assert (row["code"], row["required"]) == ("old_value", False)
    assert claim.state == State.ACTIVE
    assert claim.bad_since is None
    assert signs_with(domain) == "k1"
    with translation.override("en"), scope.organization(domain.town.organization):
        assert presenting.records_page(domain.claim).rotation.startswith("Replace the value of k2")


def test_a_new_key_that_is_published_rests_for_two_days(domain):
    start(domain)
    publish_awaited(domain)
    claim = domain.check()
    assert claim.rotation_seen_at is not None
    claim = later(domain, rotation_seen_at=timedelta(hours=47))
    assert (claim.active_selector, claim.rotation_selector) == ("k1", "k2")
    assert signs_with(domain) == "k1"


def test_after_two_days_on_all_nameservers_mail_is_signed_with_it(domain):
    claim = switched(domain)
    assert (claim.active_selector, claim.rotation_selector, claim.previous_selector) == ("k2", "", "k1")
    assert signs_with(domain) == "k2"
    assert key_of(domain, "k1") is not None


def test_a_nameserver_that_still_has_the_old_value_starts_the_two_days_again(domain):
    start(domain)
    publish_awaited(domain)
    domain.check()
    old = domain.servers[1].zones[DOMAIN]
    domain.publish()
    lagging = domain.servers[1].zones[DOMAIN]
    publish_awaited(domain)
    domain.servers[1].load(lagging)
    assert old is not lagging
    claim = later(domain, rotation_seen_at=timedelta(hours=49))
    assert (claim.active_selector, claim.rotation_seen_at) == ("k1", None)


def test_a_silent_nameserver_delays_the_change(domain):
    start(domain)
    publish_awaited(domain)
    domain.check()
    domain.servers[1].fault = lambda exchange: None
    assert later(domain, rotation_seen_at=timedelta(hours=49)).active_selector == "k1"


def test_the_old_key_stays_a_week_and_is_then_destroyed(domain):
    switched(domain)
    old = key_of(domain, "k1")
    assert later(domain, rotation_switched_at=timedelta(days=6)).previous_selector == "k1"
    version = domain.claim.record_version
    claim = later(domain, rotation_switched_at=timedelta(days=2))
    assert (claim.previous_selector, claim.record_version) == ("", version + 1)
    with scope.organization(domain.town.organization):
        gone = DkimKey.objects.get(pk=old.pk)
        assert (gone.private_key, gone.retired_at is not None) == ("", True)
    assert domain.check().state == State.ACTIVE
    assert signs_with(domain) == "k2"


def test_the_next_replacement_uses_the_first_selector_again(domain):
    switched(domain)
    later(domain, rotation_switched_at=timedelta(days=8))
    assert start(domain).rotation_selector == "k1"
    publish_awaited(domain)
    domain.check()
    assert later(domain, rotation_seen_at=timedelta(hours=48)).active_selector == "k1"
    assert signs_with(domain) == "k1"


def test_with_keys_under_the_domain_itself_both_names_of_the_new_key_are_waited_for(domain):
    strict = "v=DMARC1; p=reject; adkim=s; aspf=s"
    domain.publish(dmarc=strict)
    domain.check()
    domain.publish(dmarc=strict)
    domain.check()
    domain.minutes_pass(30)
    domain.check()
    token = domain.claim.token[:6]
    assert signs_with(domain) == f"{token}a"
    start(domain)
    with scope.organization(domain.town.organization):
        from whitelabel import claims

        awaited = {row.key for row in claims.records_of(domain.claim) if row.kind == "dkim" and not row.required}
    assert awaited == {"dkim-k2", "exact-k2"}


# --- when ------------------------------------------------------------------------------------------------------------


def test_a_replacement_begins_by_itself_after_half_a_year(domain):
    assert domain.claim.rotation_selector == ""
    claim = later(domain, rotation_due_at=timedelta(days=179))
    assert claim.rotation_selector == ""
    assert later(domain, rotation_due_at=timedelta(days=1, hours=1)).rotation_selector == "k2"


def test_it_is_refused_while_another_runs_or_the_old_key_is_still_needed(domain):
    start(domain)
    with pytest.raises(rotation.RotationRefused):
        start(domain)
    publish_awaited(domain)
    domain.check()
    later(domain, rotation_seen_at=timedelta(hours=48))
    with pytest.raises(rotation.RotationRefused):
        start(domain)


def test_a_cancelled_replacement_leaves_the_key_in_use_alone(domain):
    start(domain)
    client = Client()
    client.force_login(domain.town.admin)
    place = (domain.town.organization.slug, domain.town.inbox.pk)
    client.post(reverse("inboxes:sender_rotate", args=place), {"cancel": "1"})
    claim = domain.check()
    assert claim.rotation_selector == ""
    assert key_of(domain, "k2") is None
    assert (claim.state, signs_with(domain)) == (State.ACTIVE, "k1")


def test_an_agent_may_not_replace_keys(domain):
    client = Client()
    client.force_login(domain.town.agent)
    place = (domain.town.organization.slug, domain.town.inbox.pk)
    assert client.post(reverse("inboxes:sender_rotate", args=place)).status_code == 403


# --- together with Activate ------------------------------------------------------------------------------------------


def test_activate_is_refused_while_a_key_is_being_replaced(domain):
    start(domain)
    domain.check()
    with translation.override("en"), pytest.raises(activation.ActivationRefused, match="signing key is being replaced"):
        ask(domain, f"info@{DOMAIN}")


def test_a_replacement_is_refused_while_an_address_is_being_activated(domain):
    ask(domain, f"info@{DOMAIN}")
    with pytest.raises(rotation.RotationRefused):
        start(domain)


def test_a_replacement_that_is_due_waits_for_a_running_activation(domain):
    ask(domain, f"info@{DOMAIN}")
    claim = later(domain, rotation_due_at=timedelta(days=200))
    assert claim.rotation_selector == ""
    assert domain.sender(f"info@{DOMAIN}").activated_at is not None


def test_of_activate_and_a_replacement_at_once_exactly_one_happens(domain):
    for round_number in range(5):
        address = f"inkorg{round_number}@{DOMAIN}"
        refused = at_once(lambda address=address: ask(domain, address), lambda: start(domain))
        assert len(refused) == 1
        assert isinstance(refused[0], activation.ActivationRefused | rotation.RotationRefused)
        claim, sender = domain.claim, domain.sender(address)
        assert bool(claim.rotation_selector) != bool(sender and sender.requested_at)
        with scope.organization(domain.town.organization):
            rotation.cancel(claim, actor=domain.town.admin)
            SenderAddress.objects.filter(address=address).delete()
