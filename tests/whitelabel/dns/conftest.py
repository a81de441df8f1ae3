"""What the DNS tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.dns import World
from tests.whitelabel.dns.stage import Stage


@pytest.fixture
def world() -> Iterator[World]:
    """Running servers on loopback."""
    with World() as running:
        yield running


@pytest.fixture
def stage(world: World) -> Stage:
    """A zone in which all is right."""
    prepared = Stage(world)
    prepared.publish()
    return prepared
