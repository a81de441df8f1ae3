"""Outgoing mail: the relay, the retry schedule, the undo window, and the service's own DKIM key."""

from kundomail.settings.environment import BASE_DIR, LOCAL, env, local_default

# smtp://host:port, smtp+starttls://user:password@host:587 or smtps://user:password@host:465
RELAY_URL: str = env.str("RELAY_URL", default=local_default("smtp://127.0.0.1:2526"))
# Headers that the relay writes anew, so that a signature must not name them.
RELAY_REWRITES = ("Message-ID", "Date") if RELAY_URL.startswith("anymail+amazon-ses:") else ()
# File of certificates (PEM) that the relay's own one is checked against; empty = those of the system.
RELAY_CA_FILE: str = env.str("RELAY_CA_FILE", default="")
# The name we give in EHLO; empty = MAIL_DOMAIN.
RELAY_EHLO_NAME: str = env.str("RELAY_EHLO_NAME", default="")
# Of silence: after a command, while content is not read, and for a mail service's API.
RELAY_TIMEOUT_SECONDS: int = env.int("RELAY_TIMEOUT_SECONDS", default=60)
# Of connecting, greeting, TLS and log-in together.
RELAY_SESSION_SECONDS: int = env.int("RELAY_SESSION_SECONDS", default=60)
# One mail to one recipient: MAIL, RCPT and DATA together; the content, 25 MB at 30 kB/s; and the reply to the final dot,
# for which RFC 5321 (4.5.3.2.6) asks ten minutes, because who gives up there sends the mail twice.
RELAY_ENVELOPE_SECONDS: int = env.int("RELAY_ENVELOPE_SECONDS", default=240)
RELAY_CONTENT_SECONDS: int = env.int("RELAY_CONTENT_SECONDS", default=900)
RELAY_DOT_SECONDS: int = env.int("RELAY_DOT_SECONDS", default=600)
# A worker that the relay keeps waiting says this often that it lives, and gives back the mails behind this one.
RELAY_BEAT_SECONDS = 10
RELAY_MAILS_PER_CONNECTION = 100
RELAY_IDLE_SECONDS = 20  # a connection unused this long is closed
# Dotted path of a function that tells whether the relay took a mail over (whitelabel.delivery.RelayQuestion); empty = it
# cannot be asked, and a mail whose try had no answer leaves OUTBOX_UNSURE_TRIES times at most.
RELAY_QUESTION: str = env.str("RELAY_QUESTION", default="whitelabel.demo_sink.accepted" if LOCAL else "")
# The log of a Postfix relay, for RELAY_QUESTION=whitelabel.postfix_log.accepted.
RELAY_LOG_FILE: str = env.str("RELAY_LOG_FILE", default="")
# Circuit breaker: this many failed connections in a row open it; then it waits, doubling up to the limit.
RELAY_FAILURES_TO_OPEN = 3
RELAY_PAUSE_SECONDS = 2
RELAY_LONGEST_PAUSE_SECONDS = 120

UNDO_SEND_SECONDS: int = env.int("UNDO_SEND_SECONDS", default=10)
SEND_LATER_DAYS = 365  # how far ahead a mail can be planned
# Mails claimed at a time: as many as the relay carried in this time before, at most so many.
OUTBOX_BATCH_SECONDS = 1.0
OUTBOX_BATCH = 250
# Replies that may wait for a commit together, and for how long; only those of a relay that can be asked about them.
OUTBOX_UNRECORDED_REPLIES = 250
OUTBOX_UNRECORDED_SECONDS = 0.25
OUTBOX_BATCH_OCTETS = 32 * 1024 * 1024  # of them in memory at a time
# How long a worker may be silent before another takes its mails; longer than a session of the relay takes to begin, and
# than connection, content and answer of a mail service's API.
OUTBOX_LEASE_SECONDS: int = env.int("OUTBOX_LEASE_SECONDS", default=360)
# Tries of which nobody knows whether the mail left: so many copies at most where the relay cannot be asked. Then people
# are told that it may have arrived.
OUTBOX_UNSURE_TRIES: int = env.int("OUTBOX_UNSURE_TRIES", default=3)
OUTBOX_RETRY_MINUTES = (1, 2, 5, 15, 60)  # then hourly
OUTBOX_GIVE_UP_DAYS = 5
OUTGOING_MESSAGE_OCTETS = 25 * 1024 * 1024  # what common receivers accept, encoded

# Delivery confirmations at most: to one person from one inbox in 24 hours and in 7 days, in an hour from one inbox and
# from all inboxes of an organization.
CONFIRMATIONS_A_DAY = 1
CONFIRMATIONS_A_WEEK = 4
CONFIRMATIONS_AN_HOUR = 200
ORGANIZATION_CONFIRMATIONS_AN_HOUR = 500

# People who have not written first that one organization may write to in 24 hours from service addresses.
SERVICE_STRANGERS_A_DAY: int = env.int("SERVICE_STRANGERS_A_DAY", default=200)

# The key that mail from the service's own addresses is signed with: a PEM file, and the selector its public half is
# published under, at <selector>._domainkey.<MAIL_DOMAIN>. Without a file such mail is left unsigned. In local mode
# the file is made when it is missing, and the demo DNS publishes it.
SERVICE_DKIM_KEY_FILE: str = env.str(
    "SERVICE_DKIM_KEY_FILE", default=str(BASE_DIR / ".local" / "service-dkim.pem") if LOCAL else ""
)
SERVICE_DKIM_SELECTOR: str = env.str("SERVICE_DKIM_SELECTOR", default="service")

# The demo relay (`manage.py demo_sink`), local mode only: where it keeps what it was given, and how much of it.
DEMO_SINK_DIRECTORY: str = env.str("DEMO_SINK_DIRECTORY", default=str(BASE_DIR / ".local" / "sent"))
DEMO_SINK_MAILS = 500
