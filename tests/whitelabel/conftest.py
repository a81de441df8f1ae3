"""A town and what is told of its mail; for claims also nameservers on loopback, and the town's domain on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import builders
from tests.support.claims import ADDRESS, Domain, domain_of, use_world
from tests.support.dns import World
from whitelabel.signals import DeliveryChange, delivery_changed


@pytest.fixture
def town(db: Any) -> builders.Town:
    """A town with an inbox, its scope closed."""
    return builders.town()


@pytest.fixture
def news() -> Iterator[list[DeliveryChange]]:
    """What listeners of delivery_changed are told."""
    heard: list[DeliveryChange] = []

    def listen(*, changes: tuple[DeliveryChange, ...], **rest: Any) -> None:
        heard.extend(changes)

    delivery_changed.connect(listen)
    yield heard
    delivery_changed.disconnect(listen)


@pytest.fixture
def world(settings: Any) -> Iterator[World]:
    """A world of nameservers that the checks ask."""
    with World() as opened:
        use_world(settings, opened)
        yield opened


@pytest.fixture
def domain(world: World) -> Domain:
    """The domain of Lillestad, claimed, with nothing published yet."""
    return domain_of(builders.town("Lillestad", ADDRESS), world)
