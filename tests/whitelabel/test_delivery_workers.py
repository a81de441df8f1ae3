"""The workers that empty the outbox: who takes what, in which order, how much at once, and what stops one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from organizations import scope
from tests.support import builders
from tests.support.outgoing import age, fate, last_reply, post
from tests.support.relay import HANG_UP
from whitelabel import outbox_queue
from whitelabel.breaker import Breaker
from whitelabel.delivery import SMALLEST_BATCH, Courier, _batch_after
from whitelabel.models import OutboundMail
from whitelabel.relay import Reply

pytestmark = pytest.mark.django_db


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
    assert last_reply(town.organization, mail) != "too late"


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


def _raise(*arguments: object) -> None:
    raise OperationalError("the database is gone")


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
