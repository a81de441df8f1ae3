"""The relay of local mode and its page."""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from django.test import Client
from django.urls import reverse

from organizations import scope
from tests.support import builders
from tests.support.outgoing import activated, publishing, queued, verdict
from whitelabel import demo_sink, keys
from whitelabel.delivery import Courier
from whitelabel.demo_sink import Sink
from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

PUBLISHED = "k1._domainkey.mgeu.lillestad.se"


@pytest.fixture
def sink(tmp_path: Path, settings) -> Iterator[int]:
    """A running sink that knows the DNS of lillestad.se; gives its port."""
    settings.DEMO_SINK_DIRECTORY = str(tmp_path / "sent")
    settings.SERVICE_DKIM_KEY_FILE = str(tmp_path / "service.pem")
    handler = Sink(tmp_path / "sent", publishing(PUBLISHED), keep=3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def carry(port: int) -> None:
    courier = Courier(Relay(RelayAddress("smtp", "127.0.0.1", port)))
    assert courier.step()
    courier.close()


def test_mail_is_kept_with_its_envelope_and_octets(sink: int) -> None:
    content = "From: a@b.se\r\nSubject: x\r\n\r\n.Hej å\r\n".encode()
    with smtplib.SMTP("127.0.0.1", sink) as client:
        client.sendmail("b.x@mail.kundo.se", ["barry@example.org", "cecilia@example.org"], content)
    kept = list(demo_sink.sent_mails(10))
    assert {mail.recipient for mail in kept} == {"barry@example.org", "cecilia@example.org"}
    assert {(mail.envelope_sender, mail.content, mail.signatures) for mail in kept} == {
        ("b.x@mail.kundo.se", content, ())
    }


def test_only_the_newest_mails_are_kept(sink: int) -> None:
    with smtplib.SMTP("127.0.0.1", sink) as client:
        for number in range(5):
            client.sendmail("b.x@mail.kundo.se", [f"r{number}@example.org"], b"From: a@b.se\r\n\r\nHej\r\n")
    assert [mail.recipient for mail in demo_sink.sent_mails(10)] == [f"r{n}@example.org" for n in (4, 3, 2)]


def test_the_sink_can_be_asked_what_it_took(sink: int) -> None:
    with smtplib.SMTP("127.0.0.1", sink) as client:
        client.sendmail("b.x@mail.kundo.se", ["barry@example.org"], b"From: a@b.se\r\n\r\nHej\r\n")
    assert demo_sink.accepted("b.x@mail.kundo.se", "barry@example.org", "") is True
    assert demo_sink.accepted("b.y@mail.kundo.se", "barry@example.org", "") is False


@pytest.mark.django_db
def test_the_page_shows_the_sender_change(sink: int, client: Client) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        queued(town.inbox)
    carry(sink)
    with scope.organization(town.organization):
        activated(town.inbox, [verdict("dkim-k1")])
        queued(town.inbox)
    carry(sink)
    client.force_login(town.agent)
    page = client.get(reverse("demo_sent")).content.decode()
    new, old = page.split("<article")[1:]
    assert "Jobb &lt;jobb.lillestad.se@mail.kundo.se&gt;" in old
    assert "Jobb &lt;jobb@lillestad.se&gt;" in new
    assert "Signaturen stämmer" in new
    assert "d=mgeu.lillestad.se s=k1" in new
    assert "Signaturen stämmer inte" in old  # this DNS does not publish the service's key
    assert re.search(r"b\.[a-z2-7]{26}\.[a-z2-7]{16}@mgeu\.lillestad\.se", new)


@pytest.mark.django_db
def test_the_page_shows_nothing_of_other_organizations(sink: int, client: Client) -> None:
    town, other = builders.town(), builders.town("Grannby", "jobb@grannby.se")
    with scope.organization(town.organization):
        queued(town.inbox)
    carry(sink)
    client.force_login(other.agent)
    page = client.get(reverse("demo_sent")).content.decode()
    assert "lillestad" not in page
    assert "Inget skickat ännu" in page


@pytest.mark.django_db
def test_the_page_is_for_people_logged_in_and_for_local_mode(client: Client, settings) -> None:
    assert client.get(reverse("demo_sent")).status_code == 302
    client.force_login(builders.town().agent)
    assert client.get(reverse("demo_sent")).status_code == 200
    settings.LOCAL = False
    assert client.get(reverse("demo_sent")).status_code == 404


@pytest.mark.django_db
def test_mail_of_the_service_address_verifies_with_the_services_published_key(sink: int) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        queued(town.inbox)
    carry(sink)
    [mail] = demo_sink.sent_mails(1)
    pair = keys.service_key()
    assert pair is not None
    record = b"v=DKIM1; k=rsa; p=" + pair.public_key.encode()
    names = {b"service._domainkey.mail.kundo.se.": record}
    [signature] = demo_sink.judge(mail.content, lambda name, timeout=5: names.get(name))
    assert (signature.domain, signature.selector, signature.holds) == ("mail.kundo.se", "service", True)


def test_a_dns_that_does_not_answer_is_a_reason_and_no_crash(sink: int, settings) -> None:
    settings.DNS_RESOLVERS = ["127.0.0.1:9"]
    content = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.se; s=k; c=relaxed/relaxed; h=from; bh=eA==; b=eA==\r\nFrom: a@x.se\r\n\r\nx\r\n"
    [signature] = demo_sink.judge(content, demo_sink.resolve_txt)
    assert not signature.holds
    assert signature.reason
