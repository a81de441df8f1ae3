"""Characters that turn text around or take no place: a forged name, subject or file is shown as what it is, everywhere."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import Contact, Conversation, Message
from forwarding.models import Delivery, RawMail
from organizations import scope
from tests.support.builders import Town, attached, received

pytestmark = pytest.mark.django_db

TURNED = "\u202e\u2066\u061c\u200b\ufeff\x07"
COMPOSER = re.compile(r'<form[^>]*id="composer-form".*?</form>', re.DOTALL)


def forged(text: str) -> str:
    return f"{text}{TURNED}{text}"


def shown_raw(page: str) -> list[str]:
    """The places of a page with such a character, but for the fields that one writes in."""
    page = COMPOSER.sub("", page)
    return [page[max(0, at.start() - 60) : at.start() + 20] for at in re.finditer(f"[{TURNED}]", page)]


@pytest.fixture
def message(lillestad: Town) -> Message:
    with scope.organization(lillestad.organization):
        sender = (forged("Barry"), f"{forged('barry')}@example.org")
        mail = received(lillestad.inbox, forged("Faktura"), "Hej", sender=sender)
        beside = received(lillestad.inbox, forged("Påminnelse"), "Hej", sender=sender).conversation
        people = [{"name": forged("Eva"), "address": f"{forged('eva')}@example.org"}]
        facts = {"to": people, "cc": people, "reply_to": people, "addressed_to": f"{forged('info')}@example.org"}
        Message.objects.filter(pk=mail.pk).update(**facts)
        Conversation.objects.filter(pk=mail.conversation_id).update(related_to=beside)
        attached(mail, forged("faktura.exe"), b"x")
        times = {"received_at": timezone.now()}
        content = f"Subject: {forged('x')}\r\n\r\nHej".encode()
        raw = RawMail.objects.create(sha256="0" * 64, size=len(content), content=content, **times)
        Delivery.objects.create(
            inbox=lillestad.inbox, raw=raw, message=mail, recipient="x@mail.kundo.se", recipient_argument="", helo=TURNED,
            mail_from=f"{forged('barry')}@example.org", peer_ip="192.0.2.1", state="filed", next_attempt_at=timezone.now(),
            **times,
        )  # fmt: skip
    return mail


@pytest.mark.parametrize("htmx", [{}, {"HX-Request": "true", "HX-Target": "conversation"}], ids=["page", "pane"])
def test_nothing_on_a_conversation_page_is_turned_around(
    agent: Client, lillestad: Town, message: Message, htmx: dict[str, str]
) -> None:
    url = reverse("conversations:conversation", args=[lillestad.organization.slug, message.conversation.number])
    page = agent.get(url, headers=htmx).content.decode()
    assert "Faktura\ufffd\ufffd\ufffd\ufffdFaktura" in page
    assert shown_raw(page) == []


def test_nothing_in_the_headers_of_a_mail_is_turned_around(agent: Client, lillestad: Town, message: Message) -> None:
    page = agent.get(reverse("forwarding:headers", args=[lillestad.organization.slug, message.pk])).content.decode()
    assert shown_raw(page) == []


def test_nothing_in_the_ledger_is_turned_around(client: Client, lillestad: Town, message: Message) -> None:
    client.force_login(lillestad.admin)
    page = client.get(reverse("forwarding:ledger", args=[lillestad.organization.slug])).content.decode()
    assert "Faktura" in page
    assert shown_raw(page) == []


def test_a_contact_without_a_name_is_shown_by_an_address_that_stands_as_it_is(
    agent: Client, lillestad: Town, message: Message
) -> None:
    with scope.organization(lillestad.organization):
        Contact.objects.update(name="")
    url = reverse("conversations:conversation", args=[lillestad.organization.slug, message.conversation.number])
    assert shown_raw(agent.get(url).content.decode()) == []
