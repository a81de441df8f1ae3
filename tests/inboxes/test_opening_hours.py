"""Opening hours: what people write, what is stored, and which confirmation goes out when."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from inboxes import opening_hours
from inboxes.models import Inbox
from inboxes.opening_hours import UnreadableHours, is_open, read_day, written_day
from organizations import scope
from organizations.models import User
from tests.support.builders import Town, town

STOCKHOLM = ZoneInfo("Europe/Stockholm")
WEEK = [[day, "08:00", "16:30"] for day in range(4)] + [[4, "08:00", "12:00"], [4, "13:00", "15:00"]]


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("", []),
        ("  ", []),
        ("8-17", [("08:00", "17:00")]),
        ("08:00–16.30", [("08:00", "16:30")]),
        ("13–17, 8–12", [("08:00", "12:00"), ("13:00", "17:00")]),
        ("8–12 och 12–17", [("08:00", "12:00"), ("12:00", "17:00")]),
        ("0-24", [("00:00", "24:00")]),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, intervals: list[tuple[str, str]]) -> None:
    assert read_day(text) == intervals


@pytest.mark.parametrize(
    "text", ["öppet", "8", "17-8", "8-8", "8-25", "8:75-9", "24:30-24:40", "8-12, 11-17", "8-9," * 9]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnreadableHours):
        read_day(text)


def test_what_is_stored_is_shown_as_it_would_be_written() -> None:
    assert written_day(WEEK, 4) == "08:00–12:00, 13:00–15:00"
    assert [list(each) for each in read_day(written_day(WEEK, 4))] == [row[1:] for row in WEEK if row[0] == 4]
    assert written_day(WEEK, 6) == ""


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 9, 8, 0, tzinfo=STOCKHOLM), True),  # a Monday
        (datetime(2026, 3, 9, 7, 59, tzinfo=STOCKHOLM), False),
        (datetime(2026, 3, 9, 16, 30, tzinfo=STOCKHOLM), False),
        (datetime(2026, 3, 13, 12, 30, tzinfo=STOCKHOLM), False),
        (datetime(2026, 3, 13, 14, 0, tzinfo=STOCKHOLM), True),
        (datetime(2026, 3, 15, 12, 0, tzinfo=STOCKHOLM), False),
    ],
)
def test_an_inbox_is_open_within_its_hours(moment: datetime, expected: bool) -> None:
    assert is_open(WEEK, moment) is expected
    assert is_open([], moment)


def inbox_with(**fields: Any) -> Inbox:
    """An inbox that is nowhere stored."""
    return Inbox(organization_id=1, **fields)


def test_open_until_midnight_includes_the_last_minute() -> None:
    assert is_open([[6, "20:00", "24:00"]], datetime(2026, 3, 15, 23, 59, tzinfo=STOCKHOLM))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        # 07:30 UTC on a Monday is 08:30 in Stockholm in winter, and 09:30 in summer time.
        (datetime(2026, 3, 9, 7, 30, tzinfo=ZoneInfo("UTC")), "Öppet"),
        (datetime(2026, 3, 9, 6, 59, tzinfo=ZoneInfo("UTC")), "Stängt"),
        (datetime(2026, 7, 6, 6, 1, tzinfo=ZoneInfo("UTC")), "Öppet"),
    ],
)
def test_the_text_follows_the_local_time_of_arrival(moment: datetime, text: str) -> None:
    inbox = inbox_with(confirmation="Öppet\n", confirmation_when_closed="Stängt", hours=WEEK)
    assert inbox.confirmation_at(moment) == text


def test_without_a_text_for_closed_hours_the_same_goes_out_at_all_hours() -> None:
    night = datetime(2026, 3, 9, 3, 0, tzinfo=STOCKHOLM)
    assert inbox_with(confirmation="Tack", hours=WEEK).confirmation_at(night) == "Tack"
    assert inbox_with(hours=WEEK).confirmation_at(night) == ""
    assert inbox_with(confirmation="Tack", confirmation_when_closed="Stängt").confirmation_at(night) == "Tack"


# --- the settings page -----------------------------------------------------------------------------------------------


@pytest.fixture
def place(db: Any) -> Town:
    return town()


def save(place: Town, client: Client, **changes: str) -> str:
    """Post the General page as the admin; gives the page that follows."""
    client.force_login(place.admin)
    url = reverse("inboxes:general", args=[place.organization.slug, place.inbox.pk])
    days = {f"day_{day}": "" for day in opening_hours.DAYS}
    values = {"name": "Jobb", "confirmation": "Tack", "confirmation_when_closed": "", **days, **changes}
    return client.post(url, values, follow=True).content.decode()


def stored(place: Town) -> Inbox:
    with scope.organization(place.organization):
        return Inbox.objects.get(pk=place.inbox.pk)


def test_an_admin_sets_hours_and_a_text_for_the_rest(place: Town, client: Client) -> None:
    body = save(place, client, day_0="8-16.30", day_4="8–12, 13–15", confirmation_when_closed="Vi har stängt.")
    inbox = stored(place)
    assert inbox.hours == [[0, "08:00", "16:30"], [4, "08:00", "12:00"], [4, "13:00", "15:00"]]
    assert inbox.confirmation_when_closed == "Vi har stängt."
    assert 'value="08:00–12:00, 13:00–15:00"' in body
    for words in ("Öppettider", "Måndag", "Söndag", "Leveransbekräftelse"):
        assert words in body


def test_hours_that_cannot_be_read_are_explained_and_change_nothing(place: Town, client: Client) -> None:
    body = save(place, client, day_0="sent", confirmation_when_closed="Vi har stängt.")
    assert "Skriv från när till när" in body
    assert "Skriv öppettiderna också" not in body
    assert 'value="sent"' in body
    assert stored(place).hours == []


def test_a_text_that_could_never_be_sent_is_pointed_out(place: Town, client: Client) -> None:
    assert "Skriv öppettiderna också" in save(place, client, confirmation_when_closed="Vi har stängt.")
    assert stored(place).confirmation_when_closed == ""


def test_the_page_is_in_english_too(place: Town, client: Client) -> None:
    User.objects.filter(pk=place.admin.pk).update(language="en")
    body = save(place, client)
    assert "Opening hours" in body
    assert "Monday" in body
