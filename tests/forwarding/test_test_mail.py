"""A test mail that goes out, through the customer's own mail server, and back: its Authentication-Results are shown."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import Conversation
from forwarding.models import Delivery
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.forwarders import FORWARDERS, Forwarder
from tests.support.mails import Pipeline, address_of, mail
from tests.support.outgoing import activated
from whitelabel.models import OutboundMail

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State
SAID = b"Authentication-Results: mx.lillestad.se; spf=pass; dkim=pass header.d=mgeu.lillestad.se;\r\n dmarc=fail\r\n"


@pytest.fixture
def place(lillestad: Town) -> Town:
    """A town whose mail server forwards already, and whose own address is in use."""
    with scope.organization(lillestad.organization):
        activated(lillestad.inbox)
        Inbox.objects.update(last_received_at=timezone.now())
    return lillestad


def page(place: Town) -> str:
    client = Client()
    client.force_login(place.admin)
    address = reverse("inboxes:sender", args=[place.organization.slug, place.inbox.pk])
    return client.get(address).content.decode()


def pressed(place: Town) -> OutboundMail:
    """The mail that the button sends."""
    client = Client()
    client.force_login(place.admin)
    client.post(reverse("inboxes:sender_test_mail", args=[place.organization.slug, place.inbox.pk]))
    with scope.organization(place.organization):
        return OutboundMail.objects.prefetch_related("recipients").get()


def conversations(place: Town) -> int:
    with scope.organization(place.organization):
        return Conversation.objects.count()


def test_what_the_customers_server_says_is_shown_and_no_conversation_is_made(post: Pipeline, place: Town) -> None:
    sent = pressed(place)
    waiting = page(place)
    delivery = post.receive(SAID + bytes(sent.content), place.inbox, mail_from="srs@lillestad.se")
    shown = page(place)

    assert [recipient.address for recipient in sent.recipients.all()] == [place.admin.email, place.inbox.address]
    assert 'id="sample"' in waiting
    assert "SPF:" not in waiting
    assert (delivery.state, conversations(place)) == (State.OWN_COPY, 0)
    assert ["mx.lillestad.se" in shown, "SPF: pass" in shown, "DKIM: pass" in shown, "DMARC: fail" in shown] == [
        True
    ] * 4


@pytest.mark.parametrize("forwarder", FORWARDERS, ids=lambda forwarder: forwarder.name)
def test_it_is_recognised_behind_every_forwarder(post: Pipeline, place: Town, forwarder: Forwarder) -> None:
    forwarded = forwarder.forward(bytes(pressed(place).content), place.inbox.address, address_of(place.inbox), "")
    delivery = post.receive(forwarded.octets, place.inbox, mail_from=forwarded.mail_from)

    assert (delivery.state, conversations(place)) == (State.OWN_COPY, 0)


def test_a_server_that_says_nothing_is_told_so(post: Pipeline, place: Town) -> None:
    post.receive(bytes(pressed(place).content), place.inbox)

    assert "SPF:" not in page(place)
    assert "säger inte vad den anser" in page(place)


def test_before_anything_is_forwarded_only_the_person_gets_one(lillestad: Town) -> None:
    sent = pressed(lillestad)

    assert [recipient.address for recipient in sent.recipients.all()] == [lillestad.admin.email]
    assert 'id="sample"' not in page(lillestad)


def test_other_mail_with_the_loop_header_of_a_test_mail_is_filed(post: Pipeline, place: Town) -> None:
    content = bytes(pressed(place).content).decode()
    loop = next(line for line in content.split("\r\n") if line.startswith("X-Kundo-Loop:")).partition(": ")[2]
    delivery = post.receive(mail("Helt annat", "Något annat.\n", X_Kundo_Loop=loop), place.inbox)

    assert (delivery.state, conversations(place)) == (State.FILED, 1)


def test_a_test_mail_of_another_organization_is_nothing_of_ours(post: Pipeline, place: Town) -> None:
    other = town("Grannby", "jobb@grannby.se")
    delivery = post.receive(bytes(pressed(place).content), other.inbox)

    assert delivery.state == State.FILED
    assert "SPF:" not in page(place)
