"""A town, and a conversation to answer in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conversations.models import Conversation
from organizations import scope
from tests.support import builders


@pytest.fixture
def town(db: Any) -> builders.Town:
    """A town with an inbox, its scope closed."""
    return builders.town()


@pytest.fixture
def conversation(town: builders.Town) -> Iterator[Conversation]:
    """A conversation with one mail from Barry, in the open organization."""
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
        conversation.refresh_from_db()
        yield conversation
