"""What the DNS tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.dns import World


@pytest.fixture
def world() -> Iterator[World]:
    """Running servers on loopback."""
    with World() as running:
        yield running
