"""The person outside that a new conversation is with."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from conversations.models import Contact
from conversations.quiet import REPORT_CLASSES
from forwarding.incoming import Incoming
from forwarding.reading import Address
from inboxes.models import Inbox


def own_addresses() -> frozenset[str]:
    """The addresses of the open organization's inboxes."""
    return frozenset(Inbox.objects.values_list("address", flat=True))


def person_of(letter: Incoming, own: frozenset[str]) -> Address | None:
    """Who wrote a mail. Our own addresses are nobody: a form that sends in an inbox's name tells the person in Reply-To."""
    if letter.mail_class in REPORT_CLASSES:
        return None
    named = (letter.author, *letter.mail.reply_to)
    return next((person for person in named if person.address and not _is_own(person.address, own)), None)


def stored(people: Iterable[Address]) -> dict[str, Contact]:
    """The contacts of people, by address in lower case; new ones are stored."""
    wanted = {person.address.lower()[:320]: person for person in people}
    found = _by_address(wanted)
    missing = sorted(wanted.keys() - found.keys())
    if not missing:
        return found
    # In the order of addresses, so that two workers cannot wait for each other.
    new = [Contact(address=address, name=wanted[address].name[:300]) for address in missing]
    Contact.objects.bulk_create(new, ignore_conflicts=True)
    return found | _by_address(missing)


def _by_address(addresses: Iterable[str]) -> dict[str, Contact]:
    return {contact.address: contact for contact in Contact.objects.filter(address__in=list(addresses))}


def _is_own(address: str, own: frozenset[str]) -> bool:
    return address.lower() in own or address.lower().endswith(f"@{settings.MAIL_DOMAIN}")
