"""Small builders of rows, for tests that need an organization with people, inboxes and mail."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

from django.utils import timezone

from conversations import timeline
from conversations.models import Attachment, Blob, Contact, Conversation, Message
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from organizations.founding import found_organization
from organizations.models import Membership, Organization, User

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Town:
    """An organization with an admin, an agent and one inbox."""

    organization: Organization
    admin: User
    agent: User
    inbox: Inbox


def person(email: str = "", name: str = "", **fields: object) -> User:
    """A user who can log in with PASSWORD."""
    email = email or f"person{next(_numbers)}@example.se"
    return User.objects.create_user(email, PASSWORD, name=name or email.partition("@")[0].title(), **fields)


def town(name: str = "Lillestad", address: str = "jobb@lillestad.se", inbox_name: str = "Jobb") -> Town:
    """An organization ready for work."""
    number = next(_numbers)
    admin = person(f"admin{number}@example.se", f"{name} Admin")
    agent = person(f"agent{number}@example.se", f"{name} Agent")
    organization = found_organization(name, admin)
    with scope.organization(organization):
        Membership.objects.create(user=agent, role=Membership.Role.AGENT)
        inbox = create_inbox(address, inbox_name, actor=admin)
    return Town(organization, admin, agent, inbox)


def received(
    inbox: Inbox,
    subject: str = "Fråga om jobbet",
    text: str = "Hej, är jobbet ledigt?",
    *,
    sender: tuple[str, str] = ("Barry Berg", "barry@example.org"),
    html: str = "",
    conversation: Conversation | None = None,
    message_id: str = "",
) -> Message:
    """A mail from a person in an inbox; a new conversation unless one is given. Call inside the organization's scope."""
    now = timezone.now()
    contact, _made = Contact.objects.get_or_create(address=sender[1], defaults={"name": sender[0]})
    conversation = conversation or timeline.open_conversation(
        inbox,
        subject=subject,
        normal_subject=subject.lower(),
        contact=contact,
        sender_label=sender[0] or sender[1],
        at=now,
    )
    message = Message(
        kind=Message.Kind.INBOUND,
        from_name=sender[0],
        from_address=sender[1],
        to=[{"name": "", "address": inbox.address}],
        subject=subject,
        text=text,
        html=html,
        ranges=[[0, len(text), "visible"]],
        message_id=message_id or f"m{next(_numbers)}@example.org",
        content_hash=f"{next(_numbers):064x}",
        received_at=now,
    )
    return timeline.receive(conversation, message, from_person=True)


def attached(
    message: Message,
    name: str,
    content: bytes,
    content_type: str = "application/octet-stream",
    *,
    content_id: str = "",
) -> Attachment:
    """A file that came with a message; with a Content-ID one that its HTML shows. Call inside the organization's scope."""
    blob, _made = Blob.objects.get_or_create(
        sha256=hashlib.sha256(content).hexdigest(), defaults={"size": len(content), "content": content}
    )
    return Attachment.objects.create(
        message=message,
        blob=blob,
        name=name,
        content_type=content_type,
        size=len(content),
        content_id=content_id,
        inline=bool(content_id),
    )
