"""The people around a mail: whom an answer usually goes to, who is new in the conversation, and who is a colleague."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from django.conf import settings
from django.db.models.functions import Lower

from conversations.addressees import Person, addressees_of
from conversations.models import Conversation, Message
from inboxes.models import Inbox
from organizations.models import Membership


def is_wider(answered: Message | None, own: frozenset[str]) -> bool:
    """Whether "reply all" reaches somebody whom "reply" does not. Pure; `own` as for addressees_of."""
    everyone = set(addressees_of(answered, "reply_all", own).everyone)
    return bool(everyone - set(addressees_of(answered, "reply", own).everyone))


def usual_action(answered: Message | None, own: frozenset[str]) -> Literal["reply", "reply_all"]:
    """reply_all when a reply would leave out somebody and more than one of them all is outside the organization."""
    everyone = addressees_of(answered, "reply_all", own).everyone if is_wider(answered, own) else []
    if len(everyone) < 2:
        return "reply"
    inside = _members(everyone) | set(_inboxes(everyone))
    outside = [address for address in everyone if address.lower() not in inside and not _is_service(address)]
    return "reply_all" if len(outside) > 1 else "reply"


def people_of(message: Message | None) -> frozenset[str]:
    """Everybody who wrote a mail or got it, in lower case."""
    if message is None:
        return frozenset()
    return _addresses([message.from_address], [*message.to, *message.cc, *message.bcc, *message.reply_to])


def newcomers(conversation: Conversation, answered: Message | None, people: Sequence[Person]) -> list[str]:
    """Addresses outside the organization that no mail of the conversation has come from or gone to."""
    left = _not_among(people, people_of(answered))
    if not left:
        return []
    mails = Message.objects.filter(conversation=conversation).exclude(kind=Message.Kind.NOTE)
    rows = mails.values_list("from_address", "to", "cc", "bcc", "reply_to")
    there = frozenset().union(*(_addresses([sender], (p for some in lists for p in some)) for sender, *lists in rows))
    members = _members(left)
    return [address for address in left if address.lower() not in there and address.lower() not in members]


def colleagues(answered: Message | None, people: Sequence[Person]) -> list[str]:
    """Members' addresses that the mail answered did not bring: perhaps what is written is meant for them alone."""
    left = _not_among(people, people_of(answered))
    members = _members(left)
    return [address for address in left if address.lower() in members]


def _not_among(people: Iterable[Person], there: frozenset[str]) -> list[str]:
    return list(dict.fromkeys(person["address"] for person in people if person["address"].lower() not in there))


def _addresses(plain: Iterable[str], people: Iterable[Person]) -> frozenset[str]:
    return frozenset(address.lower() for address in (*plain, *(person.get("address", "") for person in people)))


def _members(addresses: Iterable[str]) -> frozenset[str]:
    wanted = [address.lower() for address in addresses]
    if not wanted:
        return frozenset()
    found = Membership.objects.annotate(address=Lower("user__email")).filter(address__in=wanted, user__is_active=True)
    return frozenset(found.values_list("address", flat=True))


def _inboxes(addresses: Iterable[str]) -> Iterable[str]:
    wanted = [address.lower() for address in addresses]
    return Inbox.objects.filter(address__in=wanted).values_list("address", flat=True)


def _is_service(address: str) -> bool:
    return address.lower().endswith(f"@{settings.MAIL_DOMAIN}")
