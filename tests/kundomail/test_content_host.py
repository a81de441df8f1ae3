"""Where mail content has a host of its own, nothing else is there, and it is nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations import frames
from organizations import scope
from tests.support.builders import Town, attached, received, town

pytestmark = pytest.mark.django_db
CONTENT, APPLICATION = "content.example.se", "app.example.se"


@pytest.fixture(autouse=True)
def two_hosts(settings: Any) -> None:
    settings.CONTENT_URL = f"https://{CONTENT}"
    settings.SITE_URL = f"https://{APPLICATION}"


@pytest.fixture
def place() -> Town:
    return town()


def file_of(place: Town) -> str:
    """The path of an attached file's signed address."""
    with scope.organization(place.organization):
        attachment = attached(received(place.inbox), "ritning.svg", b"<svg/>", "image/svg+xml")
    content = frames.Content("file", place.organization.pk, place.agent.pk, attachment.pk)
    return frames.address(content).removeprefix(f"https://{CONTENT}")


def test_the_content_host_gives_a_file_without_a_cookie(place: Town) -> None:
    response = Client().get(file_of(place), headers={"host": CONTENT})
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"
    assert not response.cookies


def test_the_application_gives_no_content(place: Town) -> None:
    assert Client().get(file_of(place), headers={"host": APPLICATION}).status_code == 404


def test_nobody_can_log_in_at_the_content_host(place: Town) -> None:
    client = Client()
    client.force_login(place.agent)
    for path in ("/", reverse("account_login"), reverse("conversations:dashboard", args=[place.organization.slug])):
        response = client.get(path, headers={"host": CONTENT})
        assert (response.status_code, response.content, len(response.cookies)) == (404, b"Not found\n", 0)


def test_probes_may_use_any_name() -> None:
    for host in (CONTENT, APPLICATION):
        assert Client().get("/health/live/", headers={"host": host}).status_code == 200
