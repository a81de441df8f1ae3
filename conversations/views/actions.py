"""What an agent does with conversations besides writing: give them to somebody, set their state, handle several."""

from __future__ import annotations

import json
from datetime import datetime, time
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from conversations import deliveries, lists, timeline
from conversations.forms import StatusForm
from conversations.models import Conversation
from conversations.views.workplace import Place, Workplace
from organizations.models import Membership, User
from organizations.requests import number_in

Status = Conversation.Status
MORNING = time(8)  # a conversation that waits until a day comes back when the day begins
BULK_MAX = 200


def conversation_or_404(number: int) -> Conversation:
    """The conversation with that number in the open organization, or the one that it has gone into since."""
    rows = Conversation.objects.select_related("inbox", "assignee", "contact", "related_to")
    found = rows.filter(number=number).first()
    if found is None:
        raise Http404
    return found if found.merged_into_id is None else rows.get(pk=timeline.standing(found.pk))


@require_POST
def assign(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Give to oneself ("me"), a colleague (id) or nobody ("")."""
    conversation = conversation_or_404(number)
    timeline.assign(conversation, _assignee(request), actor=request.user)  # type: ignore[arg-type]  # members only
    if _is_from_row(request):
        return HttpResponse(status=204)
    return redirect(Workplace(request, Place.of(request)).conversation_url(number))


@require_POST
def status(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Mark as done, waiting or unanswered. Done goes on to the next conversation of the list."""
    form = StatusForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    conversation = conversation_or_404(number)
    place = Place.of(request)
    if conversation.number != number:
        return _to_unseen(request, place, conversation)
    done = form.cleaned_data["status"] == Status.DONE
    target = next_url(request, place, conversation) if done else Workplace(request, place).conversation_url(number)
    timeline.set_status(
        conversation,
        form.cleaned_data["status"],
        actor=request.user,  # type: ignore[arg-type]  # members only
        waiting_until=_morning_of(form.cleaned_data["until"]),
    )
    if done:
        return _gone(request, target, _("#%(number)s is marked as done.") % {"number": number})
    return HttpResponse(status=204) if _is_from_row(request) else redirect(target)


@require_POST
def spam(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Keep it apart as spam, and go on to the next conversation of the list."""
    conversation = conversation_or_404(number)
    place = Place.of(request)
    if conversation.number != number:
        return _to_unseen(request, place, conversation)
    target = next_url(request, place, conversation)
    timeline.mark_spam(conversation, actor=cast(User, request.user))
    undo_url = reverse("conversations:not_spam", args=[organization_slug, number])
    return _gone(request, target, _("#%(number)s is marked as spam.") % {"number": number}, undo_url)


@require_POST
def not_spam(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Take it back from the spam, and stay where one is."""
    timeline.unmark_spam(conversation_or_404(number), actor=cast(User, request.user))
    if _is_from_row(request):
        return _toast(_("#%(number)s is no longer marked as spam.") % {"number": number})
    return redirect(Workplace(request, Place.of(request)).conversation_url(number))


@require_POST
def address_works(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Take back that mail to the customer's address does not arrive."""
    user: Any = request.user
    deliveries.vouch(conversation_or_404(number), actor=user)
    return redirect(Workplace(request, Place.of(request)).conversation_url(number))


@require_POST
def bulk(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Do one thing with all chosen conversations."""
    given = map(number_in, request.POST.getlist("selected"))
    chosen = [number for number in given if number is not None]
    act = request.POST.get("act", "")
    if act not in ("me", "nobody", "spam", "not_spam", Status.DONE, Status.WAITING, Status.UNANSWERED):
        return HttpResponseBadRequest()
    found = list(Conversation.objects.filter(number__in=chosen[:BULK_MAX], merged_into=None))
    for conversation in found:
        _do(act, conversation, request.user)  # type: ignore[arg-type]  # members only
    changed = ngettext("%(number)s conversation changed.", "%(number)s conversations changed.", len(found))
    messages.success(request, changed % {"number": len(found)})
    return redirect(Workplace(request, place := Place.of(request)).url(place))


def next_url(request: HttpRequest, place: Place, conversation: Conversation) -> str:
    """Where to go when this conversation leaves the list: the one after it, or the list itself."""
    workplace = Workplace(request, place)
    user: Any = request.user
    following = None if place.words else lists.following(place.which, user, conversation, place.inbox_id)
    return workplace.conversation_url(following.number) if following else workplace.url(place)


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Another page, for htmx too, which would follow a redirect itself and swap the page into a part."""
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _to_unseen(request: HttpRequest, place: Place, conversation: Conversation) -> HttpResponse:
    """Where a detached mail is again. There are mails that were not on the page: they are not handled by its acts."""
    messages.info(request, _("The mail is back in #%(number)s.") % {"number": conversation.number})
    return go(request, Workplace(request, place).conversation_url(conversation.number))


def _gone(request: HttpRequest, target: str, said: str, undo_url: str = "") -> HttpResponse:
    """A conversation has left the list: a row goes by itself, an open one makes room for the page at `target`."""
    if _is_from_row(request):
        return _toast(said, undo_url)
    messages.success(request, said, extra_tags=undo_url)
    return go(request, target)


def _toast(said: str, undo_url: str = "") -> HttpResponse:
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"toast": {"text": said, "undo": undo_url}})})


def _is_from_row(request: HttpRequest) -> bool:
    """Whether a button at a row of the list or in a toast asked: the page stays, and live news moves the row."""
    return bool(request.htmx) and request.htmx.target != "conversation-head"  # type: ignore[attr-defined]  # HtmxMiddleware


def _do(act: str, conversation: Conversation, user: User) -> None:
    if act in ("me", "nobody"):
        timeline.assign(conversation, user if act == "me" else None, actor=user)
    elif act == "spam":
        timeline.mark_spam(conversation, actor=user)
    elif act == "not_spam":
        timeline.unmark_spam(conversation, actor=user)
    else:
        timeline.set_status(conversation, act, actor=user)


def _assignee(request: HttpRequest) -> Any:
    given = request.POST.get("assignee", "")
    if given == "me":
        return request.user
    if not given:
        return None
    wanted = number_in(given)
    member = Membership.objects.select_related("user").filter(user_id=wanted).first() if wanted is not None else None
    if member is None:
        raise Http404
    return member.user


def _morning_of(day: Any) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, MORNING)) if day else None
