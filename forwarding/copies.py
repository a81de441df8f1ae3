"""The messages of an inbox that a mail may be a copy of, with what forwarding.duplicates compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from conversations.models import Attachment, Message
from forwarding.duplicates import Known
from inboxes.models import Inbox


def known(inbox: Inbox, identifiers: Collection[str]) -> dict[str, list[Known]]:
    """Received messages by their identifier. Call inside the organization's scope."""
    rows = Message.objects.filter(inbox=inbox, kind=Message.Kind.INBOUND, message_id__in=identifiers)
    fields = ("pk", "content_hash", "from_address", "date_header", "text", "received_at")
    found = list(rows.values_list("message_id", *fields))
    files: dict[int, set[str]] = defaultdict(set)
    if found:
        attached = Attachment.objects.filter(message__in=[pk for _identifier, pk, *_ in found])
        for pk, digest in attached.values_list("message_id", "blob__sha256"):
            files[pk].add(digest)
    there: dict[str, list[Known]] = defaultdict(list)
    for identifier, pk, content_hash, sender, date, text, received_at in found:
        there[identifier].append(Known(pk, content_hash, sender, date, text, received_at, frozenset(files[pk])))
    return there


def is_there(inbox: Inbox, identifier: str, content_hash: str, *, besides: int) -> bool:
    """Whether another message than the one with the key `besides` has this identifier and content."""
    equal = Message.objects.filter(
        inbox=inbox, kind=Message.Kind.INBOUND, message_id=identifier, content_hash=content_hash
    )
    return equal.exclude(pk=besides).exists()
