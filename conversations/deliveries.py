"""What a conversation learns about the fate of its sent mail, as the outbox and returning reports tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from conversations import live, timeline
from conversations.models import Contact, Conversation, Message
from conversations.reachability import missing
from organizations.models import User, record
from whitelabel.models import OutboundRecipient
from whitelabel.signals import DeliveryChange, delivery_changed

NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.10", "5.2.1")
"""Enhanced status codes (RFC 3463, RFC 7505) that speak of the address itself, not of one mail."""


@receiver(delivery_changed, sender=OutboundRecipient, dispatch_uid="conversations.deliveries")
def follow(*, changes: Sequence[DeliveryChange], **rest: Any) -> None:
    """A mail that will never arrive reopens its conversation: the customer has no answer. Other news is only shown."""
    sent = Message.objects.select_related("conversation").filter(outbound__in={change.mail_id for change in changes})
    conversations = {message.outbound_id: message.conversation for message in sent.only("outbound", "conversation")}
    failed = {change.mail_id for change in changes if change.hard}
    for mail_id, conversation in conversations.items():
        if mail_id in failed:
            timeline.mark_delivery(conversation, failed=True, reopen=True)
        elif conversation.has_failed_delivery and not missing(conversation):
            timeline.mark_delivery(conversation, failed=False, reopen=False)
        else:
            live.announce(conversation, "delivery")
    gone = [change.address.lower() for change in changes if change.hard and change.status in NO_SUCH_ADDRESS]
    if gone:
        Contact.objects.filter(address__in=gone, undeliverable_since=None).update(undeliverable_since=timezone.now())


def vouch(conversation: Conversation, *, actor: User) -> None:
    """A colleague says that the customer's address works after all. Call inside the organization's scope."""
    contact = conversation.contact
    if contact is None:
        return
    Contact.objects.filter(pk=contact.pk).update(undeliverable_since=None)
    timeline.mark_delivery(conversation, failed=False, reopen=False)
    record("contact.vouched", conversation, actor=actor, address=contact.address)
