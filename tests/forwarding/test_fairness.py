"""One organization's flood of slow mail does not hold up another's single mail, whichever of them is older."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from forwarding import filing
from tests.forwarding.reading.test_hostile import BOMBS
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, mail, states

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = BOMBS["half a million uu lines"]
FLOOD = 4


@pytest.mark.parametrize("flooded_first", [True, False], ids=["the older one is flooded", "the younger one is flooded"])
def test_a_single_mail_is_filed_in_the_first_round(
    post: Pipeline, lillestad: Town, settings: Settings, flooded_first: bool
) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    flooded, quiet = (lillestad, storstad) if flooded_first else (storstad, lillestad)
    addresses = {lillestad.inbox.pk: "jobb.lillestad.se", storstad.inbox.pk: "info.storstad.se"}
    settings.FILING_LEASE_SECONDS = 0.2  # half of it is the time for one round of reading
    for _ in range(FLOOD):
        post.send(SLOW, f"{addresses[flooded.inbox.pk]}@mail.kundo.se")
    post.send(mail(), f"{addresses[quiet.inbox.pk]}@mail.kundo.se")
    filing.file_due(post.reader)
    assert states(quiet.inbox) == ["filed"]
    assert "accepted" in states(flooded.inbox)
