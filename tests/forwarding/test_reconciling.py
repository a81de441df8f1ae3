"""Reconciliation: each kind of gap raises the alarm, and mail that is accounted for raises none."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from conversations.models import Message
from forwarding import queue, reconciling, tasks
from forwarding.models import Delivery, RawMail, Refusal
from kundomail.celery import app
from organizations import scope
from organizations.models import Event
from tests.support.builders import Town, received, town

pytestmark = pytest.mark.django_db

State = Delivery.State


@pytest.fixture
def lillestad() -> Town:
    return town()


def delivery(
    place: Town, state: str = State.FILED, *, message: Message | None = None, minutes_ago: int = 60
) -> Delivery:
    """A delivery in the open organization; a filed one gets a message of its own unless one is given."""
    at = timezone.now() - timedelta(minutes=minutes_ago)
    raw = RawMail.objects.create(sha256="0" * 64, size=3, content=b"abc", received_at=at)
    if message is None and state in (State.FILED, State.DUPLICATE):
        message = received(place.inbox)
    return Delivery.objects.create(
        raw=raw, inbox=place.inbox, message=message, recipient_argument="x", recipient="x", peer_ip="127.0.0.1",
        received_at=at, next_attempt_at=at, state=state,
    )  # fmt: skip


def gaps_of(place: Town) -> dict[str, int]:
    return reconciling.reconcile(place.organization.pk).gaps


def events(place: Town) -> list[tuple[str, dict[str, int]]]:
    with scope.organization(place.organization):
        return list(Event.objects.filter(kind__startswith="ledger.").order_by("pk").values_list("kind", "data"))


# --- whole accounts --------------------------------------------------------------------------------------------------


def test_mail_in_every_final_state_is_accounted_for(lillestad: Town, caplog: pytest.LogCaptureFixture) -> None:
    with scope.organization(lillestad.organization):
        for state in (State.FILED, State.DUPLICATE, State.OWN_COPY, State.FEEDBACK, State.PARKED):
            delivery(lillestad, state)
        delivery(lillestad, State.ACCEPTED, minutes_ago=1)
    balance = reconciling.reconcile(lillestad.organization.pk)
    assert (balance.is_whole, balance.accepted) == (True, 6)
    assert balance.states == dict.fromkeys(("accepted", "filed", "duplicate", "own_copy", "feedback", "parked"), 1)
    assert events(lillestad) == [("ledger.balanced", {"accepted": 6})]
    assert caplog.records == []


def test_an_organization_without_mail_is_whole(lillestad: Town) -> None:
    assert gaps_of(lillestad) == {}


# --- gaps ------------------------------------------------------------------------------------------------------------


def test_octets_that_no_delivery_speaks_for_are_a_gap(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        RawMail.objects.create(sha256="0" * 64, size=3, content=b"abc", received_at=timezone.now())
    assert gaps_of(lillestad) == {"octets_without_delivery": 1}


def test_a_delivery_in_no_known_state_is_a_gap(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        Delivery.objects.filter(pk=delivery(lillestad).pk).update(state="lost")
    assert gaps_of(lillestad) == {"unknown_state": 1}


@pytest.mark.parametrize("state", [State.FILED, State.DUPLICATE])
def test_a_filed_mail_whose_message_is_gone_is_a_gap(state: str, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        Delivery.objects.filter(pk=delivery(lillestad, state).pk).update(message=None)
    assert gaps_of(lillestad) == {"filed_without_message": 1}


def test_two_filed_mails_with_one_message_are_a_gap(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        first = delivery(lillestad)
        delivery(lillestad, message=first.message)
    assert gaps_of(lillestad) == {"one_message_for_several": 1}


def test_a_mail_that_waits_longer_than_five_minutes_is_a_gap(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED, minutes_ago=6)
        delivery(lillestad, State.ACCEPTED, minutes_ago=4)
    assert gaps_of(lillestad) == {"waiting_too_long": 1}


def test_an_old_mail_that_is_tried_again_gets_five_minutes_anew(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        parked = delivery(lillestad, State.PARKED, minutes_ago=600)
        queue.put_back(parked)
    assert gaps_of(lillestad) == {}
    with scope.organization(lillestad.organization):
        Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=6))
    assert gaps_of(lillestad) == {"waiting_too_long": 1}


# --- the alarm -------------------------------------------------------------------------------------------------------


def test_a_gap_is_an_error_line_with_numbers_and_without_addresses_and_an_event(
    lillestad: Town, caplog: pytest.LogCaptureFixture
) -> None:
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED)
        Delivery.objects.filter(pk=delivery(lillestad).pk).update(message=None)
    tasks.reconcile_ledger()
    [line] = [each for each in caplog.records if each.levelno == logging.ERROR]
    number = lillestad.organization.pk
    assert line.getMessage() == f"ledger of organization {number} has gaps: filed_without_message 1, waiting_too_long 1"
    assert events(lillestad) == [("ledger.gap", {"filed_without_message": 1, "waiting_too_long": 1})]


def test_a_gap_of_one_organization_is_not_another_ones(lillestad: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED)
    assert tasks.reconcile_ledger() == 1
    assert [kind for kind, _data in events(storstad)] == ["ledger.balanced"]


def test_waiting_mail_is_noticed_between_the_nights_once_an_hour(
    lillestad: Town, caplog: pytest.LogCaptureFixture
) -> None:
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED)
    assert [tasks.watch_waiting_mail() for _ in range(3)] == [1, 1, 1]
    assert events(lillestad) == [("ledger.gap", {"waiting_too_long": 1})]
    assert len(caplog.records) == 1


def test_mail_that_has_just_come_is_no_alarm(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED, minutes_ago=1)
    assert tasks.watch_waiting_mail() == 0
    assert events(lillestad) == []


def test_the_beat_runs_both_tasks_under_the_names_they_have() -> None:
    wanted = {
        "reconcile-ledger": "forwarding.tasks.reconcile_ledger",
        "watch-waiting-mail": "forwarding.tasks.watch_waiting_mail",
    }
    app.loader.import_default_modules()
    for entry, task in wanted.items():
        assert app.conf.beat_schedule[entry]["task"] == task
        assert task in app.tasks


def test_the_night_forgets_old_refusals(lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        for days in (1, 91):
            at = timezone.now() - timedelta(days=days)
            Refusal.objects.create(
                inbox=lillestad.inbox, day=at.date(), recipient="x", reply="450 4.7.1 x", peer_ip="192.0.2.1",
                first_at=at, last_at=at,
            )  # fmt: skip
    reconciling.reconcile_all()
    with scope.organization(lillestad.organization):
        assert Refusal.objects.count() == 1


# --- manage.py ledger --check ----------------------------------------------------------------------------------------


def test_the_command_fails_when_a_mail_is_not_accounted_for(
    lillestad: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ledger", "--check")
    assert "gaps none" in capsys.readouterr().out
    with scope.organization(lillestad.organization):
        delivery(lillestad, State.ACCEPTED)
    with pytest.raises(CommandError, match="1 of 1 organizations"):
        call_command("ledger", "--check", "--organization", lillestad.organization.slug)
    assert "waiting_too_long=1" in capsys.readouterr().out


def test_a_check_of_much_mail_asks_as_often_as_of_little(lillestad: Town, django_assert_max_num_queries) -> None:
    with scope.organization(lillestad.organization):
        for _ in range(5):
            delivery(lillestad)
    with connection.cursor(), django_assert_max_num_queries(12):
        reconciling.reconcile(lillestad.organization.pk)
