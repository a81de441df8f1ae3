"""Nobody learns from the service whether an address has an account, and nobody makes it write to strangers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import hashers
from django.core import mail
from django.test import Client
from django.urls import reverse

from organizations.models import User
from tests.support.builders import person

pytestmark = pytest.mark.django_db

KNOWN, UNKNOWN = "anna@example.se", "ingen@example.se"
PASSWORD = "en riktigt lång mening"
SPAM = "Vinn pengar\r\nBcc: x@example.org\r\n\r\nhttp://evil.example"


@pytest.fixture(autouse=True)
def as_in_production(settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


@pytest.fixture
def anna() -> User:
    user = person(KNOWN)
    EmailAddress.objects.create(user=user, email=KNOWN, primary=True, verified=True)
    return user


def answer(page_name: str, email: str, **data: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page without what differs between any two answers."""
    response = Client().post(reverse(page_name), {"email": email, "login": email, **data})
    page = re.sub(
        r"csrfmiddlewaretoken\" value=\"\w+|X-CSRFToken\": \"\w+|nonce=\"[^\"]+|\w+@example\.se",
        "",
        response.content.decode(),
    )
    return response.status_code, response.get("Location", ""), page


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("account_login", {"password": "fel lösenord idag"}),
        ("account_reset_password", {}),
        ("account_signup", {"name": "Ny", "password1": PASSWORD}),
    ],
)
def test_the_answer_is_the_same_with_and_without_an_account(anna: User, name: str, data: dict[str, str]) -> None:
    assert answer(name, KNOWN, **data) == answer(name, UNKNOWN, **data)


def test_as_many_passwords_are_computed_with_and_without_an_account(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    plain = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher, "encode", lambda hasher, *given: (computed.append(""), plain(hasher, *given))[1]
    )
    numbers = []
    for email in (KNOWN, UNKNOWN):
        computed.clear()
        answer("account_login", email, password="fel lösenord idag")
        numbers.append(len(computed))
    assert numbers[0] == numbers[1] > 0


def test_a_new_password_for_an_address_without_account_is_mailed_to_nobody() -> None:
    answer("account_reset_password", UNKNOWN)
    assert mail.outbox == []


@pytest.mark.parametrize(
    "email", ["anna@example.se,eva@example.org", "anna@example.se\r\nBcc: x@example.org", '["anna@example.se"]']
)
def test_a_new_password_goes_to_one_stored_address_only(anna: User, email: str) -> None:
    answer("account_reset_password", email)
    assert mail.outbox == []
    Client().post(
        reverse("account_reset_password"),
        "email=anna@example.se&email=eva@example.org",
        "application/x-www-form-urlencoded",
    )
    assert all(message.recipients() == [KNOWN] for message in mail.outbox)


def test_the_words_of_whoever_signs_up_are_mailed_to_nobody() -> None:
    answer("account_signup", UNKNOWN, name=SPAM, password1=PASSWORD)
    (message,) = mail.outbox
    assert "Vinn" not in message.body + message.subject
    assert UNKNOWN in message.body


def test_an_address_must_be_proved_before_the_first_log_in() -> None:
    client = Client()
    client.post(reverse("account_signup"), {"name": "Ny", "email": UNKNOWN, "password1": PASSWORD})
    client.post(reverse("account_login"), {"login": UNKNOWN, "password": PASSWORD})
    assert client.get("/")["Location"].startswith(reverse("account_login"))


def test_looking_at_a_link_that_confirms_an_address_does_not_confirm_it() -> None:
    Client().post(reverse("account_signup"), {"name": "Ny", "email": UNKNOWN, "password1": PASSWORD})
    (link,) = re.findall(r"http://\S+(/accounts/confirm-email/\S+)", mail.outbox[0].body)
    Client().get(link)
    assert not EmailAddress.objects.get(email=UNKNOWN).verified
    Client().post(link)
    assert EmailAddress.objects.get(email=UNKNOWN).verified


def test_a_link_for_a_new_password_works_once(anna: User) -> None:
    answer("account_reset_password", KNOWN)
    (link,) = re.findall(r"http://\S+(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    first = Client()
    form = first.get(link)["Location"]
    first.post(form, {"password1": PASSWORD, "password2": PASSWORD})
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
    second = Client()
    assert "password1" not in second.get(link, follow=True).content.decode()
