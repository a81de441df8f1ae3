"""How these tests send a mail, and what they look at."""

from __future__ import annotations

import uuid
from typing import Any

from conversations import composer
from conversations.models import Conversation, Message
from forwarding.reading import read_mail
from forwarding.reading.mail import ReadMail
from tests.support import builders

BARRY = {"name": "Barry Berg", "address": "barry@example.org"}
CECILIA = {"name": "Cecilia", "address": "cecilia@example.org"}
DAVID = {"name": "", "address": "david@example.org"}


def send(conversation: Conversation, town: builders.Town, **changes: Any) -> Message:
    arguments: dict[str, Any] = {
        "author": town.agent,
        "text": "Hej Barry!\n\nJobbet är ledigt.",
        "to": [BARRY],
        "submission_key": uuid.uuid4(),
        "version": None,
        "include_history": True,
    }
    return composer.send(conversation, **{**arguments, **changes})


def on_the_wire(message: Message) -> ReadMail:
    assert message.outbound is not None
    return read_mail(bytes(message.outbound.content))


def rewrite(conversation: Conversation, **values: Any) -> None:
    """Change the mail that is answered."""
    Message.objects.filter(conversation=conversation, kind="inbound").update(**values)
