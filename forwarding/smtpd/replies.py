"""Every reply of the server (RFC 5321 section 4.2, enhanced codes of RFC 3463), word by word.

A reply never holds text of the peer or of an exception: the first would be an injection, the second tells about our
insides.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """One reply line without line end; `closes` ends the session after it."""

    line: str
    closes: bool = False

    @property
    def code(self) -> int:
        """The three digits."""
        return int(self.line[:3])


HELP = Reply("214 2.0.0 See RFC 5321")
BYE = Reply("221 2.0.0 Bye", closes=True)
NOT_A_WEB_SERVER = Reply("221 2.7.0 This is a mail server", closes=True)
OK = Reply("250 2.0.0 OK")
SENDER_OK = Reply("250 2.1.0 Sender OK")
RECIPIENT_OK = Reply("250 2.1.5 Recipient OK")
ACCEPTED = Reply("250 2.0.0 Message accepted")
CANNOT_VERIFY = Reply("252 2.1.5 Cannot verify, send some mail")
SEND_DATA = Reply("354 End data with <CR><LF>.<CR><LF>")

SHUTTING_DOWN = Reply("421 4.3.2 Service shutting down, please retry", closes=True)
TIMEOUT = Reply("421 4.4.2 Timeout", closes=True)
TOO_SLOW = Reply("421 4.4.2 Data too slow", closes=True)
TOO_MANY_CONNECTIONS = Reply("421 4.7.0 Too many connections, please retry later", closes=True)
SESSION_TOO_LONG = Reply("421 4.7.0 Session too long, please reconnect", closes=True)
TOO_MANY_COMMANDS = Reply("421 4.7.0 Too many commands, please reconnect", closes=True)
TOO_MANY_ERRORS = Reply("421 4.7.0 Too many errors", closes=True)
TOO_MANY_UNKNOWN = Reply("421 4.7.0 Too many unknown recipients", closes=True)
ENDLESS_DATA = Reply("421 4.7.0 Message far too large", closes=True)
ENDLESS_LINE = Reply("421 4.7.0 Command line without end", closes=True)

SUSPENDED = Reply("450 4.2.1 Mailbox temporarily closed, please retry later")
FLOOD = Reply("450 4.7.1 Too many messages for this mailbox, please retry later")
TEMPORARY_FAILURE = Reply("451 4.3.0 Temporary failure, please retry")
DISK_FULL = Reply("452 4.3.1 Insufficient storage, please retry later")
TOO_MANY_RECIPIENTS = Reply("452 4.5.3 Too many recipients")
TLS_UNAVAILABLE = Reply("454 4.7.0 TLS not available")

LINE_TOO_LONG = Reply("500 5.5.2 Command line too long")
UNKNOWN_COMMAND = Reply("500 5.5.2 Command not recognized")
SYNTAX = Reply("501 5.5.4 Syntax error in parameters")
NO_ADDRESS = Reply("501 5.1.3 Address missing")
NOT_OFFERED = Reply("502 5.5.1 Command not offered")
TOO_MANY_UNKNOWN_COMMANDS = Reply("502 5.5.1 Too many unrecognized commands", closes=True)
HELLO_FIRST = Reply("503 5.5.1 Send EHLO first")
MAIL_FIRST = Reply("503 5.5.1 Need MAIL command")
RECIPIENT_FIRST = Reply("503 5.5.1 Need RCPT command")
NESTED_MAIL = Reply("503 5.5.1 Sender already given")
TLS_ALREADY = Reply("503 5.5.1 TLS already active")
DATA_TOO_EARLY = Reply("503 5.5.0 Message sent before 354", closes=True)
NO_AUTHENTICATION = Reply("538 5.7.11 Encryption required")
UNKNOWN_RECIPIENT = Reply("550 5.1.1 No such mailbox here")
RELAY_DENIED = Reply("550 5.7.1 Relaying denied")
MESSAGE_TOO_LARGE = Reply("552 5.3.4 Message too large")
MALFORMED_ADDRESS = Reply("553 5.1.3 Malformed address")
LOOP = Reply("554 5.4.6 Mail loop detected")
UNKNOWN_PARAMETER = Reply("555 5.5.4 Parameter not recognized")
