"""A delivery with all that was read of it, and the final state it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.models import Message
from forwarding.bounces import Bounce, read_bounces
from forwarding.classifying import MailClass, classify
from forwarding.models import Delivery
from forwarding.reading import ReadMail


@dataclass(frozen=True)
class Incoming:
    """A delivery, its octets, and what they say. `bounces` and `mail_class` agree with each other."""

    delivery: Delivery
    raw: bytes
    mail: ReadMail
    bounces: tuple[Bounce, ...]
    mail_class: MailClass

    @property
    def sender(self) -> str:
        """The author's address, lower case; the envelope sender where the mail names no author."""
        return (self.mail.sender.address if self.mail.sender else self.delivery.mail_from).lower()


@dataclass(frozen=True)
class Outcome:
    """The one final state of a delivery (Delivery.State). `reason` says why where the state alone does not."""

    state: str
    message: Message | None = None
    reason: str = ""


def understand(delivery: Delivery, raw: bytes, mail: ReadMail) -> Incoming:
    """Classify a mail that has been read. Pure but for the delivery's fields."""
    bounces = read_bounces(raw, mail, delivery.mail_from)
    return Incoming(delivery, raw, mail, bounces, classify(mail, delivery.mail_from, bounces))
