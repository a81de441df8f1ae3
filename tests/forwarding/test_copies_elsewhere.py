"""One mail to several inboxes is a message in each, and each tells of the others (incoming-mail 3.3, case b)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conversations.copies import copies_elsewhere
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, address_of, mail, messages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def info(lillestad: Town) -> Inbox:
    with scope.organization(lillestad.organization):
        return create_inbox("info@lillestad.se", "Info", actor=lillestad.admin)


def page(of: Town, number: int) -> str:
    client = Client()
    client.force_login(of.agent)
    kwargs = {"organization_slug": of.organization.slug, "number": number}
    return client.get(reverse("conversations:conversation", kwargs=kwargs)).content.decode()


def test_each_of_two_inboxes_names_the_other(post: Pipeline, lillestad: Town, info: Inbox) -> None:
    raw = mail(message_id="both@example.org")
    post.receive(raw, lillestad.inbox)
    post.receive(raw, info)
    [here], [there] = messages(lillestad.inbox), messages(info)
    for one, other, name in ((here, there, "Info"), (there, here, "Jobb")):
        body = page(lillestad, one.conversation.number)
        link = f'href="/{lillestad.organization.slug}/conversations/{other.conversation.number}/">{name}</a>'
        assert "Finns även i" in body
        assert link in body


def test_a_mail_that_only_bears_the_same_id_is_no_copy(post: Pipeline, lillestad: Town, info: Inbox) -> None:
    post.receive(mail("Ett", message_id="used.twice@example.org"), lillestad.inbox)
    post.receive(mail("Ett annat", "Något helt annat.\n", message_id="used.twice@example.org"), info)
    [here] = messages(lillestad.inbox)
    assert "Finns även i" not in page(lillestad, here.conversation.number)


def test_another_organization_is_not_named(post: Pipeline, lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    raw = mail(message_id="both@example.org")
    post.send(raw, address_of(lillestad.inbox), address_of(storstad.inbox))
    post.file()
    [here] = messages(lillestad.inbox)
    assert len(messages(storstad.inbox)) == 1
    with scope.organization(lillestad.organization):
        assert copies_elsewhere([here], lillestad.inbox) == {}
    assert "Finns även i" not in page(lillestad, here.conversation.number)
