"""The lists of the dashboard: which conversations each holds, in which order, page by page, and how many.

Pages go by key, never by offset: a page costs the same wherever it is, and a new mail moves nothing between pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from conversations.models import Conversation, Message
from organizations.models import User

Status, Folder = Conversation.Status, Conversation.Folder


@dataclass(frozen=True)
class Empty:
    """What is true of a list without rows, while mail does arrive: a heading, a sentence, and a picture's name."""

    title: str | Promise
    text: str | Promise
    icon: str


@dataclass(frozen=True)
class ConversationList:
    """One list: its name in the URL, how it is shown, and the column and direction it is ordered by.

    `rare`: shown in the rail only when it holds something. `folder`: what its conversations are kept apart as; what is
    kept apart is in that list only.
    """

    name: str
    label: str | Promise
    icon: str
    empty: Empty
    order_by: str = "last_activity_at"
    oldest_first: bool = False
    counted: bool = True
    rare: bool = False
    folder: str = ""


def _apart(folder: Conversation.Folder, label: Promise, empty: Empty) -> ConversationList:
    """The list of a folder. Its picture is the one that it shows when it is empty."""
    return ConversationList(str(folder), label, empty.icon, empty, counted=False, rare=True, folder=folder)


UNANSWERED = ConversationList(
    "unanswered",
    pgettext_lazy("list", "Unanswered"),
    "mail-question-mark",
    Empty(_("No unanswered"), _("Everybody who wrote has an answer."), "circle-check-big"),
    order_by="unanswered_since",
    oldest_first=True,
)
MINE = ConversationList(
    "mine",
    pgettext_lazy("list", "Mine"),
    "user-round",
    Empty(
        _("Nothing is assigned to you"),
        _("Take something from Unassigned, or answer a mail: then it is yours."),
        "user-round",
    ),
)
UNASSIGNED = ConversationList(
    "unassigned",
    pgettext_lazy("list", "Unassigned"),
    "user-round-x",
    Empty(_("Everything is assigned"), _("Each open conversation has somebody who takes care of it."), "users-round"),
)
WAITING = ConversationList(
    "waiting",
    pgettext_lazy("list", "Waiting"),
    "clock",
    Empty(_("Nothing is waiting"), _("Conversations you set to wait for somebody else are kept here."), "clock"),
)
UNDELIVERED = ConversationList(
    "undelivered",
    pgettext_lazy("list", "Not delivered"),
    "mail-x",
    Empty(
        _("Everything has been delivered"),
        _("A conversation is shown here when a mail sent from it cannot be delivered, until it is marked as done."),
        "mail-check",
    ),
    rare=True,
)
DONE = ConversationList(
    "done",
    pgettext_lazy("list", "Done"),
    "circle-check",
    Empty(
        _("Nothing is done yet"), _("Conversations marked as done are kept here and can be reopened."), "circle-check"
    ),
    counted=False,
)
ACTIVITY = ConversationList(
    "activity",
    pgettext_lazy("list", "Latest activity"),
    "activity",
    Empty(_("No conversations"), _("There is nothing on this page of the list."), "inbox"),
    counted=False,
)
AUTOREPLIES = _apart(
    Folder.AUTOREPLIES,
    pgettext_lazy("list", "Automatic replies"),
    Empty(
        _("No automatic replies"),
        _("Absence notices and receipts that answer no mail sent from here are kept here."),
        "bot",
    ),
)
BOUNCES = _apart(
    Folder.BOUNCES,
    pgettext_lazy("list", "Bounces"),
    Empty(
        _("No bounces"), _("Reports about mail sent in your name, but not from here, are kept here."), "mail-warning"
    ),
)
SPAM = _apart(
    Folder.SPAM,
    pgettext_lazy("list", "Spam"),
    Empty(_("No spam"), _("Conversations marked as spam are kept here and can be taken back."), "ban"),
)
APART = (AUTOREPLIES, BOUNCES, SPAM)
LISTS = {each.name: each for each in (UNANSWERED, MINE, UNASSIGNED, WAITING, UNDELIVERED, DONE, ACTIVITY, *APART)}

_ROW_FIELDS = (
    "id",
    "organization_id",
    "number",
    "subject",
    "snippet",
    "sender_label",
    "status",
    "folder",
    "note_count",
    "message_count",
    "has_attachments",
    "has_failed_delivery",
    "waiting_until",
    "unanswered_since",
    "last_activity_at",
    "inbox__name",
    "assignee__name",
    "assignee__email",
)


def members_of(which: ConversationList, user: User) -> Q:
    """The condition that makes a conversation part of a list for this person."""
    return Q(folder=which.folder) & _chosen(which, user)


def _chosen(which: ConversationList, user: User) -> Q:
    match which.name:
        case "unanswered":
            return Q(status=Status.UNANSWERED)
        case "mine":
            return Q(assignee=user) & ~Q(status=Status.DONE)
        case "unassigned":
            return Q(assignee=None) & ~Q(status=Status.DONE)
        case "waiting":
            return Q(status=Status.WAITING)
        case "undelivered":
            return Q(has_failed_delivery=True) & ~Q(status=Status.DONE)
        case "done":
            return Q(status=Status.DONE)
    return Q()


def rows() -> QuerySet[Conversation]:
    """Conversations with the columns a list row needs and nothing else."""
    return Conversation.objects.filter(merged_into=None).select_related("inbox", "assignee").only(*_ROW_FIELDS)


def read_in_part(found: Sequence[Conversation]) -> set[int]:
    """Those of the rows that have no words to show because a mail could be read only in part, by key.

    One query, and none when all rows have words.
    """
    wordless = [each.pk for each in found if not each.snippet]
    if not wordless:
        return set()
    unread = Message.objects.filter(conversation__in=wordless, reading_stage__in=Message.READ_IN_PART)
    return set(unread.values_list("conversation_id", flat=True).distinct())


@dataclass(frozen=True)
class Position:
    """A place in an ordered list: just beside the row with this time and id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.timestamp():.6f}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Read what str() wrote; None for anything else."""
        seconds, _dash, identity = text.partition("-")
        try:
            from_epoch = datetime.fromtimestamp(0, tz=UTC) + timedelta(microseconds=round(float(seconds) * 1_000_000))
            return cls(from_epoch, int(identity))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class Page:
    """Rows of a list in order, and where the pages before and after begin."""

    conversations: list[Conversation] = field(default_factory=list)
    before: Position | None = None
    after: Position | None = None


def page(
    which: ConversationList,
    user: User,
    *,
    inbox_id: int | None = None,
    after: Position | None = None,
    before: Position | None = None,
) -> Page:
    """One page of a list: from the top, or the rows after or before a position."""
    found = rows().filter(members_of(which, user))
    if inbox_id:
        found = found.filter(inbox_id=inbox_id)
    backwards = before is not None and after is None
    ascending = which.oldest_first != backwards
    start = before if backwards else after
    if start:
        found = found.filter(_beyond(which, start, ascending))
    sign = "" if ascending else "-"
    size = settings.CONVERSATIONS_PER_PAGE
    taken = list(found.order_by(f"{sign}{which.order_by}", f"{sign}id")[: size + 1])
    more, taken = len(taken) > size, taken[:size]
    if backwards:
        taken.reverse()
    return _page(which, taken, more_before=more if backwards else start is not None, more_after=more or backwards)


def _page(which: ConversationList, taken: list[Conversation], *, more_before: bool, more_after: bool) -> Page:
    if not taken:
        return Page()
    return Page(
        taken,
        before=_position(which, taken[0]) if more_before else None,
        after=_position(which, taken[-1]) if more_after else None,
    )


def following(
    which: ConversationList, user: User, conversation: Conversation, inbox_id: int | None
) -> Conversation | None:
    """The conversation after this one in a list, to go on with when this one is done."""
    position = _position(which, conversation)
    if position is None:
        return None
    found = rows().filter(members_of(which, user), _beyond(which, position, which.oldest_first))
    if inbox_id:
        found = found.filter(inbox_id=inbox_id)
    sign = "" if which.oldest_first else "-"
    return found.order_by(f"{sign}{which.order_by}", f"{sign}id").first()


def _position(which: ConversationList, conversation: Conversation) -> Position | None:
    at = getattr(conversation, which.order_by)
    return Position(at, conversation.pk) if at else None


def _beyond(which: ConversationList, start: Position, ascending: bool) -> Q:
    operator = "gt" if ascending else "lt"
    column = which.order_by
    # The first condition is what the index uses; the second settles rows of the same microsecond.
    return Q(**{f"{column}__{operator}e": start.at}) & (
        Q(**{f"{column}__{operator}": start.at}) | Q(**{f"id__{operator}": start.id})
    )


@dataclass(frozen=True)
class Counts:
    """How many conversations the lists hold, per inbox and together. Lists of everything are not counted."""

    by_inbox: dict[int, dict[str, int]]

    def of(self, which: ConversationList, inbox_id: int | None = None) -> int:
        """The count of one list, in one inbox or in all."""
        inboxes: Iterable[dict[str, int]] = [self.by_inbox.get(inbox_id, {})] if inbox_id else self.by_inbox.values()
        return sum(found.get(which.name, 0) for found in inboxes)


def counts(user: User) -> Counts:
    """Count the open conversations of every inbox and list in one query. What is kept apart is not counted."""
    counted = [each for each in LISTS.values() if each.counted]
    numbers: dict[str, Any] = {each.name: Count("id", filter=members_of(each, user)) for each in counted}
    is_open = Conversation.objects.filter(~Q(status=Status.DONE), merged_into=None, folder="")
    lines: Any = is_open.values("inbox_id").annotate(**numbers)
    return Counts({line["inbox_id"]: {each.name: line[each.name] for each in counted} for line in lines})


def held(inbox_id: int | None = None) -> frozenset[str]:
    """The lists of what is kept apart that hold something, by name. One query, and one row read for each list."""
    found = Conversation.objects.filter(merged_into=None, **({"inbox_id": inbox_id} if inbox_id else {}))
    first, *others = (found.filter(folder=each.folder).values_list("folder", flat=True)[:1] for each in APART)
    return frozenset(first.union(*others, all=True))
