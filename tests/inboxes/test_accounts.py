"""An agent who reads an inbox cannot have the link for a colleague's new password sent there."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from inboxes.creating import InboxRefused, create_inbox
from organizations import founding, scope
from tests.support.builders import Town, town

pytestmark = pytest.mark.django_db
SHARED = "jobb@lillestad.se"


@pytest.fixture
def place() -> Town:
    return town("Lillestad", SHARED)


@pytest.mark.parametrize("spelling", [SHARED, "Jobb@Lillestad.se"])
def test_nobody_is_invited_at_the_address_of_an_inbox(client: Client, place: Town, spelling: str) -> None:
    client.force_login(place.admin)
    url = reverse("organizations:members", args=[place.organization.slug])
    assert "en inkorg som flera läser" in client.post(url, {"email": spelling, "role": "admin"}).content.decode()
    assert mail.outbox == []


def test_nobody_changes_to_the_address_of_an_inbox_of_theirs(client: Client, place: Town) -> None:
    founding.found_organization("En annan", place.admin)
    client.force_login(place.admin)
    response = client.post(reverse("account_email"), {"email": SHARED, "action_add": ""})
    assert "en inkorg som flera läser" in response.content.decode()
    assert mail.outbox == []


def test_no_inbox_is_made_for_an_address_that_somebody_logs_in_with(place: Town) -> None:
    place.admin.email = "anna@lillestad.se"
    place.admin.save()
    with scope.organization(place.organization):
        with pytest.raises(InboxRefused, match="loggar in"):
            create_inbox("Anna@lillestad.se", "Anna", actor=place.admin)
        founding.invite("ny@lillestad.se", "agent", invited_by=place.admin)
        with pytest.raises(InboxRefused, match="loggar in"):
            create_inbox("ny@lillestad.se", "Ny", actor=place.admin)


def test_the_inboxes_of_another_organization_say_nothing(client: Client, place: Town) -> None:
    other = town("Storstad", "jobb@storstad.se")
    client.force_login(other.admin)
    url = reverse("organizations:members", args=[other.organization.slug])
    client.post(url, {"email": SHARED, "role": "agent"})
    assert mail.outbox[0].recipients() == [SHARED]
