"""Celery: its settings keep to each other, and its broker and scheduler reach the server."""

import pytest
from django.conf import settings
from kombu import Connection
from pytest_django import Settings
from redbeat.schedulers import get_redis

from kundomail import celery


def test_a_message_is_given_out_again_only_when_its_task_must_have_ended() -> None:
    visibility = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < visibility


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
