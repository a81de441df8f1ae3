"""The arriving-mail pipeline with real parts: SMTP server, directory, spool, reading child, filing; and mails to send."""

from __future__ import annotations

import atexit
import itertools
import smtplib
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from functools import cache
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

from django.conf import settings

from conversations import composer
from conversations.models import Conversation, Message
from forwarding import filing
from forwarding.directory import ServiceDirectory
from forwarding.models import Delivery
from forwarding.reading.child import Reader
from forwarding.spool import DatabaseSpool
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town
from tests.support.smtp import receiving
from whitelabel.keys import token_keys
from whitelabel.models import OutboundRecipient
from whitelabel.tokens import VerpToken, sign_verp

BARRY = "Barry Berg <barry@example.org>"
_numbers = itertools.count(1)


def mail(
    subject: str = "Sommarjobb på badet",
    text: str = "Hej, jag undrar om jobbet på badet är ledigt i sommar.\n",
    *,
    sender: str = BARRY,
    message_id: str | None = "",
    html: str = "",
    **headers: str,
) -> bytes:
    """A mail to the inbox Jobb. `message_id` None: without one, "" : a new one. Other headers by name, `_` for `-`."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["Subject"] = sender, subject
    if message_id is not None:
        message["Message-ID"] = f"<{message_id or f'{next(_numbers)}@mail.example.org'}>"
    for name, value in {"To": "jobb@lillestad.se", "Date": "Mon, 2 Nov 2026 08:00:00 +0100", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def field_of(raw: bytes, name: str) -> str:
    """The first header field of that name in octets, unfolded."""
    for line in raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
        if line.lower().startswith(name.lower().encode() + b":"):
            return line.partition(b":")[2].strip().decode()
    return ""


@dataclass
class Pipeline:
    """A running pipeline. `send` is the outside world, `file` the filing worker."""

    port: int
    reader: Reader
    sent: int = 0
    refused: list[tuple[int, bytes]] = field(default_factory=list)

    def send(self, raw: bytes, *recipients: str, mail_from: str = "barry@example.org", peer_ip: str = "") -> None:
        """Hand over one mail in one session; all recipients must be accepted.

        `peer_ip`: the peer that a proxy names; a pipeline with `behind_proxy` needs one.
        """
        with _Client(peer_ip)("127.0.0.1", self.port, timeout=10) as client:
            refused = client.sendmail(mail_from, list(recipients), raw)
        assert refused == {}
        self.sent += 1

    def file(self) -> None:
        """File all that is due."""
        while filing.file_due(self.reader):
            pass

    def receive(self, raw: bytes, to: Inbox, *, mail_from: str = "barry@example.org", tag: str = "") -> Delivery:
        """Send to an inbox's service address, file, and give the delivery with its message."""
        self.send(raw, address_of(to, tag), mail_from=mail_from)
        self.file()
        return deliveries(to)[-1]


def _Client(peer_ip: str) -> type[smtplib.SMTP]:
    """An SMTP client that begins with the PROXY header of a connection from that address, if there is one."""

    class Proxied(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            connected = socket.create_connection((host, port), timeout)
            family = 6 if ":" in peer_ip else 4
            connected.sendall(f"PROXY TCP{family} {peer_ip} {'::1' if family == 6 else host} 4711 25\r\n".encode())
            return connected

    return Proxied if peer_ip else smtplib.SMTP


@cache
def reader() -> Reader:
    """A reading child, one for all tests of a process: to start it takes longer than to read their mails."""
    started = Reader()
    atexit.register(started.close)
    return started


@contextmanager
def pipeline(operator_key: str = "", *, behind_proxy: bool = False, behind_front: bool = False) -> Iterator[Pipeline]:
    """SMTP on a free port with the real directory and spool, and a reading child.

    `behind_proxy`: its peers send a PROXY header; `behind_front`: they say by XFORWARD whom they speak for.
    """
    directory = ServiceDirectory(
        mail_domain=settings.MAIL_DOMAIN,
        operator_key=operator_key,
        token_keys=token_keys(),
        suspension=timedelta(days=14),
    )
    spool = DatabaseSpool()
    try:
        loopback = (ip_network("127.0.0.0/8"),)
        trust = {"proxy_networks": loopback * behind_proxy, "xforward_networks": loopback * behind_front}
        with receiving(directory=directory, spool=spool, **trust) as running:
            yield Pipeline(running.port, reader())
    finally:
        spool.close()
        directory.close()


def address_of(inbox: Inbox, tag: str = "") -> str:
    """The service address of an inbox, with a tag behind its key if one is given."""
    with scope.organization(inbox.organization_id):
        key, at, domain = inbox.service_address.partition("@")
    return f"{key}+{tag}{at}{domain}" if tag else f"{key}{at}{domain}"


def deliveries(inbox: Inbox) -> list[Delivery]:
    """Deliveries of the inbox's organization, oldest first, with message and conversation."""
    with scope.organization(inbox.organization_id):
        return list(Delivery.objects.select_related("message__conversation__contact").order_by("pk"))


def messages(inbox: Inbox, **conditions: Any) -> list[Message]:
    """Received messages of the inbox in the order of arrival, with conversation and contact."""
    with scope.organization(inbox.organization_id):
        rows = Message.objects.filter(inbox=inbox, kind=Message.Kind.INBOUND, **conditions)
        return list(rows.select_related("conversation__contact").order_by("pk"))


def conversations(of: Town) -> list[Conversation]:
    """All conversations of a town, oldest first."""
    with scope.organization(of.organization):
        return list(Conversation.objects.select_related("contact").order_by("pk"))


def states(inbox: Inbox) -> Sequence[str]:
    """The state of each delivery of the inbox's organization, oldest first."""
    return [str(delivery.state) for delivery in deliveries(inbox)]


def answered(
    of: Town,
    text: str = "Hej Barry! Ja, jobbet är ledigt. Ring oss på måndag så berättar vi mer.",
    *to: str,
    include_history: bool = False,
) -> Message:
    """The town's first conversation answered by its agent."""
    with scope.organization(of.organization):
        conversation = Conversation.objects.order_by("pk")[0]
        people = [{"name": "", "address": address} for address in to or ("barry@example.org",)]
        message = composer.send(
            conversation,
            author=of.agent,
            text=text,
            to=people,
            submission_key=uuid4(),
            version=None,
            include_history=include_history,
        )
        return Message.objects.select_related("outbound", "conversation").get(pk=message.pk)


def octets_of(message: Message) -> bytes:
    """A sent message as it leaves."""
    assert message.outbound is not None
    return bytes(message.outbound.content)


def return_path(message: Message) -> str:
    """The envelope sender under which a sent message leaves for its first recipient."""
    assert message.outbound is not None
    with scope.organization(message.organization_id):
        recipient = OutboundRecipient.objects.filter(mail=message.outbound).order_by("pk")[0]
    token = VerpToken(message.organization_id, message.outbound.pk, recipient.pk)
    return f"{sign_verp(token_keys(), token)}@{message.outbound.return_path_domain}"
