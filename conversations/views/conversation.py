"""One conversation: its page beside the list, and the parts of it that a live page fetches again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from conversations import deliveries, lists
from conversations.models import Conversation, Message
from conversations.views import cards
from conversations.views.actions import conversation_or_404
from conversations.views.acts import Act, acts_on
from conversations.views.compose_panel import Composer
from conversations.views.workplace import Place, Workplace
from organizations.models import Membership


@require_safe
def show(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """The conversation beside its list; the conversation alone when the page swaps it in."""
    conversation = conversation_or_404(number)
    if conversation.number != number:
        return redirect(Workplace(request, Place.of(request)).conversation_url(conversation.number))
    user: Any = request.user
    deliveries.told(conversation, user)
    composer = Composer.for_page(conversation, request)
    return render_conversation(request, conversation, composer)


@require_safe
def messages(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Head, messages, side panel and the phone's acts as they are now: what a live page compares with what it shows."""
    conversation = conversation_or_404(number)
    return render(request, "conversations/thread.html", conversation_context(request, conversation))


def render_conversation(
    request: HttpRequest, conversation: Conversation, composer: Composer, *, status: int = 200
) -> HttpResponse:
    """The whole page, or the conversation pane for htmx."""
    context = conversation_context(request, conversation) | {"composer": composer}
    workplace = Workplace(request, Place.of(request))
    if request.htmx and request.htmx.target == "conversation":  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return render(request, "conversations/conversation_pane.html", context | workplace.untold(), status=status)
    return render(request, "conversations/conversation.html", workplace.context(conversation) | context, status=status)


def conversation_context(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    """What the conversation pane and the side panel show."""
    place = Place.of(request)
    workplace = Workplace(request, place)
    everything = "all" in request.GET
    found, folded = cards.messages_of(conversation, everything=everything)
    user: Any = request.user
    shown = cards.cards(found, conversation.inbox, user)
    # What colleagues did before the first message shown is folded with it.
    acts = acts_on(conversation, shown[0].at if folded and shown else None)
    entries: list[cards.Card | Act] = [*shown, *acts]
    return {
        "conversation": conversation,
        "began": _began(conversation) if folded or not shown else shown[0].at,
        "entries": sorted(entries, key=lambda entry: entry.at),
        "folded": folded,
        "pane": "conversation",
        "show_panel": True,
        "place": place,
        "place_arguments": place.arguments(),
        "list_url": workplace.url(place),
        "list_query": place.query(),
        "list_title": workplace.title(),
        "members": _members(),
        "related": _related(conversation),
        "upload_limit": settings.ATTACHMENT_UPLOAD_OCTETS,
        "picture_limit": settings.INLINE_PICTURE_OCTETS,
    }


def _began(conversation: Conversation) -> datetime:
    """When the first mail came, which may be long before it was filed here."""
    first = Message.objects.filter(conversation=conversation).aggregate(at=Min("received_at"))["at"]
    return first or conversation.created_at


def _members() -> list[Any]:
    found = Membership.objects.select_related("user").filter(user__is_active=True).order_by("user__name", "user__email")
    return [membership.user for membership in found]


def _related(conversation: Conversation) -> list[Conversation]:
    """The latest other conversations of the same customer."""
    if conversation.contact_id is None:
        return []
    found = lists.rows().filter(contact_id=conversation.contact_id).exclude(pk=conversation.pk)
    return list(found.order_by("-last_activity_at", "-id")[: settings.RELATED_CONVERSATIONS_SHOWN])
