"""Two organizations side by side: no URL of the project shows or changes a row of the other one.

The cases are made from the URL list itself. A URL with a parameter this file does not know fails the first test, so a
new page cannot be forgotten.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from conversations import frames, timeline
from conversations.models import Attachment, Blob, Conversation, Message
from forwarding.models import Delivery, RawMail
from organizations import founding, scope
from organizations.models import Membership
from tests.support.builders import Town, received, town
from whitelabel import claims, links

pytestmark = pytest.mark.django_db

CANARY = "kanariefågel"  # stands in every text of the other organization
METHODS = ("get", "post")
ASYNCHRONOUS = {"conversations:live"}  # tested in test_live.py: the other organization's hints never arrive


@dataclass(frozen=True)
class Other:
    """What exists in the other organization: one of everything a URL can name."""

    town: Town
    conversation: Conversation
    message: Message
    attachment: Attachment
    membership: Membership
    invitation: int
    link: int
    link_token: str
    parked: int
    duplicate: int
    alone: int


def patterns(
    resolver: URLResolver | None = None, prefix: str = "", namespace: str = ""
) -> Iterator[tuple[str, str, list[str]]]:
    """(name, route, parameters) of every URL of the project itself."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            if entry.urlconf_name == "allauth.urls" or "allauth" in str(entry.urlconf_module):
                continue
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, prefix + str(entry.pattern), inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", prefix + str(entry.pattern), list(_parameters(entry, prefix))


def _parameters(entry: URLPattern, prefix: str) -> Iterator[str]:
    if "<slug:organization_slug>" in prefix + str(entry.pattern):
        yield "organization_slug"
    yield from entry.pattern.converters


INSIDE = [(name, parameters) for name, _route, parameters in patterns() if "organization_slug" in parameters]


def values(parameter: str, name: str, other: Other) -> list[object]:
    """Values of a parameter that name something of the other organization (or nothing at all)."""
    keys: dict[tuple[str, str], object] = {
        ("organizations:change_member", "pk"): other.membership.pk,
        ("organizations:withdraw_invitation", "pk"): other.invitation,
        ("inboxes:sender_revoke_link", "pk"): other.link,
        ("conversations:attachment", "pk"): other.attachment.pk,
        ("forwarding:refile", "pk"): other.parked,
        ("forwarding:delivered", "pk"): other.parked,
        ("forwarding:show_alone", "pk"): other.duplicate,
        ("forwarding:undo_show_alone", "pk"): other.alone,
    }
    match parameter:
        case "inbox":
            return [other.town.inbox.pk]
        case "number":
            return [other.conversation.number]
        case "form":
            return ["zone", "csv", "txt"]
        case "name":
            return ["unanswered", "mine", "unassigned", "waiting", "undelivered", "done", "activity"]
        case "pk":
            return [keys.get((name, "pk"), other.message.pk)]
    raise KeyError(f"{name} has a parameter {parameter!r} that this test does not know: add what it names")


@pytest.fixture
def own():
    return town("Lillestad", "jobb@lillestad.se")


@pytest.fixture
def other():
    place = town(f"Storstad {CANARY}", "jobb@storstad.se", f"Jobb {CANARY}")
    with scope.organization(place.organization):
        claim = claims.start("storstad.se", actor=place.admin)
        link, token = links.create(claim, actor=place.admin)
        invitation, _token = founding.invite("ny@storstad.se", "agent", invited_by=place.admin)
        for _ in range(3):  # the last conversation has a number that the own organization does not have
            message = received(
                place.inbox, f"Ämne {CANARY}", f"Text {CANARY}", sender=(f"Barry {CANARY}", "barry@example.org")
            )
        attachment = _attachment(message)
        _delivery(place, message)
        parked = _delivery(place, None, Delivery.State.PARKED)
        duplicate = _delivery(place, message, Delivery.State.DUPLICATE)
        alone = _delivery(place, message, stands_alone=True)
        timeline.add_note(message.conversation, author=place.agent, text=f"Intern {CANARY}")
        membership = Membership.objects.get(user=place.agent)
    return Other(
        place, message.conversation, message, attachment, membership, invitation.pk, link.pk, token, parked.pk,
        duplicate.pk, alone.pk,
    )  # fmt: skip


def _attachment(message: Message) -> Attachment:
    content = CANARY.encode()
    blob = Blob.objects.create(sha256=hashlib.sha256(content).hexdigest(), size=len(content), content=content)
    return Attachment.objects.create(
        message=message, blob=blob, name=f"{CANARY}.txt", content_type="text/plain", size=len(content)
    )


def _delivery(
    place: Town, message: Message | None, state: str = Delivery.State.FILED, *, stands_alone: bool = False
) -> Delivery:
    raw = RawMail.objects.create(sha256="0" * 64, size=3, content=CANARY.encode(), received_at=timezone.now())
    return Delivery.objects.create(
        raw=raw, inbox=place.inbox, message=message, recipient_argument="x", recipient="x", peer_ip="127.0.0.1",
        received_at=timezone.now(), next_attempt_at=timezone.now(), state=state, sender=f"{CANARY}@example.org",
        stands_alone=stands_alone,
    )  # fmt: skip


def everything_of(place: Town) -> str:
    """A digest of every tenant row of an organization."""
    digest = hashlib.sha256()
    tables = sorted(
        model._meta.db_table
        for model in apps.get_models()
        if any(field.name == "organization" for field in model._meta.local_fields)
    )
    with scope.organization(place.organization), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY id')
            digest.update(json.dumps([table, cursor.fetchall()]).encode())
    return digest.hexdigest()


def answers(client: Client, name: str, kwargs: dict[str, object]) -> Iterator[tuple[str, int, str]]:
    for method in METHODS:
        url = reverse(name, kwargs=kwargs)
        data = {
            "selected": "1",
            "text": "x",
            "role": "remove",
            "q": "ämne barry text",
            "status": "done",
            "action": "done",
        }
        response = getattr(client, method)(url, data)
        if not response.streaming:
            yield method, response.status_code, response.content.decode(errors="replace")


def cases(name: str, parameters: list[str], other: Other, slug: str) -> Iterator[dict[str, object]]:
    names = [p for p in parameters if p != "organization_slug"]
    for combination in itertools.product(*(values(p, name, other) for p in names)):
        yield {"organization_slug": slug, **dict(zip(names, combination, strict=True))}


def test_the_test_knows_every_parameter_of_every_url(other):
    for name, parameters in INSIDE:
        assert list(cases(name, parameters, other, "any")), name
    assert len(INSIDE) > 25


@pytest.mark.parametrize(("name", "parameters"), INSIDE, ids=[name for name, _ in INSIDE])
def test_a_url_shows_and_changes_nothing_of_the_other_organization(name, parameters, own, other, client):
    if name in ASYNCHRONOUS:
        return
    before = everything_of(other.town)
    for kwargs in cases(name, parameters, other, other.town.organization.slug):
        _is_closed(answers(client, name, kwargs), other, kwargs, (302, 404, 405))  # nobody is logged in
    client.force_login(own.admin)
    for kwargs in cases(name, parameters, other, other.town.organization.slug):
        _is_closed(answers(client, name, kwargs), other, kwargs, (404, 405))  # a member of another organization
    for kwargs in cases(name, parameters, other, own.organization.slug):
        _names_nothing(answers(client, name, kwargs), bool({"pk", "number", "inbox"} & set(parameters)), kwargs)
    assert everything_of(other.town) == before


def _is_closed(
    found: Iterator[tuple[str, int, str]], other: Other, kwargs: dict[str, object], statuses: tuple[int, ...]
) -> None:
    """The page does not exist; whoever is not logged in is sent to log in."""
    for method, status, body in found:
        assert status in statuses, (method, kwargs, status)
        assert CANARY not in body.replace(other.town.organization.slug, "")


def _names_nothing(found: Iterator[tuple[str, int, str]], names_a_row: bool, kwargs: dict[str, object]) -> None:
    """Below one's own organization, keys of the other one lead nowhere (400: refused before anything is looked up)."""
    for method, status, body in found:
        assert CANARY not in body, (method, kwargs)
        assert not names_a_row or status in (400, 404, 405), (method, kwargs, status)


def test_pages_without_an_organization_show_nothing_of_one(own, other, client):
    client.force_login(own.admin)
    for name in ("home", "new_organization"):
        assert CANARY not in client.get(reverse(name), follow=True).content.decode()


@pytest.mark.parametrize("kind", ["message", "image", "file"])
def test_a_signed_content_address_stops_working_for_somebody_without_rights(kind, own, other, client):
    identity = other.message.pk if kind == "message" else other.attachment.pk
    stolen = frames.Content(kind, other.town.organization.pk, own.admin.pk, identity)
    mixed = frames.Content(kind, own.organization.pk, own.admin.pk, identity)
    for content in (stolen, mixed):
        response = client.get(frames.address(content))
        assert response.status_code in (403, 404)
        assert CANARY not in response.content.decode(errors="replace")


def test_the_link_for_it_shows_records_and_no_mail(other, client):
    body = client.get(reverse("whitelabel:records_link", args=[other.link_token])).content.decode()
    assert "mgeu.storstad.se" in body
    assert CANARY not in body


def test_a_link_for_it_with_another_token_is_closed(other, client):
    assert client.get(reverse("whitelabel:records_link", args=[other.link_token[:-1]])).status_code == 410
