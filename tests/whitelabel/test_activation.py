"""What Activate rests on: DKIM with the published key, SPF for our addresses, DMARC under both rules."""

from __future__ import annotations

from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.test import Client
from django.urls import reverse

from organizations import scope
from organizations.models import Event
from tests.support.claims import ADDRESS, Domain, ask
from tests.support.dns import World, Zone, free_port
from tests.support.outgoing import publishing
from whitelabel import activation, delivery, spf_probe
from whitelabel.demo_sink import Sink
from whitelabel.models import OutboundMail, SenderAddress
from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

pytestmark = pytest.mark.django_db(transaction=True)

EGRESS = "192.0.2.10"
STRICT = "v=DMARC1; p=reject; adkim=s; aspf=s"


@pytest.fixture(autouse=True)
def egress(settings: Any) -> None:
    settings.RELAY_EGRESS_IPS = [EGRESS]


def decided(domain: Domain) -> SenderAddress:
    ask(domain)
    domain.check()
    sender = domain.sender()
    assert sender is not None
    return sender


def ours(world: World, text: str) -> None:
    """Change the service's own zone, as every server of the world knows it."""
    zone = Zone("mail.kundo.se", text)
    for server in world.servers:
        if "mail.kundo.se" in server.zones:
            server.load(zone)


def test_the_evidence_tells_what_was_seen(domain):
    domain.publish()
    domain.agree()
    sender = decided(domain)
    assert sender.activated_at is not None
    evidence = sender.evidence
    assert evidence["dkim"] == "pass"
    assert evidence["spf"] == {EGRESS: "pass"}
    assert evidence["dmarc"] == {
        "rfc7489": {"direct": "pass", "forwarded": "pass"},
        "rfc9989": {"direct": "pass", "forwarded": "pass"},
        "refused": False,
    }
    assert [v["code"] for v in evidence["verdicts"] if v["required"]] == ["ok"] * 6
    assert set(evidence["serials"].values()) == {domain.zone.serial}
    assert evidence["record_version"] == 1


def test_without_egress_addresses_spf_is_not_evaluated_and_the_evidence_says_so(domain, settings):
    settings.RELAY_EGRESS_IPS = []
    domain.publish()
    domain.agree()
    sender = decided(domain)
    assert sender.activated_at is not None
    assert sender.evidence["spf"] == "skipped: RELAY_EGRESS_IPS is empty"


def test_an_include_of_ours_that_leaves_an_address_out_stops_activation(domain, world, settings):
    settings.RELAY_EGRESS_IPS = [EGRESS, "192.0.2.77"]
    domain.publish()
    domain.agree()
    sender = decided(domain)
    assert (sender.activated_at, sender.failure) == (None, "spf")
    assert "SPF" in activation.failure_text(sender)
    with scope.organization(domain.town.organization):
        failed = Event.objects.get(kind="sender_address.activation_failed")
    assert failed.data["spf"] == {EGRESS: "pass", "192.0.2.77": "softfail"}


def test_includes_within_our_include_are_followed(domain, world):
    ours(
        world,
        '_spf TXT "v=spf1 include:_a.mail.kundo.se ~all"\n_a TXT "v=spf1 a:out.mail.kundo.se -all"\n'
        f"out A {EGRESS}\nmx1 A 192.0.2.11\nmx2 A 192.0.2.12",
    )
    domain.publish()
    domain.agree()
    assert decided(domain).evidence["spf"] == {EGRESS: "pass"}


def test_an_include_of_ours_that_cannot_be_asked_stops_activation_and_changes_nothing(domain, world):
    domain.publish()
    domain.agree()
    ask(domain)
    honest = world.resolver.fault
    world.resolver.fault = lambda exchange: None if exchange.name == "_spf.mail.kundo.se" else exchange.normal
    domain.check()
    world.resolver.fault = honest
    assert (domain.sender().activated_at, domain.sender().failure) == (None, "spf")
    assert decided(domain).activated_at is not None


def test_a_policy_that_became_strict_after_the_click_stops_activation(domain):
    domain.publish()
    domain.agree()
    ask(domain)
    domain.publish(dmarc=STRICT)
    domain.check()
    sender = domain.sender()
    assert (sender.activated_at, sender.failure) == (None, "dmarc")


def test_with_keys_under_the_domain_itself_a_strict_policy_is_no_obstacle(domain):
    domain.publish(dmarc=STRICT)
    domain.check()
    domain.publish(dmarc=STRICT)
    domain.agree()
    sender = decided(domain)
    assert sender.activated_at is not None
    assert sender.evidence["dmarc"]["rfc9989"] == {"direct": "pass", "forwarded": "pass"}


def test_a_failure_that_receivers_only_report_does_not_stop_activation(domain):
    domain.publish(dmarc="v=DMARC1; p=none; adkim=s; aspf=s")
    domain.agree()
    sender = decided(domain)
    assert sender.activated_at is not None
    assert sender.evidence["dmarc"]["rfc7489"] == {"direct": "fail", "forwarded": "fail"}
    assert sender.evidence["dmarc"]["refused"] is False


def test_what_nobody_asked_is_named_and_not_guessed():
    result, question = spf_probe.evaluate({}, ip=EGRESS, mail_from="a@mgeu.lillestad.test", helo="mail.kundo.se")
    assert result == ""
    assert (question.name, question.type) == ("mgeu.lillestad.test", "TXT")


# --- a test mail to oneself ------------------------------------------------------------------------------------------


def press(domain: Domain, who: Any) -> Any:
    client = Client()
    client.force_login(who)
    place = (domain.town.organization.slug, domain.town.inbox.pk)
    return client.post(reverse("inboxes:sender_test_mail", args=place))


def sent(domain: Domain) -> list[OutboundMail]:
    with scope.organization(domain.town.organization):
        return list(OutboundMail.objects.prefetch_related("recipients"))


def test_a_test_mail_leaves_from_the_service_address_before_activation(domain):
    assert press(domain, domain.town.admin).status_code == 302
    (mail,) = sent(domain)
    assert mail.from_address == "jobb.lillestad.test@mail.kundo.se"
    assert [recipient.address for recipient in mail.recipients.all()] == [domain.town.admin.email]


def test_a_test_mail_after_activation_is_signed_as_ones_own_and_shown_in_the_demo(domain, tmp_path, settings):
    settings.DEMO_SINK_DIRECTORY = str(tmp_path)
    domain.publish()
    domain.agree()
    decided(domain)
    press(domain, domain.town.admin)
    (mail,) = sent(domain)
    assert mail.from_address == ADDRESS
    assert b"d=mgeu.lillestad.test" in bytes(mail.content)
    sink = Controller(Sink(tmp_path, publishing(), keep=3), hostname="127.0.0.1", port=free_port())
    sink.start()
    courier = delivery.Courier(Relay(RelayAddress("smtp", "127.0.0.1", sink.port)))
    assert courier.step() == 1
    courier.close()
    sink.stop()
    client = Client()
    client.force_login(domain.town.admin)
    shown = client.get(reverse("demo_sent")).content.decode()
    assert domain.town.admin.email in shown
    assert ADDRESS in shown


def test_an_agent_may_not_send_a_test_mail(domain):
    assert press(domain, domain.town.agent).status_code == 403
    assert sent(domain) == []
