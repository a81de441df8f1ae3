"""How often the same may be tried: counted for all web processes together, and never against somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache, caches
from django.core.cache.backends.db import DatabaseCache
from django.test import Client
from django.urls import reverse

from tests.support.builders import PASSWORD, Town, person, town

pytestmark = pytest.mark.django_db

HOME, CAFE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def place() -> Town:
    return town()


def log_in(email: str, password: str, **sent: str) -> bool:
    """Whether a new visitor gets in."""
    client = Client()
    client.post(reverse("account_login"), {"login": email, "password": password}, **sent)  # type: ignore[arg-type]
    return "_auth_user_id" in client.session


def guess(email: str, times: int, **sent: str) -> None:
    for number in range(times):
        assert not log_in(email, f"fel lösenord nummer {number}", **sent)


def test_counts_are_kept_in_the_database_for_all_processes() -> None:
    assert isinstance(caches["default"], DatabaseCache)
    cache.set("räknat", 1)
    assert DatabaseCache("organizations_cache", {}).get("räknat") == 1


def test_after_five_wrong_passwords_the_right_one_has_to_wait(place: Town) -> None:
    guess(place.admin.email, 5, REMOTE_ADDR=CAFE)
    assert not log_in(place.admin.email, PASSWORD, REMOTE_ADDR=CAFE)


def test_a_stranger_who_guesses_does_not_shut_the_owner_out(place: Town) -> None:
    guess(place.admin.email, 8, REMOTE_ADDR=CAFE)
    assert log_in(place.admin.email, PASSWORD, REMOTE_ADDR=HOME)


def test_behind_a_proxy_people_are_counted_by_their_own_addresses(place: Town, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(25):  # more than one address may fail in a minute, over several accounts
        guess(f"person{number}@example.com", 1, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=CAFE)
    assert log_in(place.admin.email, PASSWORD, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=HOME)
    assert not log_in(place.agent.email, PASSWORD, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=CAFE)


def test_an_address_that_the_client_claims_itself_changes_nothing(place: Town, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(5):
        guess(place.admin.email, 1, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, {CAFE}")
    assert not log_in(place.admin.email, PASSWORD, HTTP_X_FORWARDED_FOR=f"192.0.2.99, {CAFE}")


def test_without_a_proxy_the_header_is_not_believed(place: Town) -> None:
    for number in range(5):
        guess(place.admin.email, 1, REMOTE_ADDR=CAFE, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
    assert not log_in(place.admin.email, PASSWORD, REMOTE_ADDR=CAFE, HTTP_X_FORWARDED_FOR=HOME)


def test_too_many_requests_are_answered_in_swedish(client: Client) -> None:
    for _ in range(6):
        response = client.post(reverse("account_reset_password"), {"email": "ingen@example.se"})
    assert response.status_code == 429
    assert "För många försök" in response.content.decode()


def test_invitations_are_limited_for_each_person(client: Client, place: Town, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "invite": "2/d/user"}
    client.force_login(place.admin)
    url = reverse("organizations:members", args=[place.organization.slug])
    bodies = [client.post(url, {"email": f"ny{n}@example.com", "role": "agent"}, follow=True) for n in range(3)]
    assert ["bjudit in" in body.content.decode() for body in bodies] == [False, False, True]
    assert len(mail.outbox) == 2


def test_one_person_cannot_found_organizations_without_end(client: Client, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "found_organization": "2/d/user"}
    client.force_login(person())
    answers = [client.post(reverse("new_organization"), {"name": f"Stad {n}"}).status_code for n in range(3)]
    assert answers == [302, 302, 429]
