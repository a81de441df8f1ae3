"""How many strangers an organization may write to in a day under the service's own name.

A service address is given before anybody has proved that the address it was made from is theirs (decision 0005). What is
written from it carries our name and signature, so it goes to people who wrote first, and to a bounded number of others.
An activated address of one's own has no such bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import F, IntegerField, Sum
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.addressees import InvalidRecipient
from conversations.models import Contact, Conversation, Message
from organizations.models import Event, User, record
from whitelabel.identity import Identity, Kind

WRITTEN_TO = "strangers.written_to"
"""Kind of the event that counts them."""


class TooManyStrangers(InvalidRecipient):
    """The day's number is used up; the text says so and what to do."""


def admit(conversation: Conversation, who: Identity, addresses: Sequence[str], *, author: User) -> None:
    """Count the strangers among `addresses` (lower or mixed case). Raises TooManyStrangers, and then counts none.

    Call inside the organization's scope, in the transaction that sends the mail.
    """
    if who.kind == Kind.OWN:
        return
    strangers = {address.lower() for address in addresses} - _known(conversation, addresses)
    if not strangers:
        return
    if len(strangers) + _today() > settings.SERVICE_STRANGERS_A_DAY:
        raise TooManyStrangers(
            _(
                "From the service address, mail goes to at most %(limit)s new people a day who have not written to you. "
                "Activate your own address in the settings, or write to %(support)s."
            )
            % {"limit": settings.SERVICE_STRANGERS_A_DAY, "support": settings.SUPPORT_ADDRESS}
        )
    record(WRITTEN_TO, conversation, actor=author, number=len(strangers))


def _known(conversation: Conversation, addresses: Sequence[str]) -> set[str]:
    """Who has begun a conversation with the organization, or stands in a mail received in this one."""
    wanted = [address.lower() for address in addresses]
    known = set(Contact.objects.filter(address__in=wanted).values_list("address", flat=True))
    received = Message.objects.filter(conversation=conversation, kind=Message.Kind.INBOUND)
    for sender, to, cc, reply_to in received.values_list("from_address", "to", "cc", "reply_to"):
        known |= {sender.lower(), *(person.get("address", "").lower() for person in (*to, *cc, *reply_to))}
    return known


def _today() -> int:
    events = Event.objects.filter(kind=WRITTEN_TO, at__gte=timezone.now() - timedelta(days=1))
    number = Cast(F("data__number"), IntegerField())
    return events.aggregate(all=Sum(number))["all"] or 0
