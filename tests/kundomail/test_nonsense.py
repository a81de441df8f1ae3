"""Nonsense in any parameter of any page is an answer below 500: a stack trace is neither help nor protection.

The pages are those of the URL list (see test_isolation); the parameters are all that views read from a request.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from organizations import scope
from organizations.models import Membership
from tests.kundomail.test_isolation import ASYNCHRONOUS, INSIDE
from tests.support.builders import Town, attached, received, town
from whitelabel import claims

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NONSENSE = [
    "\x00",
    "²",
    "9" * 30,
    "-1",
    "9" * 5000,
    "1-" + "9" * 30,
    "nan-1",
    "1e400-1",
    "\ud800",
    "'\"><&:*|!()\\",
    "2026-99-99T99:99",
]
CHECKOUT = Path(__file__).resolve().parents[2]
READ = re.compile(
    r"(?:GET|POST|given)\.get(?:list)?\(\"(\w+)\"|self\.add_error\(\"(\w+)\"|^    (\w+) = (?:forms\.\w+|\w*Field)\(",
    re.MULTILINE,
)


def parameters() -> list[str]:
    """The names of parameters and form fields that occur in the code of views and forms."""
    apps = ("organizations", "whitelabel", "inboxes", "conversations", "forwarding")
    sources = [
        path
        for app in apps
        for path in (CHECKOUT / app).rglob("*.py")
        if re.search("views|forms|sender|workplace", str(path))
    ]
    return sorted({name for path in sources for found in READ.findall(path.read_text()) for name in found if name})


@pytest.fixture
def place() -> Town:
    return town()


@pytest.fixture
def named(place: Town) -> dict[str, dict[str, object]]:
    """For each URL parameter something that exists, so that views get as far as they can."""
    with scope.organization(place.organization):
        message = received(place.inbox)
        file = attached(message, "a.txt", b"x")
        claims.start("lillestad.se", actor=place.admin)
        member = Membership.objects.get(user=place.agent)
    return {
        "": {
            "inbox": place.inbox.pk,
            "number": message.conversation.number,
            "form": "zone",
            "name": "unanswered",
            "pk": message.pk,
        },
        "conversations:attachment": {"pk": file.pk},
        "organizations:change_member": {"pk": member.pk},
    }


def test_the_parameters_are_found() -> None:
    assert {
        "inbox",
        "after",
        "before",
        "q",
        "selected",
        "sent",
        "record_version",
        "send_at",
        "submission_key",
        "email",
    } <= set(parameters())


@pytest.mark.parametrize(("name", "wanted"), INSIDE, ids=[name for name, _ in INSIDE])
def test_nonsense_is_answered(
    name: str, wanted: list[str], place: Town, named: dict[str, dict[str, object]], client
) -> None:
    if name in ASYNCHRONOUS:
        return
    client.force_login(place.admin)
    known = {**named[""], **named.get(name, {}), "organization_slug": place.organization.slug}
    url = reverse(name, kwargs={parameter: known[parameter] for parameter in wanted})
    for nonsense in NONSENSE:
        given = {**dict.fromkeys(parameters(), nonsense.encode("utf-8", "surrogatepass")), "act": "done"}
        query = urlencode(given)
        assert client.get(f"{url}?{query}").status_code < 500, nonsense
        assert client.post(url, query, "application/x-www-form-urlencoded").status_code < 500, nonsense


@pytest.mark.parametrize("name", ["list", "search", "conversation"])
@pytest.mark.parametrize("parameter", ["after", "before", "list", "inbox", "q", "sent", "compose"])
def test_nonsense_in_one_parameter_is_answered(
    name: str, parameter: str, place: Town, named: dict[str, dict[str, object]], client
) -> None:
    client.force_login(place.admin)
    wanted = {"list": ("name",), "search": (), "conversation": ("number",)}[name]
    kwargs = {"organization_slug": place.organization.slug, **{each: named[""][each] for each in wanted}}
    url = reverse(f"conversations:{name}", kwargs=kwargs)
    for nonsense in NONSENSE:
        query = urlencode({parameter: nonsense.encode("utf-8", "surrogatepass")})
        assert client.get(f"{url}?{query}").status_code < 500, nonsense
