"""Files are stored once per organization and content, also by several people at once."""

from __future__ import annotations

import hashlib
import threading
import time

import pytest

from conversations import blobs
from conversations.models import Blob
from organizations import scope
from tests.support.builders import Town
from tests.support.together import at_once, waiting

CONTENTS = sorted((b"ett", "två".encode(), b"tre"), key=lambda content: hashlib.sha256(content).hexdigest())


@pytest.mark.django_db(transaction=True)
def test_the_same_files_in_opposite_order_do_not_wait_for_each_other(lillestad: Town) -> None:
    held = threading.Event()

    def hold() -> None:
        """Keep both others in the middle of what they store."""
        with scope.organization(lillestad.organization):
            blobs.store(CONTENTS[1:2])
            held.set()
            while waiting() < 2:
                time.sleep(0.01)

    def store(contents: list[bytes]) -> None:
        held.wait()
        with scope.organization(lillestad.organization):
            blobs.store(contents)

    assert at_once(hold, lambda: store(CONTENTS), lambda: store(CONTENTS[::-1])) == []
    with scope.organization(lillestad.organization):
        assert Blob.objects.count() == len(CONTENTS)


@pytest.mark.django_db
def test_rows_come_in_the_order_of_the_contents(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        stored = blobs.store([b"b", b"a", b"b"])
        assert [bytes(blob.content) for blob in stored] == [b"b", b"a", b"b"]
        assert blobs.store([]) == []
