"""Every limit of the SMTP server, with its unit in the name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one server allows. Octets, seconds and counts; a session is one TCP connection.

    "N per session" means: N are answered as usual and the next one closes the connection with 421.
    """

    message_octets: int = 52_428_800
    """Largest message (RFC 1870 SIZE), after dot-unstuffing. Above: 552. Above twice this: 421 and close."""
    body_memory_octets: int = 1_048_576
    """A larger body is written to a temporary file while it arrives."""
    read_octets: int = 65_536
    """How much of DATA is read at once."""
    command_octets: int = 512
    """Longest command line (RFC 5321 section 4.5.3.1.4)."""
    mail_parameter_octets: int = 53
    """What MAIL may be longer: SIZE 26 (RFC 1870), BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531)."""
    recipients: int = 100
    """Recipients of one message; more are answered 452."""
    commands: int = 500
    """Commands since the session began or since its last accepted message."""
    noops: int = 20
    """NOOP, RSET, VRFY, EXPN and HELP since the session began or since its last accepted message."""
    errors: int = 20
    """Permanent refusals (5xx) per session."""
    unknown_recipients: int = 20
    """Recipients refused with 550 per session."""
    unknown_commands: int = 5
    """The session ends at this unknown verb."""
    session_seconds: float = 900
    """A session ends at the first quiet moment after this time; a message under way is finished first."""
    command_seconds: float = 300
    """Longest wait for a command (RFC 5321 section 4.5.3.2.7)."""
    data_idle_seconds: float = 60
    """Longest pause inside DATA."""
    data_grace_seconds: float = 300
    """How long DATA may be slower than `data_octets_per_second`."""
    data_octets_per_second: int = 1_000
    """Slowest average speed of DATA after the grace time."""
    store_seconds: float = 60
    """Longest wait for the commit; then 451, although the commit may still come."""
    resolve_seconds: float = 20
    """Longest wait for the look-up of a recipient; then 451."""
    linger_seconds: float = 5
    """How long a closed session may take to read its last reply."""
    drain_seconds: float = 30
    """How long sessions may go on after the server was told to stop."""
    proxy_seconds: float = 5
    """Longest wait for the PROXY header of a trusted peer."""
    connections: int = 500
    """Connections of all processes together."""
    connections_per_ip: int = 20
    """Connections of one address (of one /64 for IPv6)."""
    connections_per_wide_ip: int = 200
    """The same for the addresses of large providers."""
    descriptor_reserve: int = 50
    """File descriptors kept free for the database, temporary files and logs."""
    flood_per_minute: int = 600
    """Recipients accepted for one inbox in a minute; more are answered 450."""
    received_lines: int = 100
    """Received headers of one message; more are a loop (RFC 5321 section 6.3)."""
    own_received_lines: int = 3
    """This many Received headers naming one of our hosts are a loop."""
    trace_octets: int = 262_144
    """How much of the header is searched for Received."""
    free_disk_octets: int = 78_643_200
    """Less free space than this for temporary files: 452 at MAIL."""
