"""What colleagues and the service did to a conversation, as the lines that stand between its messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from conversations import deliveries, explaining
from conversations.models import Conversation
from conversations.plain_text import visible_controls
from conversations.timeline import NOT_SPAM, SPAM_EVENTS
from organizations.models import Event, User

EVENTS_SHOWN = 100
EVENT_KINDS = (
    "conversation.assigned",
    "conversation.status",
    "message.read",
    deliveries.UNDELIVERED,
    *SPAM_EVENTS,
    *explaining.DETACHING,
)
_STATUS_ICONS = {"done": "circle-check", "waiting": "clock", "unanswered": "rotate-ccw"}


@dataclass(frozen=True)
class Act:
    """A thin line between messages: what somebody did."""

    at: datetime
    text: str
    icon: str
    kind: str = "act"


def acts_on(conversation: Conversation, since: datetime | None) -> list[Act]:
    """What colleagues did to the conversation since a time, oldest first; two queries at most."""
    found = Event.objects.filter(subject_type="conversation", subject_id=conversation.pk, kind__in=EVENT_KINDS)
    if since:
        found = found.filter(at__gte=since)
    events = list(found.select_related("actor").order_by("-at", "-id")[:EVENTS_SHOWN])
    people = _people(event.data.get("to") for event in events)
    return [_act(event, people) for event in reversed(events)]


def _people(ids: Iterable[Any]) -> dict[int, User]:
    wanted = {pk for pk in ids if pk}
    return User.objects.only("name", "email").in_bulk(wanted) if wanted else {}


def _act(event: Event, people: dict[int, User]) -> Act:
    actor = event.actor.display_name if event.actor else _("The service")
    if event.kind == "conversation.assigned":
        return Act(event.at, _assigned(event, actor, people.get(event.data.get("to") or 0)), "user-round")
    if event.kind == "message.read":
        reader = visible_controls(event.data.get("by", "")) or _("The recipient")
        return Act(event.at, _("%(person)s has read the answer") % {"person": reader}, "mail-open")
    if event.kind == deliveries.UNDELIVERED:
        told = event.data
        return Act(event.at, explaining.undelivered(told["addresses"], told["state"], told["status"]), "mail-x")
    if event.kind in SPAM_EVENTS:
        said = _("%(actor)s took it back from the spam") if event.kind == NOT_SPAM else _("%(actor)s marked it as spam")
        return Act(event.at, said % {"actor": actor}, "ban")
    if event.kind in explaining.DETACHING:
        return Act(event.at, explaining.detached(event.kind, actor, event.data["number"]), "split")
    return Act(
        event.at,
        _status_changed(event.data.get("after", ""), actor),
        _STATUS_ICONS.get(event.data.get("after", ""), "circle"),
    )


def _assigned(event: Event, actor: str, to: User | None) -> str:
    if to is None:
        return _("%(actor)s put it back as unassigned") % {"actor": actor}
    if to.pk == event.actor_id:
        return _("%(actor)s took it") % {"actor": actor}
    return _("%(actor)s assigned it to %(to)s") % {"actor": actor, "to": to.display_name}


def _status_changed(after: str, actor: str) -> str:
    match after:
        case "done":
            return _("%(actor)s marked it as done") % {"actor": actor}
        case "waiting":
            return _("%(actor)s marked it as waiting") % {"actor": actor}
    return _("%(actor)s reopened it") % {"actor": actor}
