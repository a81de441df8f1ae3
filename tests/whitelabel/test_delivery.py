"""From the outbox to the relay: what is sent, what is tried again, and what people are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from organizations import scope
from tests.support.outgoing import age, fate, last_reply, post
from tests.support.relay import HANG_UP, LATER
from whitelabel import keys, outbox_queue, tokens
from whitelabel.delivery import Courier
from whitelabel.models import OutboundMail, OutboundRecipient
from whitelabel.signals import delivery_changed

pytestmark = pytest.mark.django_db

NEVER = b"550 5.1.1 no such user"


def test_a_mail_arrives_at_the_relay_with_the_octets_of_its_row(town, relay, courier) -> None:
    mail = post(town)
    assert courier.step() == 1
    [taken] = relay.taken
    assert taken.content == bytes(mail.content)
    assert fate(town.organization, mail) == ("sent", {"barry@example.org": "sent"})
    assert courier.step() == 0


def test_every_recipient_has_a_return_path_that_names_mail_and_recipient(town, relay, courier) -> None:
    mail = post(town, "a@example.org", "b@example.org")
    courier.step()
    with scope.organization(town.organization):
        rows = dict(OutboundRecipient.objects.filter(mail=mail).values_list("address", "pk"))
    assert {taken.recipient for taken in relay.taken} == set(rows)
    for taken in relay.taken:
        local_part, _, domain = taken.envelope_sender.partition("@")
        token = tokens.read_verp(keys.token_keys(), local_part)
        assert token == tokens.VerpToken(town.organization.pk, mail.pk, rows[taken.recipient])
        assert domain == "mail.kundo.se"


def test_a_mail_waits_for_its_time(town, relay, courier) -> None:
    mail = post(town, not_before=timezone.now() + timedelta(seconds=10))
    assert courier.step() == 0
    age(mail, timedelta(seconds=11))
    assert courier.step() == 1


def test_a_refused_recipient_does_not_hold_up_the_others(town, relay, courier, news) -> None:
    relay.answer = lambda stage, line: NEVER if b"gone@" in line and stage == "rcpt" else None
    mail = post(town, "gone@example.org", "barry@example.org")
    courier.step()
    assert fate(town.organization, mail) == ("sent", {"gone@example.org": "failed", "barry@example.org": "sent"})
    assert {(told.address, told.state, told.status, told.hard) for told in news} == {
        ("gone@example.org", "failed", "5.1.1", True),
        ("barry@example.org", "sent", "2.0.0", False),
    }


def test_a_mail_nobody_takes_has_failed(town, relay, courier) -> None:
    relay.answer = lambda stage, line: NEVER if stage == "rcpt" else None
    mail = post(town)
    courier.step()
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "failed"})
    assert last_reply(town.organization, mail) == NEVER.decode()


def test_a_mail_refused_for_now_is_tried_again_with_the_same_octets_and_only_for_who_is_missing(
    town, relay, courier
) -> None:
    relay.answer = lambda stage, line: LATER if b"slow@" in line and stage == "rcpt" else None
    mail = post(town, "slow@example.org", "barry@example.org")
    courier.step()
    assert fate(town.organization, mail) == ("queued", {"slow@example.org": "delayed", "barry@example.org": "sent"})
    assert courier.step() == 0
    relay.answer = lambda stage, line: None
    age(mail, timedelta(minutes=2))
    assert courier.step() == 1
    assert [taken.recipient for taken in relay.taken] == ["barry@example.org", "slow@example.org"]
    assert relay.taken[0].content == relay.taken[1].content
    assert fate(town.organization, mail)[0] == "sent"


def test_the_pauses_between_tries_grow_to_an_hour() -> None:
    pauses = [outbox_queue.retry_minutes(attempt) for attempt in range(1, 9)]
    expected = [1, 2, 5, 15, 60, 60, 60, 60]
    assert all(0.8 * plan <= pause <= 1.2 * plan for pause, plan in zip(pauses, expected, strict=True))


def test_after_five_days_of_refusals_people_are_told_why(town, relay, courier, news) -> None:
    relay.answer = lambda stage, line: LATER if stage == "rcpt" else None
    mail = post(town)
    tries = 0
    for _ in range(24 * 5 + 10):
        tries += courier.step()
        age(mail, timedelta(minutes=75))
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "failed"})
    assert 90 < tries < 110
    assert [told.state for told in news] == ["delayed", "failed"]
    with scope.organization(town.organization):
        recipient = OutboundRecipient.objects.get(mail=mail)
    assert (recipient.status, recipient.reply) == ("4.4.7", LATER.decode())


def test_an_unknown_outcome_is_asked_about_before_sending_again(town, relay, courier) -> None:
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    courier.step()
    assert fate(town.organization, mail) == ("sending", {"barry@example.org": "delayed"})
    relay.answer = lambda stage, line: None
    age(mail, timedelta(minutes=2))
    courier.step()
    assert fate(town.organization, mail) == ("sent", {"barry@example.org": "sent"})
    assert len(relay.taken) == 1


def test_a_relay_that_does_not_have_the_mail_is_given_it_again(town, relay, courier) -> None:
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    courier.step()
    relay.taken.clear()
    relay.answer = lambda stage, line: None
    age(mail, timedelta(minutes=2))
    courier.step()
    assert len(relay.taken) == 1
    assert fate(town.organization, mail)[0] == "sent"


def test_while_the_relay_cannot_tell_the_mail_waits(town, relay) -> None:
    courier = Courier(relay.client(), question=lambda *which: None)
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    courier.step()
    relay.answer = lambda stage, line: None
    for _ in range(3):
        age(mail, timedelta(minutes=30))
        courier.step()
    courier.close()
    assert len(relay.taken) == 1
    assert fate(town.organization, mail)[0] == "sending"


def test_a_listener_that_fails_does_not_undo_that_the_mail_was_sent(town, relay, courier) -> None:
    def fail(**told: Any) -> None:
        OutboundMail.objects.update(state="queued")
        raise RuntimeError("listener")

    delivery_changed.connect(fail)
    try:
        mail = post(town)
        courier.step()
    finally:
        delivery_changed.disconnect(fail)
    assert fate(town.organization, mail) == ("sent", {"barry@example.org": "sent"})
