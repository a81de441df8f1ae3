"""The real server on loopback, one for each test module unless a test needs limits of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.smtp import RawSession, Running, receiving, stock_server


@pytest.fixture
def server() -> Iterator[Running]:
    """Our server with the limits of production."""
    with receiving() as running:
        yield running


@pytest.fixture
def session(server: Running) -> Iterator[RawSession]:
    """A greeted session with it."""
    with server.session().greet() as greeted:
        yield greeted


@pytest.fixture
def stock() -> Iterator[Running]:
    """aiosmtpd as it comes: the control."""
    with stock_server() as running:
        yield running


@pytest.fixture(params=["ours", "stock"])
def either(request: pytest.FixtureRequest) -> Running:
    """A test that both must pass."""
    running: Running = request.getfixturevalue("server" if request.param == "ours" else "stock")
    return running
