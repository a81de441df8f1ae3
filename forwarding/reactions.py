"""What a filed mail sets in motion: a confirmation where the inbox wants one, a code for the admin."""

from __future__ import annotations

from conversations.confirmations import confirm
from conversations.models import Message
from forwarding.classifying import auto_answer_obstacle
from forwarding.forwarding_codes import google_code
from forwarding.incoming import Incoming
from forwarding.storms import is_calm
from inboxes.models import Inbox
from organizations.models import record


def react(letter: Incoming, message: Message, inbox: Inbox) -> None:
    """Do what a mail that has just been filed as `message` asks for."""
    code = google_code(letter.mail)
    if code:
        record("inbox.forwarding_code", inbox, code=code)
    begins = message.conversation.message_count == 1
    if begins and inbox.confirmation_at(letter.delivery.received_at) and is_calm(inbox, letter.delivery.received_at):
        confirm(
            message,
            obstacle=auto_answer_obstacle(letter.mail, letter.delivery.mail_from, letter.mail_class),
            names_inbox=_is_named(inbox, letter, message.addressed_to),
        )


def _is_named(inbox: Inbox, letter: Incoming, path: str) -> bool:
    """Whether the author wrote to the inbox: to its address, to one that is forwarded to it, or to its service address."""
    ways = {inbox.address, path, letter.delivery.recipient} - {""}
    named = (person.address.lower() for person in (*letter.mail.to, *letter.mail.cc))
    return path == inbox.address or any(address in ways for address in named)
