"""Who a mail leaves as, at the moment it is sent."""

from __future__ import annotations

import dkim
import pytest

from organizations import scope
from tests.support import builders
from tests.support.outgoing import activated, publishing, queued, verdict
from whitelabel import claims, identity
from whitelabel.identity import Identity
from whitelabel.models import OutboundMail, SenderAddress, SenderDomain

pytestmark = pytest.mark.django_db

ALL_GREEN = [verdict(key) for key in ("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner")]


def chosen(town: builders.Town) -> Identity:
    inbox = town.inbox
    return identity.choose(inbox.address, inbox.service_address, inbox.name)


def with_verdict(*wrong: dict) -> list[dict]:
    keys = {each["key"] for each in wrong}
    return [each for each in ALL_GREEN if each["key"] not in keys] + list(wrong)


def test_at_first_mail_leaves_from_the_service_address_and_answers_go_to_the_customer(town) -> None:
    with scope.organization(town.organization):
        who = chosen(town)
    assert who.kind == OutboundMail.Identity.SERVICE
    assert who.from_address == "jobb.lillestad.se@mail.kundo.se"
    assert who.from_name == "Jobb"
    assert who.reply_to == "jobb@lillestad.se"
    assert who.return_path_domain == "mail.kundo.se"
    assert who.signing is not None
    assert who.signing.domain == "mail.kundo.se"


def test_answers_come_to_the_service_address_where_the_own_one_cannot_stand_in_a_header() -> None:
    town = builders.town("Hålla", "räksmörgås@hålla.se")
    with scope.organization(town.organization):
        content = bytes(queued(town.inbox).content)
    assert b"\r\nReply-To: raksmorgas.xn--hlla-qoa.se@mail.kundo.se\r\n" in content


def test_an_activated_address_is_used_with_its_own_return_path_and_key(town) -> None:
    with scope.organization(town.organization):
        row = activated(town.inbox, ALL_GREEN)
        who = chosen(town)
    assert (who.kind, who.from_address, who.reply_to) == ("own", "jobb@lillestad.se", "")
    assert who.sender_address_id == row.pk
    assert who.return_path_domain == "mgeu.lillestad.se"
    assert who.signing is not None
    assert (who.signing.domain, who.signing.selector) == ("mgeu.lillestad.se", "k1")


def test_mail_of_an_activated_address_verifies_with_the_published_key(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, ALL_GREEN)
        mail = queued(town.inbox)
        content = bytes(OutboundMail.objects.get(pk=mail.pk).content)
    assert b"\r\nFrom: Jobb <jobb@lillestad.se>\r\n" in content
    assert dkim.verify(content, dnsfunc=publishing("k1._domainkey.mgeu.lillestad.se"))


def test_the_selector_in_use_is_the_claims_active_one(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, ALL_GREEN, active_selector="k2")
        who = chosen(town)
    assert who.signing is not None
    assert who.signing.selector == "k2"


@pytest.mark.parametrize("state", ["pending", "ready", "suspended", "stopped", "lapsed"])
def test_a_claim_that_is_not_in_use_falls_back_to_the_service_address(town, state: str) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, ALL_GREEN, state=state)
        assert chosen(town).kind == "service"


def test_a_key_that_is_definitely_wrong_is_not_signed_with_even_within_the_grace_time(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, with_verdict(verdict("dkim-k1", "red", definite_bad=True)), state="degraded")
        assert chosen(town).kind == "service"


@pytest.mark.parametrize("state", ["grey", "amber", "red"])
def test_a_key_that_nobody_could_ask_for_is_still_signed_with(town, state: str) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, with_verdict(verdict("dkim-k1", state)))
        assert chosen(town).kind == "own"


@pytest.mark.parametrize("key", ["spf", "mx1", "mx2"])
def test_with_a_wrong_return_path_record_the_service_takes_the_bounces(town, key: str) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, with_verdict(verdict(key, "red", definite_bad=True)), state="degraded")
        who = chosen(town)
    assert (who.kind, who.return_path_domain) == ("own", "mail.kundo.se")


def test_the_exact_domain_signs_once_its_record_is_right(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, [*ALL_GREEN, verdict("exact-k1", "amber")])
        assert chosen(town).signing.domain == "mgeu.lillestad.se"
        SenderDomain.objects.update(verdicts=[*ALL_GREEN, verdict("exact-k1")])
        signing = chosen(town).signing
    assert (signing.domain, signing.selector) == ("lillestad.se", "abcdefa")


def test_an_address_taken_out_of_use_is_not_sent_from(town) -> None:
    with scope.organization(town.organization):
        row = activated(town.inbox, ALL_GREEN)
        SenderAddress.objects.filter(pk=row.pk).update(activated_at=None)
        assert chosen(town).kind == "service"


def test_another_inbox_of_the_domain_waits_for_its_own_activation(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, ALL_GREEN)
        assert identity.choose("info@lillestad.se", "info.lillestad.se@mail.kundo.se", "Info").kind == "service"


def test_another_organization_has_nothing_of_an_activated_address(town) -> None:
    with scope.organization(town.organization):
        activated(town.inbox, ALL_GREEN)
    other = builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(other.organization):
        assert identity.choose("jobb@lillestad.se", other.inbox.service_address, "Jobb").kind == "service"


def test_the_claims_module_makes_keys_the_identity_can_sign_with(town) -> None:
    with scope.organization(town.organization):
        claim = claims.start("lillestad.se", actor=town.admin)
        SenderDomain.objects.filter(pk=claim.pk).update(state="active", verdicts=ALL_GREEN)
        SenderAddress.objects.create(sender_domain=claim, address="jobb@lillestad.se", activated_at="2026-03-12T10:00Z")
        queued(town.inbox)
        assert chosen(town).signing.domain == f"{claim.label}.lillestad.se"
