"""Live updates over a real server: who hears what, when, and for how long."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from conversations import live, timeline
from organizations import scope
from organizations.models import Membership, User
from tests.conversations.conftest import signed_in
from tests.support import builders
from tests.support.builders import Town
from tests.support.web import EventStream, serving, wait_until_nobody_listens

pytestmark = pytest.mark.django_db(transaction=True)


LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
def served(transactional_db: Any, lillestad: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that has begun to listen: what happens before that is told as "refresh" alone."""
    monkeypatch.setattr(live, "LISTEN_SECONDS", 0.2)
    with serving() as url, stream(url, lillestad, lillestad.admin) as first:
        first.line()
        while not listening():
            time.sleep(0.02)
        assert first.event() == ("refresh", "{}")
        yield url
    wait_until_nobody_listens()


def listening() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(LISTENING)
        return bool(cursor.fetchone()[0])


def stream(served: str, town: Town, user: User) -> EventStream:
    cookie = signed_in(user).cookies["session"].value
    return EventStream(f"{served}/{town.organization.slug}/live/", f"session={cookie}")


def receive(town: Town, number: int = 1) -> None:
    with scope.organization(town.organization):
        for _mail in range(number):
            builders.received(town.inbox)


def receive_and_fail(town: Town) -> None:
    with scope.organization(town.organization):
        builders.received(town.inbox)
        raise RuntimeError("after the mail, before the commit")


def test_a_mail_is_told_with_its_number_and_nothing_of_what_it_says(served: str, lillestad: Town) -> None:
    with stream(served, lillestad, lillestad.agent) as heard:
        assert heard.response.headers["Content-Type"] == "text/event-stream"
        assert heard.response.headers["Cache-Control"] == "private, no-store"
        assert heard.line().startswith("retry:")
        receive(lillestad)
        assert heard.event() == ("conversation", json.dumps({"number": 1, "kinds": ["message"]}))
        assert heard.event() == ("counts", "{}")


def test_many_changes_at_once_are_told_as_one_each(served: str, lillestad: Town) -> None:
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        receive(lillestad, 3)
        names = []
        while names[-1:] != ["counts"]:
            names.append(heard.event()[0])
        assert names == ["conversation", "conversation", "conversation", "counts"]


def test_what_happens_in_another_organization_is_not_heard(served: str, lillestad: Town) -> None:
    storstad = builders.town("Storstad", "jobb@storstad.se")
    with scope.organization(lillestad.organization):
        conversation = builders.received(lillestad.inbox).conversation
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        receive(storstad, 3)
        with scope.organization(lillestad.organization):
            timeline.set_status(conversation, "done", actor=lillestad.agent)
        assert heard.event() == ("conversation", json.dumps({"number": 1, "kinds": ["status"]}))


def test_a_change_that_was_rolled_back_is_not_told(served: str, lillestad: Town) -> None:
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        with pytest.raises(RuntimeError):
            receive_and_fail(lillestad)
        receive(lillestad)
        told = []
        while told[-1:] != ["counts"]:
            told.append(heard.event()[0])
        assert told.count("conversation") == 1


def test_a_stream_ends_so_that_rights_are_asked_again(served: str, lillestad: Town, settings: Any) -> None:
    settings.LIVE_SESSION_SECONDS = 1
    with stream(served, lillestad, lillestad.agent) as heard:
        while heard.line():
            pass


def test_a_removed_colleague_hears_nothing_more_on_an_open_stream(served: str, lillestad: Town, settings: Any) -> None:
    settings.LIVE_RIGHTS_SECONDS = 0
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        with scope.organization(lillestad.organization):
            Membership.objects.filter(user=lillestad.agent).delete()
        receive(lillestad)
        assert heard.event() == ("", "")  # the stream has ended


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}])
def test_nobody_hears_on_after_being_shut_out_or_changing_the_password(
    served: str, lillestad: Town, settings: Any, change: dict[str, Any]
) -> None:
    settings.LIVE_RIGHTS_SECONDS = 0
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        User.objects.filter(pk=lillestad.agent.pk).update(**change)
        receive(lillestad)
        assert heard.event() == ("", "")


def test_nobody_hears_on_after_logging_out(served: str, lillestad: Town, settings: Any) -> None:
    settings.LIVE_RIGHTS_SECONDS = 0
    client = signed_in(lillestad.agent)
    cookie = f"session={client.cookies['session'].value}"
    with EventStream(f"{served}/{lillestad.organization.slug}/live/", cookie) as heard:
        heard.line()
        client.logout()
        receive(lillestad)
        assert heard.event() == ("", "")


def test_a_quiet_stream_gives_signs_of_life(served: str, lillestad: Town, settings: Any) -> None:
    settings.LIVE_PING_SECONDS = 0.3
    with stream(served, lillestad, lillestad.agent) as heard:
        heard.line()
        lines = [heard.line() for _line in range(3)]
    assert ": ping" in lines


def test_a_stranger_hears_nothing(served: str, lillestad: Town, client: Client) -> None:
    storstad = builders.town("Storstad", "jobb@storstad.se")
    with stream(served, lillestad, storstad.agent) as heard:
        assert heard.response.status == 404
    with EventStream(f"{served}/{lillestad.organization.slug}/live/") as heard:
        assert heard.response.status == 401


def test_open_streams_hold_no_database_connection(served: str, lillestad: Town) -> None:
    with (
        stream(served, lillestad, lillestad.agent) as first,
        stream(served, lillestad, lillestad.admin) as second,
        stream(served, lillestad, lillestad.agent) as third,
    ):
        for heard in (first, second, third):
            heard.line()
        # This test's own and the one thread's that listens. A connection that was just given back takes a moment to end.
        deadline = time.monotonic() + 10
        while (found := connections()) > 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == 2


def connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])
