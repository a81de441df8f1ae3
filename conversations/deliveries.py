"""What a conversation learns about the fate of its sent mail, as the outbox and returning reports tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from conversations import live, timeline
from conversations.models import Contact, Message
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
        else:
            live.announce(conversation, "delivery")
    gone = [change.address.lower() for change in changes if change.hard and change.status in NO_SUCH_ADDRESS]
    if gone:
        Contact.objects.filter(address__in=gone, undeliverable_since=None).update(undeliverable_since=timezone.now())
