"""What every page of the agents' work has in common: the rail, the list at the left, and the place in it.

The place (list, inbox, page, search words) stands in the URL and is written into every link, so that a conversation
opens beside the list it was found in and the way back leads to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import deliveries, lists
from conversations.explaining import few
from conversations.lists import LISTS, ConversationList, Counts, Page, Position
from conversations.models import Conversation, Message
from conversations.plain_text import visible_controls
from conversations.search import search
from inboxes.models import Inbox
from inboxes.sender import fault_text, faulty_addresses
from organizations.requests import number_in
from whitelabel.models import OutboundMail

Status = Conversation.Status


@dataclass(frozen=True)
class Place:
    """A list, or a search, with the inbox and the page of it that is shown."""

    which: ConversationList
    inbox_id: int | None = None
    after: Position | None = None
    before: Position | None = None
    words: str = ""

    @classmethod
    def of(cls, request: HttpRequest, name: str | None = None) -> Place:
        """Read the place from a request; `name` is the list when the path says it. Nonsense falls back to defaults."""
        given = request.POST if request.method == "POST" else request.GET
        return cls(
            which=LISTS.get(name or given.get("list", ""), lists.UNANSWERED),
            inbox_id=number_in(given.get("inbox", "")),
            after=Position.parse(given.get("after", "")),
            before=Position.parse(given.get("before", "")),
            words=given.get("q", "").strip(),
        )

    def arguments(self, *, with_list: bool = True) -> dict[str, Any]:
        """The query parameters that lead back here; the list's name can be left to the path."""
        given = {
            "list": self.which.name if with_list and not self.words else None,
            "inbox": self.inbox_id,
            "after": self.after,
            "before": self.before,
            "q": self.words,
        }
        return {name: str(value) for name, value in given.items() if value}

    def query(self) -> str:
        """The same as text, with the question mark; "" for nothing."""
        return _query(self.arguments())


def _query(arguments: dict[str, Any]) -> str:
    return f"?{urlencode(arguments)}" if arguments else ""


@dataclass(frozen=True)
class Row:
    """A conversation as components/row.html shows it."""

    id: int
    url: str
    sender: str
    subject: str
    text: str
    at: Any
    unread: bool
    current: bool
    inbox: str
    read_in_part: bool
    attachments: bool
    notes: int
    assignee: str
    bounced: bool
    spam: bool = False
    tags: tuple[str, ...] = ()


class Workplace:
    """One request's rail and list. Costs five queries: inboxes, counts, what is kept apart, faults, rows.

    And one more when a row has no words to show: why.
    """

    def __init__(self, request: HttpRequest, place: Place) -> None:
        self.request = request
        self.place = place
        self.slug: str = request.organization.slug  # type: ignore[attr-defined]  # set by OrganizationMiddleware

    def context(self, current: Conversation | None = None) -> dict[str, Any]:
        """The template context of rail and list, with `current` marked as the open one."""
        inboxes = list(
            Inbox.objects.only("id", "organization_id", "name", "address", "last_received_at").order_by("name", "id")
        )
        found = self.page()
        return self.rail(inboxes) | {
            "place": self.place,
            "list_title": self.title(),
            "rows": self._rows(found.conversations, current, several=len(inboxes) > 1),
            "list_url": self.url(self.place),
            "list_query": self.place.query(),
            "earlier_url": self._page_url(before=found.before) if found.before else "",
            "later_url": self._page_url(after=found.after) if found.after else "",
            "inbox_chosen": next((each for each in inboxes if each.pk == self.place.inbox_id), None),
            "last_received_at": self._last_received(inboxes),
            "silent_inboxes": self._silent(inboxes) if not found.conversations and not self.place.words else [],
            "no_inboxes": not inboxes,
            "sent": self._sent(),
            # Always there, so that a conversation opened later has a place for its panel; without content it is not seen.
            "show_panel": True,
        }

    def page(self) -> Page:
        """The rows of the place."""
        place, user = self.place, self.request.user
        if place.words:
            return search(place.words, inbox_id=place.inbox_id)
        return lists.page(place.which, user, inbox_id=place.inbox_id, after=place.after, before=place.before)  # type: ignore[arg-type]  # members only

    def title(self) -> str:
        """What the list pane is headed with."""
        return _("Search results") if self.place.words else str(self.place.which.label)

    def url(self, place: Place) -> str:
        """The address of a list or a search."""
        if place.words:
            return reverse("conversations:search", args=[self.slug]) + _query(place.arguments())
        path = reverse("conversations:list", args=[self.slug, place.which.name])
        return path + _query(place.arguments(with_list=False))

    def conversation_url(self, number: int) -> str:
        """The address of a conversation beside this list."""
        return reverse("conversations:conversation", args=[self.slug, number]) + self.place.query()

    def rail(self, inboxes: Sequence[Inbox] | None = None) -> dict[str, Any]:
        """The context of the rail alone."""
        known = list(
            inboxes
            if inboxes is not None
            else Inbox.objects.only("id", "organization_id", "name", "address").order_by("name", "id")
        )
        counts = lists.counts(self.request.user)  # type: ignore[arg-type]  # members only
        held = lists.held(self.place.inbox_id)
        live = reverse("conversations:rail", args=[self.slug]) + self.place.query()
        return self.untold() | {
            "nav": {
                "home_url": reverse("conversations:dashboard", args=[self.slug]),
                "settings_url": _settings_url(self.slug),
                "live_url": live,
                "inboxes": self._inbox_links(known, counts),
                "lists": [
                    self._list_link(each, counts) for each in LISTS.values() if self._is_shown(each, counts, held)
                ],
            }
        }

    def untold(self) -> dict[str, Any]:
        """This person's mails that did not arrive, as templates/conversations/untold.html shows them."""
        failures, more = deliveries.untold(self.request.user)  # type: ignore[arg-type]  # members only
        return {
            "untold": [
                {
                    "url": self.conversation_url(failure.number),
                    "number": failure.number,
                    "subject": visible_controls(failure.subject) or _("(no subject)"),
                    "people": few(failure.addresses),
                    "certain": failure.certain,
                }
                for failure in failures
            ],
            "untold_more": more,
            "undelivered_url": self.url(Place(lists.UNDELIVERED)),
        }

    def _inbox_links(self, inboxes: Sequence[Inbox], counts: Counts) -> list[dict[str, Any]]:
        faulty = faulty_addresses()
        every = [(None, _("All inboxes"), "layers", "")] if len(inboxes) != 1 else []
        each_inbox = [(each.pk, each.name, "inbox", fault_text() if each.address in faulty else "") for each in inboxes]
        chosen = self.place.inbox_id if len(inboxes) != 1 else inboxes[0].pk
        return [
            {
                "label": label,
                "icon": icon,
                "fault": fault,
                "url": self.url(Place(self.place.which, inbox_id=inbox_id)),
                "count": counts.of(lists.UNANSWERED, inbox_id),
                "current": chosen == inbox_id,
            }
            for inbox_id, label, icon, fault in every + each_inbox
        ]

    def _is_shown(self, which: ConversationList, counts: Counts, held: frozenset[str]) -> bool:
        holds = which.name in held or counts.of(which, self.place.inbox_id) > 0
        return holds or not which.rare or which == self.place.which

    def _list_link(self, which: ConversationList, counts: Counts) -> dict[str, Any]:
        return {
            "label": which.label,
            "icon": which.icon,
            "url": self.url(Place(which, inbox_id=self.place.inbox_id)),
            "count": counts.of(which, self.place.inbox_id),
            "current": which == self.place.which and not self.place.words,
        }

    def _rows(self, found: Sequence[Conversation], current: Conversation | None, *, several: bool) -> list[Row]:
        partly = lists.read_in_part(found)
        return [self._row(each, current, several=several, read_in_part=each.pk in partly) for each in found]

    def _row(
        self, conversation: Conversation, current: Conversation | None, *, several: bool, read_in_part: bool
    ) -> Row:
        subject = visible_controls(conversation.subject)
        missing = _("Could not be read – open the original") if read_in_part else ""
        assignee = conversation.assignee
        unanswered = conversation.status == Conversation.Status.UNANSWERED
        return Row(
            id=conversation.number,
            url=self.conversation_url(conversation.number),
            sender=visible_controls(conversation.sender_label) or _("Unknown sender"),
            subject=subject or missing or _("(no subject)"),
            text=visible_controls(conversation.snippet) or (missing if subject else ""),
            at=conversation.unanswered_since
            if self.place.which.order_by == "unanswered_since" and unanswered
            else conversation.last_activity_at,
            unread=unanswered and self.place.which != lists.UNANSWERED and not conversation.folder,
            current=current is not None and current.pk == conversation.pk,
            inbox=conversation.inbox.name if several and not self.place.inbox_id else "",
            read_in_part=read_in_part,
            attachments=conversation.has_attachments,
            notes=conversation.note_count,
            assignee=assignee.display_name if assignee else "",
            bounced=conversation.has_failed_delivery,
            spam=conversation.folder == Conversation.Folder.SPAM,
            tags=self._marks(conversation),
        )

    def _marks(self, conversation: Conversation) -> tuple[str, ...]:
        """The state in a word, in lists that hold several states; what is kept apart has none but that."""
        if conversation.folder:
            return (conversation.get_folder_display(),) if self.place.words else ()
        if self.place.which.name in (Status.WAITING, Status.DONE) and not self.place.words:
            return ()
        return (conversation.get_status_display(),) if conversation.status in (Status.WAITING, Status.DONE) else ()

    def _sent(self) -> dict[str, Any] | None:
        """The mail this person has just sent, as ?sent=number-id says, while it can be taken back."""
        number, _dash, identity = self.request.GET.get("sent", "").partition("-")
        if not (number.isascii() and number.isdigit() and identity.isascii() and identity.isdigit()):
            return None
        leaves_at = (
            Message.objects.filter(pk=int(identity[:18]), author=self.request.user)  # type: ignore[misc]  # members only
            .filter(conversation__number=int(number[:9]), outbound__state=OutboundMail.State.QUEUED)
            .values_list("outbound__not_before", flat=True)
            .first()
        )
        left = (leaves_at - timezone.now()).total_seconds() if leaves_at else 0
        if left <= 0:
            return None
        undo_url = reverse("conversations:undo", args=[self.slug, number, identity]) + self.place.query()
        if left > settings.UNDO_SEND_SECONDS:
            return {"undo_url": undo_url, "seconds": settings.UNDO_SEND_SECONDS, "planned": leaves_at}
        return {"undo_url": undo_url, "seconds": ceil(left)}

    def _page_url(self, *, before: Position | None = None, after: Position | None = None) -> str:
        place = self.place
        return self.url(Place(place.which, inbox_id=place.inbox_id, before=before, after=after))

    def _last_received(self, inboxes: Sequence[Inbox]) -> Any:
        received = [each.last_received_at for each in self._shown(inboxes) if each.last_received_at]
        return max(received, default=None)

    def _silent(self, inboxes: Sequence[Inbox]) -> list[Inbox]:
        """The inboxes in view, if none of them has ever received a mail."""
        shown = self._shown(inboxes)
        return shown if all(each.last_received_at is None for each in shown) else []

    def _shown(self, inboxes: Sequence[Inbox]) -> list[Inbox]:
        return [each for each in inboxes if self.place.inbox_id in (None, each.pk)]


def _settings_url(slug: str) -> str:
    try:
        return reverse("inboxes:index", kwargs={"organization_slug": slug})
    except NoReverseMatch:
        return ""
