"""Slow mail holds up no other: not another organization's single mail, whichever is older, nor its own neighbours."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from forwarding import filing
from forwarding.reading.child import ChildLimits, Reader
from forwarding.reading.mail import Stage
from forwarding.understanding import Understood
from tests.forwarding.reading.test_hostile import BOMBS
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, deliveries, mail, states

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


def test_a_mail_that_takes_long_is_read_anew_beside_the_others(post: Pipeline, lillestad: Town) -> None:
    post.send(BOMBS["two million braces"], "jobb.lillestad.se@mail.kundo.se")
    post.send(mail(), "jobb.lillestad.se@mail.kundo.se")
    with Reader(ChildLimits(wall_seconds=0.4)) as hurried:
        filing.file_fresh(hurried)
        assert states(lillestad.inbox) == ["accepted", "filed"]
        assert filing.file_fresh(hurried) == 0
    filing.file_again(post.reader)
    slow, _quick = deliveries(lillestad.inbox)
    assert (slow.state, slow.message.reading_stage) == ("filed", "full")


def test_what_was_read_is_filed_before_a_slow_mail_behind_it(
    post: Pipeline, lillestad: Town, settings: Settings
) -> None:
    settings.FILING_PORTION_SECONDS = 0.0
    for number in range(3):
        post.send(mail(f"Fråga {number}"), "jobb.lillestad.se@mail.kundo.se")
    seen: list[list[str]] = []

    class Watched(Reader):
        def read(self, raw: bytes, mail_from: str | None = None, stage: Stage = "full") -> Understood:
            seen.append(list(states(lillestad.inbox)))
            return super().read(raw, mail_from, stage)

    with Watched() as reader:
        filing.file_fresh(reader)
    assert seen == [["accepted"] * 3, ["filed", "accepted", "accepted"], ["filed", "filed", "accepted"]]
    assert states(lillestad.inbox) == ["filed"] * 3


def test_small_mail_goes_before_large_mail_but_not_before_an_older_one_of_its_sender(
    post: Pipeline, lillestad: Town, settings: Settings
) -> None:
    settings.FILING_LIGHT_OCTETS = 2_000
    to = "jobb.lillestad.se@mail.kundo.se"
    post.send(mail("Stort", "Hej! " * 1_000), to, mail_from="anna@example.org")
    post.send(mail("Rättelse"), to, mail_from="anna@example.org")
    post.send(mail("Annat"), to, mail_from="barry@example.org")
    assert filing.file_light(post.reader) == 1
    assert states(lillestad.inbox) == ["accepted", "accepted", "filed"]
    assert filing.file_fresh(post.reader) == 2
    assert states(lillestad.inbox) == ["filed"] * 3
