"""The ledger of incoming mail: what is kept about refused mail, and when the accounts are checked."""

from typing import Any

from celery.schedules import crontab

from kundomail.settings.environment import env

LEDGER_PER_PAGE = 50
LEDGER_DAYS_SHOWN = 30  # the interval of a search that names none
# Kinds of refused mail (recipient, sender, reply) remembered of one inbox and day: strangers make them.
LEDGER_REFUSALS_PER_INBOX_AND_DAY: int = env.int("LEDGER_REFUSALS_PER_INBOX_AND_DAY", default=500)
LEDGER_REFUSAL_DAYS: int = env.int("LEDGER_REFUSAL_DAYS", default=90)  # then a refusal is forgotten
# A mail that has waited longer for its place in an inbox is an alarm,
LEDGER_WAIT_SECONDS: int = env.int("LEDGER_WAIT_SECONDS", default=300)
# which is repeated so often for one organization.
LEDGER_REPEAT_ALARM_MINUTES: int = env.int("LEDGER_REPEAT_ALARM_MINUTES", default=60)

LEDGER_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "reconcile-ledger": {"task": "forwarding.tasks.reconcile_ledger", "schedule": crontab(hour=2, minute=20)},
    "watch-waiting-mail": {"task": "forwarding.tasks.watch_waiting_mail", "schedule": 60.0, "options": {"expires": 60}},
}
