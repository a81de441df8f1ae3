"""Logging in in two steps: turned on by the person, asked for at every log-in, and no way around it."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db import connection
from django.test import Client
from django.urls import reverse

from organizations.models import User
from tests.support.builders import PASSWORD, Town, town

pytestmark = pytest.mark.django_db
WRONG = "000000"


@pytest.fixture
def place() -> Town:
    return town()


def code_of(secret: str, step: int = 0) -> str:
    """What the app on the phone shows, so many half minutes from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def log_in(user: User, client: Client | None = None) -> Client:
    client = client or Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def confirmed(client: Client) -> Client:
    """The same, after the password was asked for once more."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def turn_on(user: User) -> tuple[str, list[str]]:
    """The person's key and recovery codes."""
    client = confirmed(log_in(user))
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    (secret,) = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    assert "data:image/svg+xml" in page
    response = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)
    codes = re.findall(r"<li><code>(\d{8})</code></li>", response.content.decode())
    assert len(codes) == 10
    return secret, codes


def second_step(client: Client, code: str) -> str:
    return client.post(reverse("mfa_authenticate"), {"code": code}, follow=True).content.decode()


def test_without_it_the_password_is_enough(place: Town) -> None:
    assert is_in(log_in(place.agent))


def test_a_log_in_takes_the_code_too_once_it_is_on(place: Town) -> None:
    secret, _codes = turn_on(place.agent)
    client = log_in(place.agent)
    assert not is_in(client)
    assert client.get(reverse("conversations:dashboard", args=[place.organization.slug])).status_code == 302
    assert "Tvåstegsinloggning" in client.get(reverse("mfa_authenticate")).content.decode()
    assert "Koden stämmer inte" in second_step(client, WRONG)
    assert not is_in(client)
    second_step(client, code_of(secret, 1))
    assert is_in(client)
    assert is_in(log_in(place.admin))  # others as before


def test_a_code_works_once(place: Town) -> None:
    secret, _codes = turn_on(place.agent)
    code = code_of(secret, 1)
    first, second = log_in(place.agent), log_in(place.agent)
    second_step(first, code)
    second_step(second, code)
    assert (is_in(first), is_in(second)) == (True, False)


def test_a_recovery_code_works_once(place: Town) -> None:
    _secret, codes = turn_on(place.agent)
    for expected in (True, False):
        client = log_in(place.agent)
        second_step(client, codes[0])
        assert is_in(client) is expected


def test_codes_cannot_be_guessed_on_and_on(place: Town) -> None:
    secret, _codes = turn_on(place.agent)
    client = log_in(place.agent)
    for _ in range(5):
        second_step(client, WRONG)
    second_step(client, code_of(secret, 1))
    assert not is_in(client)


def test_the_second_step_alone_leads_nowhere(place: Town) -> None:
    secret, _codes = turn_on(place.agent)
    client = Client()
    second_step(client, code_of(secret, 1))
    assert not is_in(client)


def test_a_new_password_does_not_turn_it_off_nor_log_in(place: Town, mailoutbox: list) -> None:
    turn_on(place.agent)
    client = Client()
    client.post(reverse("account_reset_password"), {"email": place.agent.email})
    (link,) = re.findall(r"http://\S+(/accounts/password/reset/key/\S+)", mailoutbox[-1].body)
    client.post(
        client.get(link)["Location"], {"password1": "en annan lång mening", "password2": "en annan lång mening"}
    )
    assert not is_in(client)
    client.post(reverse("account_login"), {"login": place.agent.email, "password": "en annan lång mening"})
    assert not is_in(client)


def test_the_key_is_not_readable_in_the_database(place: Town) -> None:
    secret, codes = turn_on(place.agent)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = str(cursor.fetchall())
    assert secret not in stored
    assert not any(code in stored for code in codes)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("get", "mfa_activate_totp"),
        ("post", "mfa_activate_totp"),
        ("post", "mfa_deactivate_totp"),
        ("get", "mfa_view_recovery_codes"),
        ("get", "mfa_download_recovery_codes"),
        ("post", "mfa_generate_recovery_codes"),
        ("post", "account_email"),
    ],
)
def test_a_stolen_session_changes_nothing_without_the_password(place: Town, method: str, name: str) -> None:
    if name != "mfa_activate_totp":
        turn_on(place.agent)
    thief = Client()
    thief.force_login(place.agent)
    before = list(Authenticator.objects.values_list("type", "data"))
    response = getattr(thief, method)(reverse(name), {"email": "tjuv@example.org", "action_add": ""})
    assert "/reauthenticate/" in response["Location"]
    assert list(Authenticator.objects.values_list("type", "data")) == before
    assert "Bekräfta att det är du" in thief.get(reverse("account_reauthenticate")).content.decode()


def test_it_is_turned_off_by_its_person(place: Town) -> None:
    secret, _codes = turn_on(place.agent)
    client = log_in(place.agent)
    second_step(client, code_of(secret, 1))
    assert "Stäng av" in client.get(reverse("mfa_index")).content.decode()
    confirmed(client).post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    assert is_in(log_in(place.agent))
