"""What the tests of filing share: a town whose inbox Jobb gets mail through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dnslib.server import DNSServer

from tests.forwarding.dns_zone import serving
from tests.support import mails
from tests.support.builders import Town, town


@pytest.fixture
def lillestad(transactional_db: None) -> Town:
    """A town with the inbox Jobb; its rows are committed, as the SMTP server and the workers see no others."""
    return town()


@pytest.fixture
def post(transactional_db: None) -> Iterator[mails.Pipeline]:
    """SMTP server, spool and filing worker."""
    with mails.pipeline() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[DNSServer]:
    """A nameserver, one for all tests of a module: each stop waits for its poll."""
    with serving() as server:
        yield server
