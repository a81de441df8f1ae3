"""What the tests of filing share: a town whose inbox Jobb gets mail through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
