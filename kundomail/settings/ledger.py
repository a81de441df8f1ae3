"""The ledger of incoming mail: what is kept about refused mail, and when the accounts are checked."""

from kundomail.settings.environment import env

LEDGER_PER_PAGE = 50
LEDGER_DAYS_SHOWN = 30  # the interval of a search that names none
# Kinds of refused mail (recipient, sender, reply) remembered of one inbox and day: strangers make them.
LEDGER_REFUSALS_PER_INBOX_AND_DAY: int = env.int("LEDGER_REFUSALS_PER_INBOX_AND_DAY", default=500)
LEDGER_REFUSAL_DAYS: int = env.int("LEDGER_REFUSAL_DAYS", default=90)  # then a refusal is forgotten
# A mail that has waited longer for its place in an inbox is an alarm.
LEDGER_WAIT_SECONDS: int = env.int("LEDGER_WAIT_SECONDS", default=300)
LEDGER_REPEAT_ALARM_MINUTES: int = env.int(
    "LEDGER_REPEAT_ALARM_MINUTES", default=60
)  # of one organization, while it lasts
