"""Who cannot be reached: a conversation is marked when somebody will never get a mail of it, a contact when its address
does not exist (conversations.deliveries). The marks end when what they speak of does:

    the contact's       a person writes from that address, or a colleague says that it works
    the conversation's  a later mail of it has left and nobody's failed; who did not get one writes; a colleague says so
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from conversations.models import Contact, Conversation, Message
from whitelabel.fate import NOT_DELIVERED
from whitelabel.models import OutboundRecipient


def missing(conversation: Conversation) -> set[str]:
    """Addresses, in lower case, that did not get the newest mail to leave or a later one. Empty when nobody is missing."""
    addresses: set[str] = set()
    mails = Message.objects.filter(conversation=conversation, outbound__isnull=False, outbound__automatic=False)
    for mail_id in mails.order_by("-received_at", "-id").values_list("outbound_id", flat=True):
        fates = list(OutboundRecipient.objects.filter(mail_id=mail_id).values_list("address", "state"))
        failed = {address.lower() for address, state in fates if state in NOT_DELIVERED}
        addresses |= failed
        if not failed and all(state == OutboundRecipient.State.SENT for _, state in fates):
            break
    return addresses


def heard_from(heard: Iterable[tuple[Conversation, str]]) -> None:
    """People wrote in these conversations, from these addresses: they can be reached. The conversations are not saved."""
    addresses: dict[Conversation, set[str]] = defaultdict(set)
    for conversation, address in heard:
        addresses[conversation].add(address.lower())
    everyone = sorted(set().union(*addresses.values()))
    Contact.objects.filter(address__in=everyone, undeliverable_since__isnull=False).update(undeliverable_since=None)
    for conversation, those in addresses.items():
        if conversation.has_failed_delivery and missing(conversation) <= those:
            conversation.has_failed_delivery = False
