"""Outgoing mail: the relay, the retry schedule and the undo window."""

from kundomail.settings.environment import env, local_default

# smtp://host:port, smtp+starttls://user:password@host:587 or smtps://…
RELAY_URL: str = env.str("RELAY_URL", default=local_default("smtp://127.0.0.1:2526"))
RELAY_TIMEOUT_SECONDS: int = env.int("RELAY_TIMEOUT_SECONDS", default=60)
UNDO_SEND_SECONDS: int = env.int("UNDO_SEND_SECONDS", default=10)
OUTBOX_BATCH = 20  # mails claimed at a time
OUTBOX_LEASE_SECONDS = 300  # longer than one SMTP transaction may take
OUTBOX_RETRY_MINUTES = (1, 2, 5, 15, 60)  # then hourly
OUTBOX_GIVE_UP_DAYS = 5
OUTGOING_MESSAGE_OCTETS = 25 * 1024 * 1024  # what common receivers accept, encoded
