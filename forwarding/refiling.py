"""Having mail filed anew from its octets: what is parked, what could be read only in part, what was taken for a copy.

The delivery goes back to the queue, and what becomes of it is decided there as for any other. Call everything inside
the organization's scope.
"""

from __future__ import annotations

from django.db.models import Q

from conversations import detaching
from conversations.models import Message
from forwarding import queue
from forwarding.models import Delivery
from organizations import wakeups
from organizations.models import Event, User, record

State = Delivery.State
PARKED = Q(state=State.PARKED)
READ_IN_PART = Q(state=State.FILED, message__reading_stage__in=Message.READ_IN_PART)
STANDS_ALONE = "delivery.stands_alone"


class NothingToUndo(ValueError):
    """The delivery does not stand alone, or the mail that it was a copy of is no longer here."""


def parked() -> int:
    """How many mails are parked."""
    return Delivery.objects.filter(PARKED).count()


def read_in_part() -> int:
    """How many mails are shown in part, because they could not be read."""
    return Delivery.objects.filter(READ_IN_PART).count()


def refile(delivery: Delivery, *, actor: User | None) -> None:
    """Have a mail filed anew that is parked or read in part: the message of the latter gets all that is read now.

    Does nothing with any other.
    """
    if Delivery.objects.filter(PARKED | READ_IN_PART, pk=delivery.pk).exists():
        queue.put_back(delivery)
        record("delivery.refiled", delivery, actor=actor)
        wakeups.notify(wakeups.SPOOL)


def refile_all(wanted: Q = PARKED | READ_IN_PART, *, actor: User | None = None) -> int:
    """Have every parked mail and every one read in part filed anew; returns how many."""
    waiting = list(Delivery.objects.filter(wanted).order_by("pk"))
    for delivery in waiting:
        refile(delivery, actor=actor)
    return len(waiting)


def show_alone(delivery: Delivery, *, actor: User) -> None:
    """Have a mail that was taken for a copy shown as a mail of its own. Does nothing with any other."""
    if delivery.state != State.DUPLICATE:
        return
    record(STANDS_ALONE, delivery, actor=actor, message=delivery.message_id)
    queue.put_back(delivery, message=None, stands_alone=True)
    wakeups.notify(wakeups.SPOOL)


def undo_show_alone(delivery: Delivery, *, actor: User) -> None:
    """Take the message of a mail that stands alone away, and have the mail filed as the copy it is. Raises NothingToUndo.

    What has been written in its conversation stays there.
    """
    event = Event.objects.filter(kind=STANDS_ALONE, subject_type="delivery", subject_id=delivery.pk).last()
    original = Message.objects.filter(pk=event.data["message"]).first() if event else None
    if not delivery.stands_alone or delivery.state != State.FILED or delivery.message is None or original is None:
        raise NothingToUndo("there is no mail that it could be a copy of")
    message = delivery.message
    queue.put_back(delivery, message=None, stands_alone=False)
    detaching.take_away(message, original=original)
    record("delivery.alone_undone", delivery, actor=actor)
    wakeups.notify(wakeups.SPOOL)
