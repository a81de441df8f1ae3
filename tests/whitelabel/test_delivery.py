"""From the outbox to the relay: what is sent, in which order, what is tried again, and what people are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from organizations import scope
from tests.support import builders
from tests.support.outgoing import age, fate, queued
from tests.support.relay import HANG_UP, FakeRelay, fake_relay
from whitelabel import keys, outbox_queue, tokens
from whitelabel.breaker import Breaker
from whitelabel.delivery import SMALLEST_BATCH, Courier, _batch_after, record_bounce
from whitelabel.models import OutboundMail, OutboundRecipient
from whitelabel.relay import Reply
from whitelabel.signals import DeliveryChange, delivery_changed

pytestmark = pytest.mark.django_db

LATER = b"451 4.7.1 try later"
NEVER = b"550 5.1.1 no such user"


@pytest.fixture
def town() -> builders.Town:
    return builders.town()


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    with fake_relay() as server:
        yield server


@pytest.fixture
def courier(relay: FakeRelay) -> Iterator[Courier]:
    courier = Courier(relay.client(), question=relay.has)
    yield courier
    courier.close()


@pytest.fixture
def news() -> Iterator[list[DeliveryChange]]:
    """What listeners of delivery_changed are told."""
    heard: list[DeliveryChange] = []

    def listen(*, changes: tuple[DeliveryChange, ...], **rest: Any) -> None:
        heard.extend(changes)

    delivery_changed.connect(listen)
    yield heard
    delivery_changed.disconnect(listen)


def post(town: builders.Town, *recipients: str, **options: Any) -> OutboundMail:
    with scope.organization(town.organization):
        return queued(town.inbox, *recipients, **options)


def last_reply(town: builders.Town, mail: OutboundMail) -> str:
    with scope.organization(town.organization):
        return OutboundMail.objects.values_list("last_reply", flat=True).get(pk=mail.pk)


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
    assert last_reply(town, mail) == NEVER.decode()


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


def test_a_mail_whose_worker_died_is_taken_up_after_its_lease(town, relay, courier, settings) -> None:
    mail = post(town)
    [dead] = outbox_queue.claim(10)
    assert courier.step() == 0
    age(mail, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
    assert courier.step() == 1
    assert fate(town.organization, mail)[0] == "sent"
    assert not outbox_queue.renew(dead)


def test_a_worker_whose_lease_ran_out_changes_nothing(town, relay, courier, settings) -> None:
    mail = post(town)
    [late] = outbox_queue.claim(10)
    age(mail, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
    courier.step()
    with scope.organization(town.organization):
        outbox_queue.settle([outbox_queue.Settled(late, 1.0, unsure=False, reply="too late")])
    outbox_queue.release([late])
    assert fate(town.organization, mail)[0] == "sent"
    assert last_reply(town, mail) != "too late"


def test_two_workers_never_hold_the_same_mail(town) -> None:
    posted = {post(town).pk for _ in range(5)}
    first, second = outbox_queue.claim(3), outbox_queue.claim(10)
    assert {claim.mail_id for claim in first} | {claim.mail_id for claim in second} == posted
    assert len(first) + len(second) == 5


def test_people_come_before_automatic_mail_and_each_organization_in_turn(town) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    automatic = post(town, automatic=True).pk
    many = [post(town).pk for _ in range(4)]
    single = post(other).pk
    order = [claim.mail_id for claim in outbox_queue.claim(20)]
    assert order == [many[0], single, *many[1:], automatic]


def test_one_organizations_backlog_does_not_fill_the_batch(town) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    for _ in range(30):
        post(town)
    single = post(other).pk
    assert single in [claim.mail_id for claim in outbox_queue.claim(5)]


def test_a_batch_stays_within_its_memory(town, settings) -> None:
    settings.OUTBOX_BATCH_OCTETS = 100_000
    sizes = [len(post(town, letter={"text": "ord " * 10_000}).content) for _ in range(4)]
    assert sizes[0] > 33_000
    assert 1 <= len(outbox_queue.claim(20)) < 4
    settings.OUTBOX_BATCH_OCTETS = 1
    assert len(outbox_queue.claim(20)) == 1


def test_an_unreachable_relay_costs_no_attempt_and_the_reason_is_shown(town, relay, courier, settings) -> None:
    relay.answer = lambda stage, line: b"421 4.3.2 closed for today" if stage == "connect" else None
    mail = post(town)
    for _ in range(settings.RELAY_FAILURES_TO_OPEN):
        assert courier.step() == 0
    with scope.organization(town.organization):
        row = OutboundMail.objects.get(pk=mail.pk)
    assert (row.state, row.attempts, row.lease_until) == ("queued", 0, None)
    assert "closed for today" in row.last_reply
    connections = relay.connections
    assert courier.step() == 0
    assert relay.connections == connections  # the breaker is open: nobody is bothered


def test_after_the_pause_the_queue_drains_and_nothing_is_twice(town, relay, settings) -> None:
    settings.RELAY_PAUSE_SECONDS = 0.01
    courier = Courier(relay.client(), question=relay.has)
    mails = [post(town) for _ in range(50)]
    relay.answer = lambda stage, line: HANG_UP if stage == "connect" else None
    for _ in range(10):
        courier.step()
    relay.answer = lambda stage, line: None
    for _ in range(1000):
        courier.step()
        if not outbox_queue.waiting():
            break
    courier.close()
    assert len(relay.taken) == 50
    assert {fate(town.organization, mail)[0] for mail in mails} == {"sent"}


def test_one_mail_that_breaks_every_connection_does_not_stop_the_others(town, relay, courier) -> None:
    poison = post(town, "poison@example.org")
    others = [post(town) for _ in range(5)]
    relay.answer = lambda stage, line: HANG_UP if b"poison@" in line and stage == "rcpt" else None
    courier.step()
    assert {fate(town.organization, mail)[0] for mail in others} == {"sent"}
    assert fate(town.organization, poison)[0] == "queued"


def test_a_worker_told_to_stop_gives_the_rest_of_its_batch_back(town, relay) -> None:
    courier = Courier(relay.client(), stopping=lambda: len(relay.taken) == 2)
    mails = [post(town) for _ in range(5)]
    assert courier.step() == 2
    courier.close()
    assert [fate(town.organization, mail)[0] for mail in mails] == ["sent"] * 2 + ["queued"] * 3
    assert len(outbox_queue.claim(10)) == 3


def test_replies_the_database_could_not_take_are_stored_by_the_next_step(town, relay, courier, monkeypatch) -> None:
    mail = post(town)
    with monkeypatch.context() as broken:
        broken.setattr(outbox_queue, "settle", _raise)
        with pytest.raises(OperationalError):
            courier.step()
    assert fate(town.organization, mail)[0] == "sending"
    courier.step()
    assert fate(town.organization, mail) == ("sent", {"barry@example.org": "sent"})
    assert len(relay.taken) == 1


def test_a_mail_that_cannot_even_be_tried_does_not_stop_the_others(town, relay, courier, monkeypatch) -> None:
    strange, ordinary = post(town, "strange@example.org"), post(town)
    send = courier._relay.send

    def fail(envelope_sender: str, recipient: str, content: bytes, **options: Any) -> Reply:
        if recipient.startswith("strange"):
            raise LookupError("something nobody thought of")
        return send(envelope_sender, recipient, content, **options)

    monkeypatch.setattr(courier._relay, "send", fail)
    courier.step()
    assert fate(town.organization, ordinary)[0] == "sent"
    assert fate(town.organization, strange) == ("sending", {"strange@example.org": "queued"})


def _raise(*arguments: object) -> None:
    raise OperationalError("the database is gone")


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


@pytest.mark.parametrize(
    ("action", "status", "state", "hard"),
    [
        ("failed", "5.1.1", "bounced", True),
        ("failed", "4.4.7", "bounced", True),
        ("delayed", "4.4.1", "delayed", False),
        ("delivered", "2.0.0", "sent", False),
        ("relayed", "", "sent", False),
        ("unheard-of", "", "sent", False),
    ],
)
def test_a_delivery_report_ends_at_its_recipient(town, relay, courier, news, action, status, state, hard) -> None:
    mail = post(town, "a@example.org", "b@example.org")
    courier.step()
    news.clear()
    with scope.organization(town.organization):
        row = OutboundRecipient.objects.get(mail=mail, address="a@example.org")
    said = record_bounce(
        town.organization.pk,
        mail_id=mail.pk,
        recipient_id=row.pk,
        action=action,
        status=status,
        diagnostic="no\r\n way",
    )
    assert said is not None
    assert (said.state, said.reply) == (state, "no way")
    assert fate(town.organization, mail) == ("sent", {"a@example.org": state, "b@example.org": "sent"})
    assert [told.hard for told in news] == ([hard] if state != "sent" else [])


def test_a_report_is_found_by_the_address_when_only_the_mail_is_known(town, relay, courier) -> None:
    mail = post(town, "Barry@example.org")
    courier.step()
    said = record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@EXAMPLE.org", action="failed")
    assert said is not None
    assert said.state == "bounced"


def test_a_report_about_somebody_elses_mail_changes_nothing(town, relay, courier) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    mail = post(town)
    courier.step()
    assert record_bounce(other.organization.pk, mail_id=mail.pk, address="barry@example.org", action="failed") is None
    assert record_bounce(town.organization.pk, mail_id=mail.pk, address="x@example.org", action="failed") is None
    assert fate(town.organization, mail)[1] == {"barry@example.org": "sent"}


def test_a_late_delay_report_does_not_bring_a_bounced_mail_back(town, relay, courier) -> None:
    mail = post(town)
    courier.step()
    for action in ("failed", "delayed"):
        record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action=action)
    assert fate(town.organization, mail)[1] == {"barry@example.org": "bounced"}


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_after_a_delay_report_ends_the_delay(town, relay, courier, news, action: str) -> None:
    mail = post(town)
    courier.step()
    news.clear()
    for what, status in (("delayed", "4.4.1"), (action, "2.0.0")):
        record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action=what, status=status)
    assert fate(town.organization, mail)[1] == {"barry@example.org": "sent"}
    assert [(told.state, told.status, told.hard) for told in news] == [
        ("delayed", "4.4.1", False),
        ("sent", "2.0.0", False),
    ]


def test_a_delay_report_never_causes_a_second_sending(town, relay, courier) -> None:
    relay.answer = lambda stage, line: LATER if b"slow@" in line and stage == "rcpt" else None
    mail = post(town, "barry@example.org", "slow@example.org")
    courier.step()
    record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action="delayed")
    relay.answer = lambda stage, line: None
    age(mail, timedelta(hours=1))
    courier.step()
    assert [taken.recipient for taken in relay.taken] == ["barry@example.org", "slow@example.org"]


def test_the_breaker_opens_after_failures_in_a_row_and_waits_longer_each_time() -> None:
    now = 0.0
    breaker = Breaker(3, pause_seconds=2, longest_pause_seconds=5, clock=lambda: now)
    assert [breaker.fail(), breaker.fail(), breaker.is_open] == [False, False, False]
    assert breaker.fail()
    assert breaker.is_open
    now = 2.1
    assert not breaker.is_open
    breaker.fail()
    now = 2.1 + 3.9
    assert breaker.is_open
    now = 2.1 + 4.1
    breaker.fail()
    now += 5.1
    assert not breaker.is_open
    breaker.succeed()
    assert not breaker.fail()


def test_a_batch_is_what_the_relay_carries_in_a_second(settings) -> None:
    settings.OUTBOX_BATCH_SECONDS = 1.0
    assert _batch_after(100, 0.5) == 200
    assert _batch_after(10, 30) == SMALLEST_BATCH
    assert _batch_after(0, 1) == 0


def test_mails_that_follow_each_other_take_one_connection_and_arrive_once(town, relay, courier) -> None:
    relay.pipelining = True
    mails = [post(town, f"r{number}@example.org", f"s{number}@example.org") for number in range(4)]
    assert courier.step() == 4
    assert [taken.recipient for taken in relay.taken] == [
        f"{who}{number}@example.org" for number in range(4) for who in "rs"
    ]
    assert relay.connections == 1
    assert {fate(town.organization, mail)[0] for mail in mails} == {"sent"}


def test_a_worker_told_to_stop_before_an_announced_mail_leaves_it_in_the_queue(town, relay) -> None:
    relay.pipelining = True
    first, second = post(town), post(town)
    courier = Courier(relay.client(), stopping=lambda: bool(relay.taken))
    assert courier.step() == 1
    courier.close()
    assert (fate(town.organization, first)[0], fate(town.organization, second)[0]) == ("sent", "queued")
    assert len(relay.taken) == 1
