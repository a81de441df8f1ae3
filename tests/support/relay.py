"""A relay on loopback: a real SMTP server that takes mail, and that can misbehave in every way a relay has been seen to."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

Stage = str
"""connect, ehlo, auth, mail, rcpt, data, dot, quit"""

OK = {
    "connect": b"220 relay.example ESMTP",
    "ehlo": b"250-relay.example\r\n250-SIZE 52428800\r\n250 ENHANCEDSTATUSCODES",
    "auth": b"235 2.7.0 welcome",
    "mail": b"250 2.1.0 ok",
    "rcpt": b"250 2.1.5 ok",
    "data": b"354 go ahead",
    "dot": b"250 2.0.0 queued as 4XYZ",
    "quit": b"221 2.0.0 bye",
}


RECEIVE_BUFFER_OCTETS = 64 * 1024
"""Small, so that who reads slowly is noticed."""


@dataclass(frozen=True)
class Taken:
    """One mail the relay has answered 250 to (or would have, had it not hung up): envelope and octets."""

    envelope_sender: str
    recipient: str
    content: bytes
    peer: str = ""
    """The address it came from."""


@dataclass(frozen=True)
class Misbehaviour:
    """Instead of a reply: hang up at once, say nothing, be "late" with it, or send it "slow", one octet at a time."""

    kind: str
    seconds: float = 0


HANG_UP = Misbehaviour("hang up")
SILENCE = Misbehaviour("silence")
LATER = b"451 4.7.1 try later"


@dataclass
class FakeRelay:
    """The server's side. `answer` decides the reply to each stage; `taken` are the mails it is responsible for."""

    port: int
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    answer: Callable[[Stage, bytes], bytes | Misbehaviour | None] = lambda stage, line: None
    pipelining: bool = False
    """Whether it offers RFC 2920."""
    octets_a_second: float = 0
    """How fast it reads content; 0: as it comes."""
    careless: bool = False
    """Whether it asks for content after it refused the recipient."""
    logins: list[bytes] = field(default_factory=list)
    """What clients logged in with (AUTH PLAIN, decoded); it is offered over TLS only."""
    log: Path | None = None
    """Where lines as Postfix's are written, before the reply: for every mail taken, and for every one refused."""

    def client(self, **options: object) -> Relay:
        """Our relay client, pointed here."""
        settings = {"timeout_seconds": 5, "envelope_seconds": 10, "dot_seconds": 10, "ehlo_name": "mail.kundo.se"}
        return Relay(RelayAddress("smtp", "127.0.0.1", self.port, **{**settings, **options}))  # type: ignore[arg-type]

    def has(self, envelope_sender: str, recipient: str, message_id: str) -> bool | None:
        """What a relay's log would say (whitelabel.delivery.RelayQuestion)."""
        return any((t.envelope_sender, t.recipient) == (envelope_sender, recipient) for t in self.taken)


class _Session(threading.Thread):
    """One connection."""

    def __init__(self, relay: FakeRelay, connection: socket.socket, tls: ssl.SSLContext | None, at_once: bool) -> None:
        super().__init__(daemon=True)
        self._relay, self._socket, self._tls = relay, connection, tls
        self._file = connection.makefile("rb")
        self._at_once = at_once
        self._sender = self._recipient = ""
        self._last = b""

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._at_once:
                self._encrypt()
            if self._say("connect", b""):
                while line := self._file.readline():
                    if not self._command(line.rstrip(b"\r\n")):
                        break
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self._socket.close()

    def _command(self, line: bytes) -> bool:
        verb = line[:4].upper()
        if verb == b"EHLO":
            secure = isinstance(self._socket, ssl.SSLSocket)
            more = [b"STARTTLS"] * (self._tls is not None) + [b"PIPELINING"] * self._relay.pipelining
            more += [b"AUTH PLAIN"] * secure
            return self._say("ehlo", line, more)
        if verb == b"STAR":
            return self._start_tls()
        if verb == b"AUTH":
            self._relay.logins.append(base64.b64decode(line.rpartition(b" ")[2]))
            return self._say("auth", line)
        if verb == b"MAIL":
            going_on = self._say("mail", line)
            self._sender, self._recipient = _path(line) if self._last.startswith(b"2") else "", ""
            return going_on
        if verb == b"RCPT":
            going_on = self._say("rcpt", line)
            if not self._last.startswith(b"2"):
                self._log_refusal("smtpd[1]: NOQUEUE: reject: RCPT", self._last)
            self._recipient = _path(line) if self._last.startswith(b"2") else ""
            return going_on
        if verb == b"DATA":
            return self._say("data", line) and (not self._last.startswith(b"354") or self._content())
        if verb == b"QUIT":
            self._say("quit", line)
            return False
        self._socket.sendall(b"250 2.0.0 ok\r\n")
        return True

    def _content(self) -> bool:
        lines, octets_a_second = [], self._relay.octets_a_second
        while (line := self._file.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
            if octets_a_second:
                time.sleep(len(line) / octets_a_second)
        if not line:
            return False
        taken = Taken(self._sender, self._recipient, b"".join(lines), self._socket.getpeername()[0])
        if not taken.recipient:
            return self._send(b"554 5.5.1 no valid recipients", "dot")
        reply = self._relay.answer("dot", taken.recipient.encode())
        takes_over = reply is None or isinstance(reply, Misbehaviour) or reply.startswith(b"2")
        if takes_over:
            self._relay.taken.append(taken)
            self._log(f"qmgr[1]: 4XYZ: from=<{taken.envelope_sender}>, size=1, nrcpt=1 (queue active)")
        elif isinstance(reply, bytes):
            self._log_refusal("cleanup[1]: 4XYZ: milter-reject: END-OF-MESSAGE", reply)
        return self._send(reply, "dot")

    def _log_refusal(self, what: str, reply: bytes) -> None:
        envelope = f"from=<{self._sender}> to=<{self._recipient}> proto=ESMTP helo=<mail.kundo.se>"
        self._log(f"{what} from localhost[127.0.0.1]: {reply.decode()}; {envelope}")

    def _log(self, line: str) -> None:
        if self._relay.log:
            with self._relay.log.open("a") as log:
                log.write(f"{line}\n")

    def _say(self, stage: Stage, line: bytes, more: Sequence[bytes] = ()) -> bool:
        careful = stage == "data" and not self._relay.careless
        missing = (stage == "rcpt" and not self._sender) or (careful and not self._recipient)
        reply = self._relay.answer(stage, line)
        if missing and reply is None:
            reply = b"503 5.5.1 something else comes first"
        return self._send(reply, stage, more)

    def _send(self, reply: bytes | Misbehaviour | None, stage: Stage, more: Sequence[bytes] = ()) -> bool:
        if reply == HANG_UP:
            return False
        if reply == SILENCE:
            time.sleep(30)
            return False
        octets = OK[stage] if reply is None or isinstance(reply, Misbehaviour) else reply
        for keyword in more:
            octets = octets.replace(b"250 ", b"250-") + b"\r\n250 " + keyword
        self._last = octets
        if isinstance(reply, Misbehaviour) and reply.kind == "late":
            time.sleep(reply.seconds)
        pause = reply.seconds if isinstance(reply, Misbehaviour) and reply.kind == "slow" else 0
        for piece in [octets + b"\r\n"] if not pause else [b"%c" % octet for octet in octets + b"\r\n"]:
            self._socket.sendall(piece)
            time.sleep(pause)
        return not octets.startswith(b"421")

    def _start_tls(self) -> bool:
        if self._tls is None:
            self._socket.sendall(b"502 5.5.1 not here\r\n")
            return True
        self._socket.sendall(b"220 2.0.0 go ahead\r\n")
        self._encrypt()
        return True

    def _encrypt(self) -> None:
        assert self._tls
        self._socket = self._tls.wrap_socket(self._socket, server_side=True)
        self._file = self._socket.makefile("rb")
        self._tls = None


@contextlib.contextmanager
def fake_relay(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[FakeRelay]:
    """A relay that listens until the block ends. With `tls` it offers STARTTLS, or speaks TLS from the first octet on."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
    relay = FakeRelay(listener.getsockname()[1])

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                relay.connections += 1
                _Session(relay, connection, tls, at_once).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _path(line: bytes) -> str:
    return line[line.index(b"<") + 1 : line.index(b">")].decode()
