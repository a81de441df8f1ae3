"""What the tests of claims share: nameservers on loopback, and a town's domain on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.builders import town
from tests.support.claims import ADDRESS, Domain, domain_of, use_world
from tests.support.dns import World


@pytest.fixture
def world(settings: Any) -> Iterator[World]:
    """A world of nameservers that the checks ask."""
    with World() as opened:
        use_world(settings, opened)
        yield opened


@pytest.fixture
def domain(world: World) -> Domain:
    """The domain of Lillestad, claimed, with nothing published yet."""
    return domain_of(town("Lillestad", ADDRESS), world)
