"""Taking a mail out into a conversation of its own, and back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations import detaching
from conversations.models import Message
from conversations.views.actions import conversation_or_404
from conversations.views.workplace import Place, Workplace


@require_POST
def detach(request: HttpRequest, organization_slug: str, number: int, pk: int) -> HttpResponse:
    """Give a mail a conversation of its own, and go there."""
    message = get_object_or_404(Message.objects.select_related("conversation"), pk=pk, conversation__number=number)
    user: Any = request.user
    workplace = Workplace(request, Place.of(request))
    try:
        opened = detaching.detach(message, actor=user)
    except detaching.CannotDetach:
        messages.error(
            request, _("The mail is alone in its conversation already, so there is nothing to take it out of.")
        )
        return redirect(workplace.conversation_url(number))
    undo_url = reverse("conversations:undo_detach", args=[organization_slug, opened.number])
    text = _("The mail now has a conversation of its own, #%(number)s.") % {"number": opened.number}
    messages.success(request, text, extra_tags=undo_url)
    return redirect(workplace.conversation_url(opened.number))


@require_POST
def undo(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Move the mail back, and go where it is."""
    user: Any = request.user
    try:
        source = detaching.undo(conversation_or_404(number), actor=user)
    except detaching.NothingToUndo as error:
        raise Http404 from error
    messages.success(request, _("The mail is back in #%(number)s.") % {"number": source.number})
    target = Workplace(request, Place.of(request)).conversation_url(source.number)
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)
