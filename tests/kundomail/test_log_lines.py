"""What mail says, and whose it is, is not in the logs: neither when all goes well nor when something breaks."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from conversations import confirmations
from forwarding import storing
from inboxes.models import Inbox
from organizations import scope
from organizations.models import User
from tests.support.builders import Town, person, town
from tests.support.mails import mail, pipeline, states

CANARY = "kanariefågel"
ADDRESS = "kanarie@example.org"


@pytest.fixture
def logged(settings: Any) -> Iterator[io.StringIO]:
    """What the processes of the product would write to standard error, at the level of an installation."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    configured = settings.LOGGING["formatters"]["line"]
    handler.setFormatter(logging.config.DictConfigurator({}).configure_formatter(dict(configured)))  # type: ignore[attr-defined]
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def is_silent(written: io.StringIO) -> bool:
    text = written.getvalue()
    return "kanarie" not in text.lower()


def hostile(place: Town) -> bytes:
    return mail(CANARY, CANARY, sender=f"Kanarie <{ADDRESS}>", To=place.inbox.address)


@pytest.mark.django_db
def test_a_refused_row_is_told_without_its_values(logged: io.StringIO) -> None:
    person(ADDRESS)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        User.objects.create(email=ADDRESS)
    assert ADDRESS in str(caught.value)  # so the exception itself says it
    logging.getLogger("test").error("nothing stored", exc_info=caught.value)
    assert "duplicate key value violates unique constraint" in logged.getvalue()
    assert "test_log_lines.py" in logged.getvalue()
    assert is_silent(logged)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broken", ["", "storing", "confirmation"])
def test_receiving_and_filing_say_nothing_of_the_mail(
    logged: io.StringIO, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = town()
    with scope.organization(place.organization):
        Inbox.objects.filter(pk=place.inbox.pk).update(confirmation="Tack")

    def fail(*given: object, **named: object) -> None:
        raise IntegrityError(f"duplicate key\nDETAIL:  Key (address)=({ADDRESS}) {CANARY} already exists.")

    if broken == "storing":
        monkeypatch.setattr(storing, "attachments_of", fail)
    if broken == "confirmation":
        monkeypatch.setattr(confirmations, "_send", fail)
    with pipeline() as post:
        post.receive(hostile(place), place.inbox, mail_from=ADDRESS)
    assert states(place.inbox)
    assert is_silent(logged)
    assert bool(logged.getvalue()) or not broken
