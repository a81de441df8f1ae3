"""A log-in ends after seven days, and after twelve hours in which nobody did anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from organizations.tasks import clear_sessions
from tests.support.builders import Town, town

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(MONDAY, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def place(clock: time_machine.Coordinates) -> Town:
    return town()


@pytest.fixture
def agent(place: Town) -> Client:
    client = Client()
    client.force_login(place.agent)
    return client


def is_in(client: Client, place: Town) -> bool:
    return client.get(reverse("conversations:dashboard", args=[place.organization.slug])).status_code == 200


def test_whoever_works_every_day_logs_in_once_a_week(
    agent: Client, place: Town, clock: time_machine.Coordinates
) -> None:
    hours = 0
    while hours < 7 * 24:
        assert is_in(agent, place), hours
        clock.shift(timedelta(hours=6))
        hours += 6
    clock.shift(timedelta(seconds=1))
    assert not is_in(agent, place)


def test_twelve_hours_without_a_request_end_a_log_in(
    agent: Client, place: Town, clock: time_machine.Coordinates
) -> None:
    clock.shift(timedelta(hours=11, minutes=59))
    assert is_in(agent, place)
    clock.shift(timedelta(hours=12, seconds=1))
    assert not is_in(agent, place)
    clock.move_to(MONDAY + timedelta(hours=12))
    assert not is_in(agent, place)  # it has not only been passed over


def test_working_writes_the_session_now_and_then_only(
    agent: Client, place: Town, clock: time_machine.Coordinates
) -> None:
    clock.shift(timedelta(minutes=9))
    before = Session.objects.get().session_data
    assert is_in(agent, place)
    assert Session.objects.get().session_data == before
    clock.shift(timedelta(minutes=2))
    assert is_in(agent, place)
    assert Session.objects.get().session_data != before


def test_a_log_in_that_is_over_is_forgotten(agent: Client, place: Town, clock: time_machine.Coordinates) -> None:
    assert Session.objects.count() == 1
    clock.shift(timedelta(days=8))
    clear_sessions()
    assert not Session.objects.exists()
