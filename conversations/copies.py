"""The same mail in other inboxes of the organization, so that two people do not answer it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from conversations.models import Message
from inboxes.models import Inbox


@dataclass(frozen=True)
class Copy:
    """Where else a mail is: the inbox's name and the number of its conversation there."""

    inbox: str
    number: int


def copies_elsewhere(messages: Sequence[Message], inbox: Inbox) -> dict[int, list[Copy]]:
    """By the key of a message of `inbox`: its copies in other inboxes, by name. One query for all messages.

    The same mail is one with the same Message-ID and content, as for duplicates (forwarding.duplicates).
    """
    of_mail = {
        (message.message_id, message.content_hash): message.pk
        for message in messages
        if message.kind == Message.Kind.INBOUND and message.message_id and message.content_hash
    }
    found: dict[int, list[Copy]] = defaultdict(list)
    if not of_mail:
        return found
    # The inboxes are named one by one because the index begins with them.
    elsewhere = Message.objects.filter(
        inbox__in=Inbox.objects.exclude(pk=inbox.pk).values("pk"),
        kind=Message.Kind.INBOUND,
        message_id__in=[identifier for identifier, _digest in of_mail],
    )
    fields = ("message_id", "content_hash", "inbox__name", "conversation__number")
    for identifier, digest, name, number in elsewhere.order_by("inbox__name", "pk").values_list(*fields):
        if (identifier, digest) in of_mail:
            found[of_mail[identifier, digest]].append(Copy(name, number))
    return found
