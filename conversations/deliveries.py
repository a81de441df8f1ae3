"""What a conversation learns about the fate of its sent mail, as the outbox and returning reports tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F
from django.dispatch import receiver
from django.utils import timezone

from conversations import live, timeline
from conversations.models import Contact, Conversation, Message
from conversations.reachability import missing
from organizations.models import Membership, User, record
from whitelabel.fate import FINAL_FAILURES, NOT_DELIVERED
from whitelabel.models import OutboundRecipient
from whitelabel.signals import DeliveryChange, delivery_changed

NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.10", "5.2.1")
"""Enhanced status codes (RFC 3463, RFC 7505) that speak of the address itself, not of one mail."""

UNDELIVERED = "message.undelivered"
"""Kind of the event of a mail that some recipients will never get: {message, addresses, state, status}."""


@receiver(delivery_changed, sender=OutboundRecipient, dispatch_uid="conversations.deliveries")
def follow(*, changes: Sequence[DeliveryChange], **rest: Any) -> None:
    """A mail that will never arrive reopens its conversation: the customer has no answer. Other news is only shown.

    An automatic mail is no answer: what becomes of it says something of the address at most.
    """
    failed: dict[int | None, list[DeliveryChange]] = defaultdict(list)
    for change in changes:
        if change.hard:
            failed[change.mail_id].append(change)
    sent = Message.objects.select_related("conversation").filter(outbound__in={change.mail_id for change in changes})
    sent = sent.annotate(is_automatic=F("outbound__automatic")).only("outbound", "author", "conversation")
    # In the order of conversations' keys, so that two workers who tell of several cannot wait for each other.
    for message in sent.order_by("conversation", "pk"):
        conversation = message.conversation
        if message.is_automatic:
            live.announce(conversation, "delivery")
        elif failed[message.outbound_id]:
            _never_arrives(message, failed[message.outbound_id])
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


@dataclass(frozen=True)
class Failure:
    """A mail that did not arrive, for its author: the conversation, and the addresses that did not get it.

    `certain`: known of some of them at least; of the others nobody can tell.
    """

    number: int
    subject: str
    addresses: tuple[str, ...]
    certain: bool


def untold(author: User) -> tuple[list[Failure], int]:
    """What the author does not know yet, newest first: one failure for each conversation, and how many more there are.

    A conversation whose mark has ended is left out: somebody has seen to it. Call inside the organization's scope.
    """
    mails = Message.objects.filter(author=author, untold_failure=True, conversation__has_failed_delivery=True)
    newest = mails.select_related("conversation").order_by("-received_at", "-id")
    by_conversation: dict[int, list[Message]] = defaultdict(list)
    for message in newest.only("outbound", "conversation__number", "conversation__subject"):
        by_conversation[message.conversation_id].append(message)
    shown = list(by_conversation.values())[: settings.UNTOLD_FAILURES_SHOWN]
    missed = _missed([message for messages in shown for message in messages])
    failures = [
        Failure(
            messages[0].conversation.number,
            messages[0].conversation.subject,
            tuple(dict.fromkeys(address for message in messages for address, _ in missed[message.outbound_id])),
            any(state in FINAL_FAILURES for message in messages for _, state in missed[message.outbound_id]),
        )
        for messages in shown
    ]
    return failures, len(by_conversation) - len(shown)


def told(conversation: Conversation, author: User) -> None:
    """The author has opened the conversation and sees there what did not arrive."""
    if conversation.has_failed_delivery:
        Message.objects.filter(conversation=conversation, author=author, untold_failure=True).update(
            untold_failure=False
        )


def _never_arrives(message: Message, failed: Sequence[DeliveryChange]) -> None:
    """Tell it in the thread and to the author, who gets the conversation back if nobody has it."""
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in failed:
        reasons[change.state, change.status].append(change.address)
    for (state, status), addresses in reasons.items():
        record(UNDELIVERED, message.conversation, message=message.pk, addresses=addresses, state=state, status=status)
    Message.objects.filter(pk=message.pk, author__isnull=False).update(untold_failure=True)
    conversation = timeline.mark_delivery(message.conversation, failed=True, reopen=True)
    if conversation.assignee_id is None:
        of_author = Membership.objects.select_related("user").filter(user=message.author_id, user__is_active=True)
        for membership in of_author:
            timeline.assign(conversation, membership.user, actor=None)


def _missed(messages: Sequence[Message]) -> dict[int | None, list[tuple[str, str]]]:
    """Who did not get each sent mail, and the state that says so, by the mail's key."""
    found: dict[int | None, list[tuple[str, str]]] = defaultdict(list)
    mails = [message.outbound_id for message in messages]
    for recipient in OutboundRecipient.objects.filter(mail__in=mails, state__in=NOT_DELIVERED).order_by("id"):
        found[recipient.mail_id].append((recipient.address, recipient.state))
    return found
