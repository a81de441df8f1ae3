"""Filing asks the database as often for many mails as for few: what it costs is round trips."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from forwarding import filing
from tests.support.builders import Town
from tests.support.mails import Pipeline, address_of, mail, states

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = range(3), range(3, 23)


def question(number: int) -> bytes:
    """A first mail of an author of its own."""
    sender = f"Invånare {number} <person{number}@example.org>"
    return mail(f"Fråga {number}", f"Ärende {number}\n", sender=sender, message_id=f"{number}@example.org")


def addition(number: int) -> bytes:
    """A second mail of the same author."""
    sender = f"Invånare {number} <person{number}@example.org>"
    return mail(f"Re: Fråga {number}", f"Mer om {number}\n", sender=sender, In_Reply_To=f"<{number}@example.org>")


def statements(post: Pipeline, town: Town, mails: Sequence[bytes]) -> list[str]:
    """What the database is asked while these are filed in one batch."""
    for raw in mails:
        post.send(raw, address_of(town.inbox))
    with CaptureQueriesContext(connection) as ran:
        assert filing.file_due(post.reader) == len(mails)
    return [query["sql"] for query in ran]


def test_many_mails_take_as_many_statements_as_few(post: Pipeline, lillestad: Town, settings: Settings) -> None:
    settings.FILING_PORTION_SECONDS = 60.0
    for kind in (question, addition):
        few = statements(post, lillestad, [kind(number) for number in FEW])
        many = statements(post, lillestad, [kind(number) for number in MANY])
        assert len(many) == len(few), "\n".join(sql[:300] for sql in many)
    assert set(states(lillestad.inbox)) == {"filed"}
