"""A delivery with all that was read of it, and the final state it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.models import Message
from forwarding.bounces import Bounce
from forwarding.classifying import MailClass
from forwarding.models import Delivery
from forwarding.reading import Address, ReadMail
from forwarding.srs import unwrapped
from forwarding.understanding import Understood


@dataclass(frozen=True)
class Incoming:
    """A delivery and what its octets say."""

    delivery: Delivery
    understood: Understood

    @property
    def mail(self) -> ReadMail:
        """What was read."""
        return self.understood.mail

    @property
    def mail_class(self) -> MailClass:
        """Who wrote it: a person, a machine, a mail system."""
        return self.understood.mail_class

    @property
    def bounces(self) -> tuple[Bounce, ...]:
        """The fates of mail of ours that it reports."""
        return self.understood.bounces

    @property
    def author(self) -> Address:
        """The author; the envelope sender where the mail names none, as it was before a forwarding server rewrote it."""
        return self.mail.sender or Address("", unwrapped(self.delivery.mail_from))

    @property
    def sender(self) -> str:
        """The author's address, lower case."""
        return self.author.address.lower()


@dataclass(frozen=True)
class Outcome:
    """The one final state of a delivery (Delivery.State). `reason` says why where the state alone does not."""

    state: str
    message: Message | None = None
    reason: str = ""
