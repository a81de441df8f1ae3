"""The Celery application: tasks of all apps, and the beat schedule put together from the settings.

A settings module that wants something done regularly defines a dictionary `<TOPIC>_BEAT_SCHEDULE` in the shape of
Celery's `beat_schedule`, for example `DNS_BEAT_SCHEDULE = {"check-due-domains": {"task": "...", "schedule": 15.0}}`.
"""

import os
from typing import Any

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kundomail.settings")


class DuplicateEntry(Exception):
    """Two settings modules named a beat entry alike; one would silently replace the other."""


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Give the entries of every setting named `…_BEAT_SCHEDULE` in one dictionary. Raises DuplicateEntry."""
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted(dir(settings)):
        if not name.endswith("_BEAT_SCHEDULE") or name.startswith("CELERY_"):
            continue
        topic = getattr(settings, name)
        if doubled := entries.keys() & topic.keys():
            raise DuplicateEntry(f"{name} repeats {', '.join(sorted(doubled))}.")
        entries |= topic
    return entries


app = Celery("kundomail")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    beat_schedule=beat_schedule(),
    # redbeat looks for its own names and does not know Celery's namespace.
    redbeat_redis_url=settings.REDBEAT_REDIS_URL,
    redbeat_redis_options=settings.REDBEAT_REDIS_OPTIONS,
    redbeat_lock_timeout=settings.REDBEAT_LOCK_TIMEOUT,
)
app.autodiscover_tasks()
