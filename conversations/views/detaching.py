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
from conversations.models import Conversation, Message
from conversations.views.actions import conversation_or_404, go
from conversations.views.workplace import Place, Workplace


@require_POST
def detach(request: HttpRequest, organization_slug: str, number: int, pk: int) -> HttpResponse:
    """Give a mail a conversation of its own, and go there."""
    mails = Message.objects.select_related("conversation").filter(conversation=conversation_or_404(number))
    message = get_object_or_404(mails, pk=pk)
    user: Any = request.user
    workplace = Workplace(request, Place.of(request))
    try:
        opened = detaching.detach(message, actor=user)
    except detaching.CannotDetach:
        messages.error(
            request, _("The mail is alone in its conversation already, so there is nothing to take it out of.")
        )
        return redirect(workplace.conversation_url(message.conversation.number))
    undo_url = reverse("conversations:undo_detach", args=[organization_slug, opened.number])
    text = _("The mail now has a conversation of its own, #%(number)s.") % {"number": opened.number}
    messages.success(request, text, extra_tags=undo_url)
    return redirect(workplace.conversation_url(opened.number))


@require_POST
def undo(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Move the mail back, and go where it is."""
    user: Any = request.user
    opened = get_object_or_404(Conversation, number=number)  # not where it may have gone: that is undone already
    try:
        source = detaching.undo(opened, actor=user)
    except detaching.NothingToUndo as error:
        raise Http404 from error
    messages.success(request, _("The mail is back in #%(number)s.") % {"number": source.number})
    return go(request, Workplace(request, Place.of(request)).conversation_url(source.number))
