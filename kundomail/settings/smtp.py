"""Incoming mail: where the SMTP server listens and how much it allows (see forwarding/smtpd/limits.py)."""

from forwarding import mail_services
from forwarding.smtpd.limits import Limits
from kundomail.settings.environment import LOCAL, env

# --- Listening ---------------------------------------------------------------------------------------------------
SMTP_HOST: str = env.str("SMTP_HOST", default="127.0.0.1" if LOCAL else "0.0.0.0")  # noqa: S104  (the world's mail comes here)
SMTP_PORT: int = env.int("SMTP_PORT", default=2525 if LOCAL else 25)
SMTP_PROCESSES: int = env.int("SMTP_PROCESSES", default=1 if LOCAL else 2)
# The name in the banner: the one the MX record points to.
SMTP_HOSTNAME: str = env.str("SMTP_HOSTNAME", default=env.str("MAIL_DOMAIN", default="mail.kundo.se"))
# Names our hosts write into Received, to find loops: the relay's too.
SMTP_OWN_HOSTS: list[str] = env.list("SMTP_OWN_HOSTS", default=[SMTP_HOSTNAME])
# PEM files; empty: a certificate is made at the start, which encrypts but proves nothing.
SMTP_CERTIFICATE: str = env.str("SMTP_CERTIFICATE", default="")
SMTP_CERTIFICATE_KEY: str = env.str("SMTP_CERTIFICATE_KEY", default="")
# Load balancers that send a PROXY header, as networks. Nobody else may.
SMTP_PROXY_NETWORKS: list[str] = env.list("SMTP_PROXY_NETWORKS", default=[])
# Servers in front, for example Postfix, that may name the client they speak for (XFORWARD), as networks. Nobody else may.
SMTP_XFORWARD_NETWORKS: list[str] = env.list("SMTP_XFORWARD_NETWORKS", default=[])
# Large bodies while they arrive; empty: the system's.
SMTP_TEMPORARY_DIRECTORY: str = env.str("SMTP_TEMPORARY_DIRECTORY", default="")
# The key of the service address that reads postmaster and abuse (`manage.py ensure_operator` makes it).
SMTP_OPERATOR_KEY: str = env.str("SMTP_OPERATOR_KEY", default="operator")
# How long mail to a suspended address is put off before it is refused for good.
SMTP_SUSPENSION_DAYS: int = env.int("SMTP_SUSPENSION_DAYS", default=14)

# --- Limits; "a session" is one TCP connection ---------------------------------------------------------------------
SMTP_MESSAGE_OCTETS: int = env.int("SMTP_MESSAGE_OCTETS", default=Limits.message_octets)
SMTP_BODY_MEMORY_OCTETS: int = env.int("SMTP_BODY_MEMORY_OCTETS", default=Limits.body_memory_octets)
SMTP_READ_OCTETS: int = env.int("SMTP_READ_OCTETS", default=Limits.read_octets)
SMTP_COMMAND_OCTETS: int = env.int("SMTP_COMMAND_OCTETS", default=Limits.command_octets)
SMTP_MAIL_PARAMETER_OCTETS: int = env.int("SMTP_MAIL_PARAMETER_OCTETS", default=Limits.mail_parameter_octets)
SMTP_RECIPIENTS: int = env.int("SMTP_RECIPIENTS", default=Limits.recipients)  # of one message
SMTP_COMMANDS: int = env.int("SMTP_COMMANDS", default=Limits.commands)  # of a session without a message
SMTP_NOOPS: int = env.int("SMTP_NOOPS", default=Limits.noops)  # of a session without a message
SMTP_ERRORS: int = env.int("SMTP_ERRORS", default=Limits.errors)  # of a session
SMTP_UNKNOWN_RECIPIENTS: int = env.int("SMTP_UNKNOWN_RECIPIENTS", default=Limits.unknown_recipients)  # of a session
SMTP_UNKNOWN_COMMANDS: int = env.int("SMTP_UNKNOWN_COMMANDS", default=Limits.unknown_commands)  # of a session
SMTP_SESSION_SECONDS: float = env.float("SMTP_SESSION_SECONDS", default=Limits.session_seconds)
SMTP_COMMAND_SECONDS: float = env.float("SMTP_COMMAND_SECONDS", default=Limits.command_seconds)
SMTP_DATA_IDLE_SECONDS: float = env.float("SMTP_DATA_IDLE_SECONDS", default=Limits.data_idle_seconds)
SMTP_DATA_GRACE_SECONDS: float = env.float("SMTP_DATA_GRACE_SECONDS", default=Limits.data_grace_seconds)
SMTP_DATA_OCTETS_PER_SECOND: int = env.int("SMTP_DATA_OCTETS_PER_SECOND", default=Limits.data_octets_per_second)
SMTP_STORE_SECONDS: float = env.float("SMTP_STORE_SECONDS", default=Limits.store_seconds)
SMTP_RESOLVE_SECONDS: float = env.float("SMTP_RESOLVE_SECONDS", default=Limits.resolve_seconds)
SMTP_LINGER_SECONDS: float = env.float("SMTP_LINGER_SECONDS", default=Limits.linger_seconds)
SMTP_DRAIN_SECONDS: float = env.float("SMTP_DRAIN_SECONDS", default=Limits.drain_seconds)
SMTP_PROXY_SECONDS: float = env.float("SMTP_PROXY_SECONDS", default=Limits.proxy_seconds)
SMTP_CONNECTIONS: int = env.int("SMTP_CONNECTIONS", default=Limits.connections)  # of all processes
SMTP_CONNECTIONS_PER_IP: int = env.int("SMTP_CONNECTIONS_PER_IP", default=Limits.connections_per_ip)
SMTP_CONNECTIONS_PER_WIDE_IP: int = env.int("SMTP_CONNECTIONS_PER_WIDE_IP", default=Limits.connections_per_wide_ip)
# Who may open many connections at once; a network that is missing only gets the ordinary limit. An own Postfix in front
# belongs here too.
SMTP_WIDE_NETWORKS: list[str] = env.list(
    "SMTP_WIDE_NETWORKS",
    default=[*mail_services.MICROSOFT, *mail_services.MICROSOFT_POOL, *mail_services.GOOGLE],
)
SMTP_DESCRIPTOR_RESERVE: int = env.int("SMTP_DESCRIPTOR_RESERVE", default=Limits.descriptor_reserve)
SMTP_FLOOD_PER_MINUTE: int = env.int("SMTP_FLOOD_PER_MINUTE", default=Limits.flood_per_minute)  # of one inbox
SMTP_RECEIVED_LINES: int = env.int("SMTP_RECEIVED_LINES", default=Limits.received_lines)
SMTP_OWN_RECEIVED_LINES: int = env.int("SMTP_OWN_RECEIVED_LINES", default=Limits.own_received_lines)
SMTP_TRACE_OCTETS: int = env.int("SMTP_TRACE_OCTETS", default=Limits.trace_octets)
SMTP_FREE_DISK_OCTETS: int = env.int("SMTP_FREE_DISK_OCTETS", default=Limits.free_disk_octets)

# --- The spool: how much one transaction takes ---------------------------------------------------------------------
SMTP_GROUP_MESSAGES: int = env.int("SMTP_GROUP_MESSAGES", default=100)
SMTP_GROUP_OCTETS: int = env.int("SMTP_GROUP_OCTETS", default=4 * 1024 * 1024)  # a larger message goes alone
SMTP_STATEMENT_SECONDS: float = env.float("SMTP_STATEMENT_SECONDS", default=30)
SMTP_SPOOL_THREADS: int = env.int("SMTP_SPOOL_THREADS", default=1)  # of each process, for small and for large mail
SMTP_DIRECTORY_THREADS: int = env.int("SMTP_DIRECTORY_THREADS", default=1)  # of each process
