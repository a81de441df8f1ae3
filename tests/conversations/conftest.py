"""What the tests of the dashboard share: a town, and an agent who is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from conversations.models import Conversation
from organizations import scope
from organizations.models import User
from tests.support import builders
from tests.support.web import wait_until_nobody_listens


def signed_in(user: User) -> Client:
    """A client with a session of that person."""
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture(scope="session", autouse=True)
def quiet_database(django_db_setup: Any) -> Iterator[None]:
    """The test database is dropped at the end: by then nobody may listen to it any more."""
    yield
    wait_until_nobody_listens()


@pytest.fixture
def lillestad(db: Any) -> builders.Town:
    """A town with an agent and one inbox, its scope closed."""
    return builders.town()


@pytest.fixture
def scope_open(lillestad: builders.Town) -> Iterator[None]:
    """The town's scope stays open during the test."""
    with scope.organization(lillestad.organization):
        yield


@pytest.fixture
def agent(lillestad: builders.Town) -> Client:
    """The town's agent, logged in."""
    return signed_in(lillestad.agent)


@pytest.fixture
def conversation(lillestad: builders.Town) -> Conversation:
    """A conversation with a mail from Barry."""
    with scope.organization(lillestad.organization):
        found = builders.received(lillestad.inbox).conversation
        found.refresh_from_db()
        return found
