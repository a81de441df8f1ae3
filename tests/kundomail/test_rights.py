"""Who may do what: every URL of the project is named here with the least that opens it, and every role is tried on it.

A URL that is missing fails the first test, so that a new page comes with a decision. What another organization's people
see is tested in test_isolation.
"""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from organizations import founding, scope
from organizations.models import Membership, User
from tests.kundomail.test_isolation import ASYNCHRONOUS, everything_of, patterns
from tests.support.builders import Town, attached, received, town
from whitelabel import claims, links

pytestmark = pytest.mark.django_db

ANYBODY = {
    "invitation": "the link's random token opens it; joining needs the account it was sent to",
    "whitelabel:records_link": "the link for IT: its random token opens it",
    "whitelabel:link_records": "as above",
    "whitelabel:link_zone_file": "as above",
    "whitelabel:link_done": "as above",
    "content:message": "signed for one person and minutes, and rights are asked again",
    "content:image": "as above",
    "content:file": "as above",
    "set_language_preference": "a choice kept in the visitor's own session",
    "health_live": "a probe",
    "health_ready": "a probe",
}
LOCAL_MODE_ONLY = {"components", "components_work", "components_undone", "components_error", "demo_sent"}
WHOEVER_IS_LOGGED_IN = {"home", "new_organization"}
ADMINS = {
    "organizations:members",
    "organizations:change_member",
    "organizations:withdraw_invitation",
    "inboxes:new",
    "inboxes:general",
    "inboxes:signature",
    "inboxes:sender_activate",
    "inboxes:sender_deactivate",
    "inboxes:sender_label",
    "inboxes:sender_rotate",
    "inboxes:sender_restart",
    "inboxes:sender_answer",
    "inboxes:sender_test_mail",
    "inboxes:sender_dns_host",
    "inboxes:sender_create_link",
    "inboxes:sender_revoke_link",
    "forwarding:ledger",
    "forwarding:delivered",
    "forwarding:refile",
    "forwarding:reread",
    "forwarding:show_alone",
    "forwarding:undo_show_alone",
}
MEMBERS = {
    "organizations:profile",
    "inboxes:index",
    "inboxes:receive",
    "inboxes:sender",
    "inboxes:sender_records",
    "inboxes:sender_check",
    "inboxes:sender_export",
    "forwarding:original",
    "forwarding:headers",
    "conversations:dashboard",
    "conversations:list",
    "conversations:search",
    "conversations:rail",
    "conversations:live",
    "conversations:bulk",
    "conversations:attachment",
    "conversations:conversation",
    "conversations:messages",
    "conversations:assign",
    "conversations:status",
    "conversations:spam",
    "conversations:not_spam",
    "conversations:address_works",
    "conversations:compose",
    "conversations:draft",
    "conversations:draft_files",
    "conversations:draft_people",
    "conversations:reply",
    "conversations:note",
    "conversations:undo",
    "conversations:detach",
    "conversations:undo_detach",
}
READ_ONLY = {"forwarding:ledger", "forwarding:delivered"}
READ_BY_MEMBERS_CHANGED_BY_ADMINS = {"inboxes:receive"}
PARAMETERS = {name: wanted for name, _route, wanted in patterns()}


@pytest.fixture
def place() -> Town:
    return town()


@pytest.fixture
def keys(place: Town) -> dict[str, object]:
    """What a URL can name, all of it there."""
    with scope.organization(place.organization):
        message = received(place.inbox)
        attached(message, "a.txt", b"x")
        claim = claims.start("lillestad.se", actor=place.admin)
        links.create(claim, actor=place.admin)
        founding.invite("ny@example.com", "agent", invited_by=place.admin)
        admin = Membership.objects.get(user=place.admin)
    return {
        "organization_slug": place.organization.slug, "inbox": place.inbox.pk, "number": message.conversation.number,
        "form": "zone", "name": "unanswered", "pk": admin.pk,
    }  # fmt: skip


def url_of(name: str, keys: dict[str, object]) -> str:
    return reverse(name, kwargs={parameter: keys[parameter] for parameter in PARAMETERS[name]})


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_every_url_is_decided_about_once() -> None:
    decided = [*ANYBODY, *LOCAL_MODE_ONLY, *WHOEVER_IS_LOGGED_IN, *ADMINS, *MEMBERS]
    assert set(PARAMETERS) == set(decided)
    assert len(decided) == len(set(decided))


@pytest.mark.parametrize("name", sorted(ADMINS))
def test_an_agent_is_refused_what_admins_do_and_changes_nothing(
    name: str, place: Town, keys: dict[str, object]
) -> None:
    before = everything_of(place)
    client = logged_in(place.agent)
    for method in (client.get, client.post):
        response = method(
            url_of(name, keys), {"role": "admin", "email": "x@example.com", "label": "post", "name": "Ny"}
        )
        assert response.status_code in (403, 405)
    assert client.post(url_of(name, keys)).status_code == 403 or name in READ_ONLY
    assert everything_of(place) == before


@pytest.mark.parametrize("name", sorted((ADMINS | MEMBERS | WHOEVER_IS_LOGGED_IN) - ASYNCHRONOUS))
def test_nobody_and_whoever_is_shut_out_is_sent_to_log_in(name: str, place: Town, keys: dict[str, object]) -> None:
    shut_out = logged_in(place.agent)
    User.objects.filter(pk=place.agent.pk).update(is_active=False)
    before = everything_of(place)
    for client in (Client(), shut_out):
        for method in (client.get, client.post):
            assert method(url_of(name, keys))["Location"].startswith("/accounts/login/")
    assert everything_of(place) == before


@pytest.mark.parametrize("name", sorted(READ_BY_MEMBERS_CHANGED_BY_ADMINS))
def test_an_agent_reads_what_admins_change(name: str, place: Town, keys: dict[str, object]) -> None:
    before = everything_of(place)
    client = logged_in(place.agent)
    assert client.get(url_of(name, keys)).status_code == 200
    assert client.post(url_of(name, keys), {"name": "Ny"}).status_code == 403
    assert everything_of(place) == before


@pytest.mark.parametrize("name", sorted(MEMBERS - ASYNCHRONOUS - READ_BY_MEMBERS_CHANGED_BY_ADMINS))
def test_an_agent_is_let_in_to_the_work(name: str, place: Town, keys: dict[str, object]) -> None:
    client = logged_in(place.agent)
    assert {client.get(url_of(name, keys)).status_code, client.post(url_of(name, keys)).status_code}.isdisjoint({403})


def test_a_role_taken_away_is_gone_at_the_next_request(place: Town, keys: dict[str, object]) -> None:
    client = logged_in(place.admin)
    assert client.get(url_of("organizations:members", keys)).status_code == 200
    with scope.organization(place.organization):
        Membership.objects.filter(user=place.agent).update(role="admin")
        Membership.objects.filter(user=place.admin).update(role="agent")
    assert client.get(url_of("organizations:members", keys)).status_code == 403


def test_a_session_of_before_a_new_password_is_over(place: Town, keys: dict[str, object]) -> None:
    client = logged_in(place.agent)
    assert client.get(url_of("conversations:dashboard", keys)).status_code == 200
    place.agent.set_password("en annan lång mening")
    place.agent.save()
    assert client.get(url_of("conversations:dashboard", keys)).status_code == 302


def test_what_a_page_of_an_organization_does_needs_the_forms_token(place: Town, keys: dict[str, object]) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(place.admin)
    before = everything_of(place)
    for name in sorted((ADMINS | MEMBERS) - ASYNCHRONOUS):
        assert careful.post(url_of(name, keys), {"role": "agent"}).status_code == 403, name
    assert everything_of(place) == before
