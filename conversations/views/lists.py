"""The dashboard's lists, the search, and the rail that keeps its counts current."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.lists import LISTS
from conversations.views.workplace import Place, Workplace


@require_safe
def dashboard(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """The first page after logging in: what waits for an answer."""
    return _list(request, Place.of(request, "unanswered"))


@require_safe
def conversation_list(request: HttpRequest, organization_slug: str, name: str) -> HttpResponse:
    """One list, or its rows alone when a live page asks for them."""
    if name not in LISTS:
        raise Http404
    return _list(request, Place.of(request, name))


@require_safe
def search(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Conversations by words or number; without words the latest ones."""
    return _list(request, Place.of(request, "activity"))


@require_safe
def rail(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """The rail alone, asked for when counts have changed."""
    place = Place.of(request)
    return render(request, "conversations/rail.html", Workplace(request, place).rail())


def _list(request: HttpRequest, place: Place) -> HttpResponse:
    return render(request, "conversations/list.html", Workplace(request, place).context())
