"""Who an answer goes to. Recipients derive from the mail that is answered only: nobody is dropped, nobody is added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from conversations.models import Conversation, Message
from conversations.quiet import QUIET_CLASSES
from inboxes.models import Inbox
from whitelabel.organizational_domains import domain_of, of_one_company

Person = dict[str, str]
"""{name, address}"""


class InvalidRecipient(ValueError):
    """An address that cannot be written to; the text says which and why."""


@dataclass(frozen=True)
class Addressees:
    """Three lists without doubles, in the order of the mail answered."""

    to: tuple[Person, ...] = ()
    cc: tuple[Person, ...] = ()
    bcc: tuple[Person, ...] = ()

    @property
    def everyone(self) -> list[str]:
        """Every address, once."""
        return list(dict.fromkeys(person["address"] for person in (*self.to, *self.cc, *self.bcc)))


def answered_message(conversation: Conversation) -> Message | None:
    """The mail an answer is written to: the newest from a person, else the newest received, else the newest sent."""
    mails = (
        Message.objects.filter(conversation=conversation).exclude(kind=Message.Kind.NOTE).defer("html", "search_vector")
    )
    newest = mails.order_by("-received_at", "-id")
    received = newest.filter(kind=Message.Kind.INBOUND)
    return received.exclude(mail_class__in=QUIET_CLASSES).first() or received.first() or newest.first()


def addressees_of(message: Message | None, action: str, own: frozenset[str]) -> Addressees:
    """Who is written to. `action`: reply, reply_all or forward; `own` are the inbox's addresses, in lower case. Pure.

    The address by which the mail came is ours too, such as one that is forwarded into the inbox.
    """
    if message is None or action == "forward":
        return Addressees()
    if message.kind == Message.Kind.OUTBOUND:
        # We wrote last: the next mail goes to the same people.
        return Addressees(to=tuple(message.to), cc=tuple(message.cc) if action == "reply_all" else ())
    own = own | _way(message, own)
    to = _without(own, _reply_target(message, own))
    if action == "reply":
        return Addressees(to=to)
    to = _without(own, [*to, *message.to])
    return Addressees(to=to, cc=_without(own | {_key(person) for person in to}, message.cc))


def own_addresses(inbox: Inbox) -> frozenset[str]:
    """Every address that leads into the inbox, in lower case."""
    keys = inbox.service_addresses.all()
    return frozenset({inbox.address.lower(), *(key.address.lower() for key in keys)})


def checked(people: Iterable[Person], own: frozenset[str]) -> tuple[Person, ...]:
    """The people with addresses as SMTP needs them (domain as A-label), without doubles. Raises InvalidRecipient."""
    return tuple({_key(person): person for person in (_checked(person, own) for person in people)}.values())


def _checked(person: Person, own: frozenset[str]) -> Person:
    address = person.get("address", "").strip()
    try:
        parsed = validate_email(
            address,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise InvalidRecipient(_problem(address)) from error
    ascii_address = parsed.ascii_email
    if ascii_address is None or "." not in parsed.ascii_domain:
        raise InvalidRecipient(_problem(address))
    if ascii_address.lower() in own:
        raise InvalidRecipient(
            _("“%(address)s” is this inbox's own address. Take it away, or write to somebody else.")
            % {"address": address[:100]}
        )
    return {"name": " ".join(person.get("name", "").split()), "address": ascii_address}


def _problem(address: str) -> str:
    shown = " ".join(address.split())[:100]
    if not address.isascii() and not address.rpartition("@")[0].isascii():
        return _(
            "“%(address)s” has letters before the @ that mail servers cannot handle yet. Ask for another address."
        ) % {"address": shown}
    return _("“%(address)s” is not an email address. Correct it or take it away.") % {"address": shown}


def _way(message: Message, own: frozenset[str]) -> frozenset[str]:
    """The address a mail was sent to. Anybody can forge the trace, so it counts only within the inbox's organization."""
    ours = any(of_one_company(domain_of(message.addressed_to), domain_of(address)) for address in own)
    return frozenset({message.addressed_to.lower()}) if message.addressed_to and ours else frozenset()


def _reply_target(message: Message, own: frozenset[str]) -> list[Person]:
    wanted = [
        person for person in message.reply_to if person.get("address") and not {_key(person), _untagged(person)} & own
    ]
    return wanted or [{"name": message.from_name, "address": message.from_address}]


def _without(excluded: frozenset[str], people: Sequence[Person]) -> tuple[Person, ...]:
    kept: dict[str, Person] = {}
    for person in people:
        if person.get("address") and not {_key(person), _untagged(person)} & excluded:
            kept.setdefault(_key(person), {"name": person.get("name", ""), "address": person["address"]})
    return tuple(kept.values())


def _untagged(person: Person) -> str:
    """The address without what follows a plus: service addresses carry their conversation there."""
    local, _at, domain = _key(person).rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _key(person: Person) -> str:
    return person.get("address", "").lower()
