"""Mail storms: what a machine that has lost its mind sends is kept, but in one conversation instead of hundreds.

Counted per inbox over the last minutes, before a mail opens a conversation of its own; answers are never folded. The
subject alone makes a storm of machines' mail, and of one company's. Of people's it does not: sixty applicants who all write
"Ansökan" in the last ten minutes before a deadline are no storm. Delivery reports about mail that was not sent from here
come from all the world's servers with all their subjects: they are counted together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from conversations.models import Conversation, Message
from conversations.quiet import folder_of
from forwarding.classifying import MailClass, subject_skeleton
from forwarding.incoming import Incoming
from inboxes.models import Inbox
from whitelabel.organizational_domains import company_domain

COUNTED_MESSAGES = 2000  # the latest of an inbox that are looked at
KEY_CHARACTERS = 340


@dataclass(frozen=True)
class StormLimits:
    """How many mails that would open a conversation may come within `minutes`; the next ones are a storm."""

    of_sender: int = 20
    of_subject: int = 50
    of_reports: int = 30
    minutes: int = 10
    calm_minutes: int = 60
    """So long after its last mail a storm is over."""

    @classmethod
    def from_settings(cls) -> StormLimits:
        """Every limit is the setting of its name."""
        return cls(
            settings.FILING_STORM_OF_SENDER,
            settings.FILING_STORM_OF_SUBJECT,
            settings.FILING_STORM_OF_REPORTS,
            settings.FILING_STORM_MINUTES,
            settings.FILING_STORM_CALM_MINUTES,
        )


class Storms:
    """What storms over one inbox while some mails are filed. Call inside the organization's scope."""

    def __init__(self, inbox: Inbox, until: datetime, limits: StormLimits | None = None) -> None:
        """Count the inbox's mail of the minutes before `until`."""
        self.inbox = inbox
        self.limits = limits or StormLimits.from_settings()
        self._counts: Counter[str] = Counter()
        self._folded: dict[str, Conversation | None] = {}
        since = until - timedelta(minutes=self.limits.minutes)
        rows = Message.objects.filter(inbox=inbox, kind=Message.Kind.INBOUND, received_at__gte=since)
        fields = rows.order_by("-received_at").values_list("from_address", "subject", "mail_class")
        for sender, subject, mail_class in fields[:COUNTED_MESSAGES]:
            self._counts.update(_keys(sender, subject, mail_class))

    def count(self, letter: Incoming) -> None:
        """A mail is filed in the inbox."""
        self._counts.update(_keys(letter.sender, letter.mail.subject, letter.mail_class))

    def key(self, letter: Incoming) -> str:
        """The name of the storm that a mail is part of; empty in calm weather."""
        limits = {"from": self.limits.of_sender, "subject": self.limits.of_subject, "reports": self.limits.of_reports}
        keys = _keys(letter.sender, letter.mail.subject, letter.mail_class)
        return next((key for key in keys if self._counts[key] >= limits[key.partition(" ")[0]]), "")

    def conversation(self, key: str, at: datetime) -> Conversation | None:
        """The conversation that a storm is folded into, when it has one."""
        if key not in self._folded:
            since = at - timedelta(minutes=self.limits.calm_minutes)
            rows = Conversation.objects.filter(inbox=self.inbox, storm=key, last_activity_at__gte=since)
            self._folded[key] = rows.order_by("-last_activity_at").first()
        return self._folded[key]

    def fold_into(self, key: str, conversation: Conversation) -> None:
        """From now on the storm is folded into this conversation."""
        conversation.storm = key
        self._folded[key] = conversation


def is_calm(inbox: Inbox, at: datetime) -> bool:
    """Whether no storm has been over the inbox lately. While one is, nothing is answered automatically."""
    since = at - timedelta(minutes=StormLimits.from_settings().calm_minutes)
    return not Conversation.objects.filter(inbox=inbox, last_activity_at__gte=since).exclude(storm="").exists()


def _keys(sender: str, subject: str, mail_class: str) -> list[str]:
    """What a mail is counted by, each with the name of its limit in front."""
    if folder_of(mail_class) == Conversation.Folder.BOUNCES:
        return ["reports"]
    keys = [f"from {sender}"[:KEY_CHARACTERS]]
    skeleton = subject_skeleton(subject)
    source = "machines" if mail_class != MailClass.HUMAN else company_domain(sender)
    if skeleton and source:
        keys.append(f"subject {source} {skeleton}"[:KEY_CHARACTERS])
    return keys
