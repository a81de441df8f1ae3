"""The whole product as real processes (kundomail.local.product), for tests that walk through it or kill parts of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kundomail.local import product as local
from kundomail.local.product import Product

__all__ = ["Product", "product", "wait_until"]
CHECKOUT = Path(__file__).resolve().parents[2]


@contextmanager
def product(place: Path, **environment: str) -> Iterator[Product]:
    """A running product without data, with some variables of its environment overridden."""
    with local.product(CHECKOUT, place, environment=environment) as running:
        yield running


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `condition` holds; fails after `seconds` with `what` was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
