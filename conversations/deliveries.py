"""What a conversation learns about the fate of its sent mail, as the outbox and returning reports tell it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from conversations import live, timeline
from conversations.models import Contact, Message
from whitelabel.models import OutboundRecipient
from whitelabel.signals import delivery_changed

NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.10", "5.2.1")
"""Enhanced status codes (RFC 3463, RFC 7505) that speak of the address itself, not of one mail."""


@receiver(delivery_changed, sender=OutboundRecipient, dispatch_uid="conversations.deliveries")
def follow(*, mail_id: int, address: str, status: str, hard: bool, **rest: Any) -> None:
    """A mail that will never arrive reopens its conversation: the customer has no answer. Other news is only shown."""
    message = Message.objects.select_related("conversation").defer("text", "html").filter(outbound=mail_id).first()
    if message is None:
        return
    if hard:
        timeline.mark_delivery(message.conversation, failed=True, reopen=True)
    else:
        live.announce(message.conversation, "delivery")
    if hard and status in NO_SUCH_ADDRESS:
        contact = Contact.objects.filter(address=address.lower(), undeliverable_since=None)
        contact.update(undeliverable_since=timezone.now())
