"""Who the mail of a conversation is from: when it is written, and once more when a planned one leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.dispatch import receiver

from conversations.models import Conversation, Message
from organizations.models import User
from whitelabel import identity, keys, tokens
from whitelabel.identity import Identity
from whitelabel.models import OutboundMail
from whitelabel.signals import departing


def sender_of(conversation: Conversation, author: User | None) -> Identity:
    """The identity in force now. Answers to an address of ours come to this conversation whatever becomes of their headers.

    Without an author the service itself has written. Call inside the organization's scope.
    """
    inbox = conversation.inbox
    name = inbox.sender_name(author.name if author else "")
    who = identity.choose(inbox.address, inbox.service_address, name)
    if not who.reply_to.endswith(f"@{settings.MAIL_DOMAIN}"):
        return who
    key = inbox.service_address.partition("@")[0]
    token = tokens.ReplyToken(conversation.organization_id, key, conversation.pk)
    return replace(who, reply_to=f"{tokens.sign_reply(keys.token_keys(), token)}@{settings.MAIL_DOMAIN}")


def sender_columns(who: Identity) -> dict[str, Any]:
    """The columns of a message that tell who it is from."""
    return {
        "from_name": who.from_name[:300],
        "from_address": who.from_address,
        "reply_to": [{"name": "", "address": who.reply_to}] if who.reply_to else [],
    }


@receiver(departing, sender=OutboundMail, dispatch_uid="conversations.senders")
def choose_again(*, mail: OutboundMail, **rest: Any) -> Identity | None:
    """Answer for the mail of a conversation, whose message tells who it was sent as in the end."""
    message = Message.objects.select_related("conversation__inbox", "author").filter(outbound=mail).first()
    if message is None:
        return None
    who = sender_of(message.conversation, message.author)
    Message.objects.filter(pk=message.pk).update(**sender_columns(who), date_header=mail.not_before)
    return who
