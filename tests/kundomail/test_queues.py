"""Celery: its settings keep to each other, and its broker and scheduler reach the server."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from kombu import Connection
from pytest_django import Settings
from redbeat.schedulers import get_redis

from kundomail import celery

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_message_is_given_out_again_only_when_its_task_must_have_ended() -> None:
    visibility = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < visibility


def test_a_task_whose_worker_dies_is_given_out_again() -> None:
    """Security 7, 23: acknowledged after the work, rejected when the worker is lost; no task has a way of its own."""
    celery.app.loader.import_default_modules()
    ours = [task for name, task in celery.app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) >= 4
    assert all(task.acks_late and task.reject_on_worker_lost for task in ours)
    assert celery.app.conf.worker_prefetch_multiplier == 1


def test_no_task_waits_in_the_broker() -> None:
    """Security 7, 23: Redis gives a task with a far ETA out again and again. Only beat sends tasks, and none for later."""
    late = {"countdown", "eta", "apply_async", "delay", "retry"}
    for path in CHECKOUT.glob("[a-z]*/**/*.py"):
        if path.parts[len(CHECKOUT.parts)] in ("tests", "bench"):
            continue
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        keywords = {keyword.arg for call in calls for keyword in call.keywords}
        assert not (methods | keywords) & late, path
    for entry in celery.beat_schedule().values():
        assert not entry.keys() & late
        assert not entry.get("options", {}).keys() & late


def test_beat_renews_its_lock_before_it_runs_out() -> None:
    assert settings.CELERY_BEAT_MAX_LOOP_INTERVAL < settings.REDBEAT_LOCK_TIMEOUT


def test_the_schedule_is_put_together_from_every_topic(settings: Settings) -> None:
    entry = {"task": "x.tasks.sweep", "schedule": 60.0}
    settings.WEATHER_BEAT_SCHEDULE = {"sweep-weather": entry}
    assert celery.beat_schedule()["sweep-weather"] == entry


def test_two_topics_cannot_use_one_name_in_the_schedule(settings: Settings) -> None:
    for name in ("RAIN_BEAT_SCHEDULE", "SNOW_BEAT_SCHEDULE"):
        setattr(settings, name, {"sweep": {"task": "x", "schedule": 1.0}})
    with pytest.raises(celery.DuplicateEntry, match="SNOW_BEAT_SCHEDULE repeats sweep"):
        celery.beat_schedule()


def test_every_scheduled_task_exists() -> None:
    celery.app.loader.import_default_modules()
    unknown = {entry["task"] for entry in celery.beat_schedule().values()} - set(celery.app.tasks)
    assert unknown == set()


def test_the_broker_and_the_scheduler_reach_the_server() -> None:
    with Connection(
        settings.CELERY_BROKER_URL, transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
    assert get_redis(celery.app).ping()
