"""Writing: the draft as the composer keeps it, its files, and changing to another kind of mail or another text."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from conversations import drafts
from conversations.forms import DraftForm, FilesForm
from conversations.models import Conversation
from conversations.outgoing_files import TooLarge
from conversations.views.actions import conversation_or_404
from conversations.views.compose_panel import Composer
from conversations.views.composing import render_composer
from conversations.views.workplace import Place, Workplace
from organizations.models import User
from organizations.requests import number_in


@require_POST
def draft(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Save what is being written. Answers with the time it was saved at, for the page to show."""
    form = DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    user: Any = request.user
    saved = drafts.save(conversation_or_404(number), user, form.cleaned_data)
    return render(request, "conversations/saved.html", {"saved_at": saved.updated_at if saved else None})


@require_POST
def files(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Add files to the draft (attachments) or take one away (remove). Answers with the files there are now."""
    form, chosen = DraftForm(request.POST), FilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return HttpResponseBadRequest()
    conversation = conversation_or_404(number)
    user: Any = request.user
    problem = _change_files(conversation, user, form, chosen, number_in(request.POST.get("remove", "")))
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return redirect(_url(request, number))
    found = drafts.of_composer(conversation, user, form.cleaned_data)
    kept = found.files.order_by("pk") if found else ()
    context = {"kept": kept, "problem": problem, "conversation": conversation}
    return render(request, "conversations/composer_files.html", context)


@require_POST
def people(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """What is to be known of the recipients as they are written now."""
    form = DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    conversation = conversation_or_404(number)
    composer = Composer.written(conversation, form.cleaned_data)
    context = {"composer": composer, "conversation": conversation}
    return render(request, "conversations/composer_people.html", context)


@require_POST
def compose(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Change to another mode (to_mode; "mail" is the draft's) or to a text put aside (take_up), or throw one away.

    What was written is kept as a draft, and comes back in the other mode where it fits; "make_note" makes it a comment.
    """
    form = DraftForm(request.POST)
    wanted = _Wanted(request)
    if not wanted.makes_sense or not form.is_valid():
        return HttpResponseBadRequest()
    conversation = conversation_or_404(number)
    user: Any = request.user
    drafts.save(conversation, user, form.cleaned_data)
    mode = wanted.mode
    if wanted.makes_note:
        drafts.make_note(conversation, user, form.cleaned_data)
    elif wanted.other:
        drafts.take_up(conversation, user, wanted.other)
    elif wanted.waste:
        drafts.throw_away(conversation, user, wanted.waste)
        mode = form.cleaned_data["mode"]
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        url = _url(request, number)
        return redirect(f"{url}{'&' if '?' in url else '?'}compose={mode or 'mail'}#composer")
    composer = Composer.fresh(conversation, user, mode)
    composer.opened = True
    return render_composer(request, conversation, composer)


class _Wanted:
    """What a press in the composer asks for: one of these."""

    def __init__(self, request: HttpRequest) -> None:
        asked = request.POST.get("to_mode", "")
        self.makes_note = asked == "make_note"
        self.mode = "note" if self.makes_note else asked if asked in DraftForm.MODES else ""
        self.mail = asked == "mail"
        self.other = number_in(request.POST.get("take_up", ""))
        self.waste = number_in(request.POST.get("throw_away", ""))

    @property
    def makes_sense(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.mode or self.mail or self.other or self.waste)


def _change_files(
    conversation: Conversation, user: User, form: DraftForm, chosen: FilesForm, remove: int | None
) -> str:
    """What stopped a file, in words."""
    if not chosen.is_valid():
        return " ".join(str(problem) for problem in chosen.errors["attachments"])
    try:
        drafts.add_files(conversation, user, form.cleaned_data, chosen.cleaned_data["attachments"])
    except TooLarge as error:
        return str(error)
    if remove:
        drafts.remove_file(conversation, user, remove)
    return ""


def _url(request: HttpRequest, number: int) -> str:
    return Workplace(request, Place.of(request)).conversation_url(number)
