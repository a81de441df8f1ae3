"""Celery: its broker, and what happens to a task whose worker dies.

The rows in PostgreSQL are the truth: every task is idempotent, and the beat schedule sweeps up what a lost message
left undone. So nothing here has to be perfect, only quick to notice.
"""

from typing import Any

from kundomail.settings.environment import REDIS_URL

# kombu has its own word for a unix socket.
CELERY_BROKER_URL: str = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 240  # seconds
CELERY_TASK_TIME_LIMIT = 270  # seconds; less than visibility_timeout, or a slow task would run twice
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# Seconds. A broker that has gone away without a word must be noticed, not waited for.
_SOCKET_TIMEOUTS: dict[str, Any] = {"socket_timeout": 20, "socket_connect_timeout": 5}
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 300,  # seconds until an unacknowledged message is given out again
    "unacked_restore_interval": 5,  # seconds between looks for such messages
    "unacked_restore_throttle": 1,  # seconds; at most one such look by all workers together
    "health_check_interval": 25,  # seconds
    "socket_keepalive": True,
    **_SOCKET_TIMEOUTS,
}

# redbeat keeps the schedule's last runs in Redis under a lock: two beats may run, one sends.
CELERY_BEAT_SCHEDULER = "redbeat.RedBeatScheduler"
REDBEAT_REDIS_URL: str = REDIS_URL
REDBEAT_REDIS_OPTIONS: dict[str, Any] = {"health_check_interval": 25, **_SOCKET_TIMEOUTS}
REDBEAT_LOCK_TIMEOUT = 20  # seconds until another beat may take over from a dead one
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds; must be less than the lock's timeout
