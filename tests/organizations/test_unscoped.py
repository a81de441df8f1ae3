"""A query that forgot its organization, in the three places where it would happen: it raises, and raw SQL sees nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import shared_task
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from conversations.models import Conversation
from organizations import scope
from tests.support.builders import person, received, town

CHECKOUT = Path(__file__).resolve().parents[2]
SHELL = """
from django.db import connection
from conversations.models import Conversation
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM conversations_conversation")
    print("raw", cursor.fetchone()[0])
print("scoped", Conversation.objects.count())
"""


def forgetful(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Conversation.objects.count()))


def raw(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_conversation")
        return HttpResponse(str(cursor.fetchone()[0]))


@shared_task(name="tests.forgetful")
def forgetful_task() -> int:
    return Conversation.objects.count()


urlpatterns = [path("forgetful/", forgetful), path("raw/", raw)]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def somebodys_mail() -> None:
    place = town()
    with scope.organization(place.organization):
        received(place.inbox)
        assert Conversation.objects.count() == 1


def test_a_view_that_forgot_raises(client: Client) -> None:
    with pytest.raises(scope.NoOrganization):
        client.get("/forgetful/")


def test_a_view_with_raw_sql_sees_nothing(client: Client) -> None:
    assert client.get("/raw/").content == b"0"


def test_a_task_that_forgot_raises() -> None:
    result = forgetful_task.apply()
    assert isinstance(result.result, scope.NoOrganization)


def test_a_shell_that_forgot_raises_and_raw_sql_there_sees_nothing() -> None:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    shell = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "shell", "-c", SHELL],
        env={**os.environ, "DATABASE_URL": url, "KUNDOMAIL_LOCAL": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "raw 0" in shell.stdout
    assert "NoOrganization" in shell.stderr
    assert "scoped" not in shell.stdout


def now() -> tuple[str, str]:
    """What row-level security compares with: whether queues are open, and whose memberships."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.queue', true), current_setting('app.user_id', true)")
        queue, user_id = cursor.fetchone()
        return queue or "", user_id or ""


@pytest.mark.django_db
def test_an_inner_scope_leaves_the_outer_one_as_it_was() -> None:
    first, second = person(), person()
    with scope.queue(), scope.person(first.pk):
        with scope.queue(), scope.person(second.pk):
            assert now() == ("on", str(second.pk))
        assert now() == ("on", str(first.pk))
    assert now() == ("", "")


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_scope_outlives_its_transaction() -> None:
    someone = person()
    with scope.queue(), scope.person(someone.pk):
        assert now() == ("on", str(someone.pk))
    assert now() == ("", "")
    with pytest.raises(RuntimeError), scope.person(someone.pk):
        raise RuntimeError
    assert now() == ("", "")
