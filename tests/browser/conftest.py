"""What the browser tests share: a town, and the product served to the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conversations import live
from tests.support import builders
from tests.support.web import serving, wait_until_nobody_listens


@pytest.fixture
def town(transactional_db: Any) -> builders.Town:
    """A town without mail."""
    return builders.town()


@pytest.fixture
def served(transactional_db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the running product."""
    monkeypatch.setattr(live, "LISTEN_SECONDS", 0.2)
    with serving() as url:
        yield url
    wait_until_nobody_listens()
