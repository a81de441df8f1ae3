"""Signing up, founding, members, invitations and language."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.urls import reverse

from organizations import founding, scope
from organizations.models import Invitation, Membership, User
from tests.support.builders import PASSWORD, Town, person, town

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Town:
    return town()


def page(place: Town, name: str, **kwargs: object) -> str:
    return reverse(f"organizations:{name}", kwargs={"organization_slug": place.organization.slug, **kwargs})


def sign_up(client, email="ny@example.se", password="en riktigt lång mening"):
    return client.post(reverse("account_signup"), {"name": "Ny Person", "email": email, "password1": password})


def test_signing_up_leads_to_founding_an_organization_and_its_first_inbox(client):
    assert sign_up(client).status_code == 302
    assert client.get("/", follow=True).redirect_chain[-1][0] == reverse("new_organization")
    response = client.post(reverse("new_organization"), {"name": "Lillestads kommun"})
    assert response["Location"] == reverse("inboxes:new", args=["lillestads-kommun"])
    assert User.objects.get(email="ny@example.se").name == "Ny Person"


@pytest.mark.parametrize("email", ["jobb.lillestad.se@mail.kundo.se", "x@a.mail.kundo.se"])
def test_an_address_of_the_service_cannot_be_an_account(client, email):
    assert "kan inte vara ett konto" in sign_up(client, email).content.decode()
    assert not User.objects.filter(email=email).exists()


def test_a_short_password_is_refused(client):
    assert sign_up(client, password="kort1234").status_code == 200
    assert not User.objects.exists()


def test_logging_in_by_address_and_password(client, place):
    client.post(reverse("account_login"), {"login": place.agent.email, "password": PASSWORD})
    assert client.get("/")["Location"] == reverse("conversations:dashboard", args=[place.organization.slug])


def test_who_has_an_account_already_is_led_to_it(client, place):
    page = sign_up(client, place.agent.email).content.decode()
    after = page.partition("Det finns redan ett konto")[2]
    assert reverse("account_login") in after
    assert reverse("account_reset_password") in after


def test_what_is_said_on_logging_in_is_said_in_the_persons_own_language(client, place):
    User.objects.filter(pk=place.agent.pk).update(language="en")
    credentials = {"login": place.agent.email, "password": PASSWORD}
    response = client.post(reverse("account_login"), credentials)
    assert response["Content-Language"] == "en"
    page = client.get("/", follow=True).content.decode()
    assert '<html lang="en"' in page
    assert "Successfully signed in" in page


def test_somebody_with_two_organizations_chooses(client, place):
    founding.found_organization("Storstad", place.admin)
    client.force_login(place.admin)
    body = client.get("/").content.decode()
    assert "Lillestad" in body
    assert "Storstad" in body


def test_two_organizations_of_one_name_have_different_addresses():
    first, second = (founding.found_organization("Lillestads kommun", person()) for _ in range(2))
    assert (first.slug, second.slug) == ("lillestads-kommun", "lillestads-kommun-2")


@pytest.mark.parametrize("name", ["Accounts", "static", "Health", "New"])
def test_an_organization_cannot_take_a_path_of_the_site(name):
    assert founding.slug_for(name).endswith("-org")


def test_an_invited_colleague_joins_with_the_role_given(client, place):
    client.force_login(place.admin)
    client.post(page(place, "members"), {"email": "kollega@example.se", "role": "agent"})
    link = re.search(r"http://localhost:8000(/invite/\S+)", mail.outbox[0].body)
    assert link
    colleague = person("kollega@example.se")
    client.force_login(colleague)
    assert client.get(link[1]).status_code == 200
    with scope.organization(place.organization):
        assert not Membership.objects.filter(user=colleague).exists()  # looking is not joining
    client.post(link[1])
    with scope.organization(place.organization):
        assert Membership.objects.get(user=colleague).role == "agent"
    assert client.post(link[1]).status_code == 410  # once only


def test_an_invitation_is_for_one_address_only(client, place):
    with scope.organization(place.organization):
        _invitation, token = founding.invite("kollega@example.se", "admin", invited_by=place.admin)
    stranger = person("annan@example.se")
    client.force_login(stranger)
    client.post(reverse("invitation", args=[token]))
    with scope.organization(place.organization):
        assert not Membership.objects.filter(user=stranger).exists()


def test_an_invitation_says_to_whom_before_one_logs_in(client, place):
    with scope.organization(place.organization):
        _invitation, token = founding.invite("kollega@example.se", "agent", invited_by=place.admin)
    page_of_link = client.get(reverse("invitation", args=[token])).content.decode()
    assert f"Du är inbjuden till {place.organization.name}" in page_of_link
    assert "kollega@example.se" in page_of_link


def test_a_withdrawn_invitation_is_closed(client, place):
    with scope.organization(place.organization):
        invitation, token = founding.invite("kollega@example.se", "agent", invited_by=place.admin)
    client.force_login(place.admin)
    client.post(page(place, "withdraw_invitation", pk=invitation.pk))
    assert client.get(reverse("invitation", args=[token])).status_code == 410


def test_the_token_of_an_invitation_is_not_stored(place):
    with scope.organization(place.organization):
        _invitation, token = founding.invite("kollega@example.se", "agent", invited_by=place.admin)
        assert token not in str(list(Invitation.objects.values()))


def test_the_last_admin_stays_admin(client, place):
    client.force_login(place.admin)
    with scope.organization(place.organization):
        membership = Membership.objects.get(user=place.admin)
    for role in ("agent", "remove"):
        client.post(page(place, "change_member", pk=membership.pk), {"role": role})
    with scope.organization(place.organization):
        assert Membership.objects.get(user=place.admin).is_admin


def test_a_removed_member_sees_nothing_from_the_next_request(client, place):
    with scope.organization(place.organization):
        membership = Membership.objects.get(user=place.agent)
    client.force_login(place.admin)
    client.post(page(place, "change_member", pk=membership.pk), {"role": "remove"})
    client.force_login(place.agent)
    assert client.get(page(place, "profile")).status_code == 404


def test_the_language_follows_the_person(client, place):
    client.force_login(place.agent)
    assert "Profil" in client.get(page(place, "profile")).content.decode()
    client.post(reverse("set_language_preference"), {"language": "en", "next": "/"})
    response = client.get(page(place, "profile"))
    assert response["Content-Language"] == "en"
    assert "Keyboard shortcuts" in response.content.decode() or "keyboard shortcuts" in response.content.decode()


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https:evil.example", "http://evil.example/", "\x00//evil"]
)
def test_the_language_switch_is_no_open_redirect(client, target):
    response = client.post(reverse("set_language_preference"), {"language": "en", "next": target})
    assert response["Location"] == "/"


def test_every_page_may_be_kept_by_no_shared_cache(client, place):
    client.force_login(place.agent)
    for path in ("/", page(place, "profile"), "/accounts/login/"):
        assert "private" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\u2028", "\x85"])
def test_a_name_with_line_breaks_makes_no_header_and_no_paragraph(client, break_):
    founder = person(name="Anna")
    client.force_login(founder)
    client.post(reverse("new_organization"), {"name": f"Lillestad{break_}Bcc: x@example.org"})
    (membership,) = founding.memberships_of(founder)
    url = reverse("organizations:members", args=[membership.organization.slug])
    client.post(reverse("organizations:profile", args=[membership.organization.slug]),
                {"name": f"Anna{break_}{break_}http://evil.example", "language": "sv"})  # fmt: skip
    client.post(url, {"email": "ny@example.com", "role": "agent"})
    (message,) = mail.outbox
    assert message.recipients() == ["ny@example.com"]
    assert b"\nBcc:" not in message.message().as_bytes()
    assert "\nhttp://evil.example" not in message.body


@pytest.mark.parametrize("name", ["Lille\u202etad", "Lille\u200bstad", "\x00Lillestad"])
def test_a_name_has_no_invisible_characters(client, name):
    founder = person()
    client.force_login(founder)
    client.post(reverse("new_organization"), {"name": name})
    assert founding.memberships_of(founder)[0].organization.name.isprintable()
