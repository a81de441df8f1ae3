"""Sending: replies, internal comments, and taking a sent mail back while it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations import asking, drafts, timeline
from conversations import composer as composing
from conversations.addressees import InvalidRecipient, Person
from conversations.forms import NoteForm, ReplyForm
from conversations.models import Attachment, Conversation, DraftFile, Message
from conversations.outgoing_files import TooLarge
from conversations.plain_text import visible_controls
from conversations.views.actions import conversation_or_404, go, next_url
from conversations.views.compose_panel import Composer, News
from conversations.views.conversation import render_conversation
from conversations.views.workplace import Place, Workplace
from organizations.models import User

NEWS_SHOWN = 3  # of what came in while one wrote
Conflict = composing.ConversationChanged


class FileGone(ValueError):
    """A file that the page showed is not there any more; the text says what to do."""


Refused = (InvalidRecipient, TooLarge, FileGone)


@require_POST
def reply(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Send a mail. A mail that cannot be sent stays in the composer with the reason."""
    conversation = conversation_or_404(number)
    user: Any = request.user
    form = ReplyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refuse(request, conversation, Composer.refused(conversation, user, form))
    warned = [] if form.cleaned_data["despite_warnings"] else _warnings(conversation, user, form)
    if warned:
        composer = Composer.refused(conversation, user, form)
        composer.warnings = warned
        return _refuse(request, conversation, composer)
    place = Place.of(request)
    then = form.cleaned_data["then"] or "keep"
    # Where to go is decided while the conversation still stands in its list.
    url = (
        next_url(request, place, conversation)
        if then != "keep"
        else Workplace(request, place).conversation_url(conversation.number)
    )
    if conversation.number != number:  # It has gone into another one, of which no version was read.
        form.cleaned_data["version"] = 0
    try:
        sent = _send(conversation, user, form, then)
    except Conflict as error:
        composer = Composer.refused(conversation, user, form, str(error))
        composer.news, composer.more_news = _since(conversation, form.cleaned_data["version"])
        return _refuse(request, conversation, composer, status=409)
    except Refused as error:
        return _refuse(request, conversation, Composer.refused(conversation, user, form, str(error)))
    drafts.finish(conversation, user, form.cleaned_data["mode"], form.cleaned_data["submission_key"])
    return go(request, f"{url}{'&' if '?' in url else '?'}sent={conversation.number}-{sent.pk}")


@require_POST
def note(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Add an internal comment. It is never sent."""
    conversation = conversation_or_404(number)
    user: Any = request.user
    form = NoteForm(request.POST)
    if not form.is_valid():
        composer = Composer(conversation, "note", text=request.POST.get("text", ""), form=form, opened=True)
        return _refuse(request, conversation, composer)
    timeline.add_note(conversation, author=user, text=form.cleaned_data["text"])
    drafts.finish(conversation, user, "note")
    return go(request, Workplace(request, Place.of(request)).conversation_url(number))


@require_POST
def undo(request: HttpRequest, organization_slug: str, number: int, pk: int) -> HttpResponse:
    """Take a mail back that has not left yet; it becomes a draft again."""
    conversation = conversation_or_404(number)
    user: Any = request.user
    message = get_object_or_404(
        Message.objects.filter(conversation=conversation, kind=Message.Kind.OUTBOUND, outbound__isnull=False), pk=pk
    )
    draft = drafts.undo(message, user)
    if draft and draft.aside:
        messages.success(
            request,
            _(
                "The mail was not sent. You were writing something else already: both texts are kept, and it stands "
                "beside yours."
            ),
        )
    elif draft:
        messages.success(request, _("The mail was not sent. It is in the reply field again."))
    else:
        messages.error(request, _("The mail has already left and cannot be taken back. Write a new one to correct it."))
    return go(request, Workplace(request, Place.of(request)).conversation_url(number))


def _send(conversation: Conversation, user: User, form: ReplyForm, then: str) -> Message:
    data = form.cleaned_data
    return composing.send(
        conversation,
        author=user,
        text=data["text"],
        to=data["to"],
        cc=data["cc"],
        bcc=data["bcc"],
        subject=data["subject"] or None,
        attachments=[*_forwarded(conversation, data), *_kept(conversation, user, data), *data["attachments"]],
        submission_key=data["submission_key"],
        version=None if data["anyway"] else data["version"],
        include_history=data["include_history"],
        then=then,  # type: ignore[arg-type]  # the form allows keep, done and wait
        not_before=data["send_at"] if data["later"] else timezone.now() + timedelta(seconds=settings.UNDO_SEND_SECONDS),
        action=data["mode"],
    )


def _warnings(conversation: Conversation, user: User, form: ReplyForm) -> list[str]:
    data = form.cleaned_data
    files = [*_forwarded(conversation, data), *_chosen(conversation, user, data), *data["attachments"]]
    return asking.warnings(conversation, data["mode"], _people(form), data["text"], [file.name or "" for file in files])


def _people(form: ReplyForm) -> list[Person]:
    return [person for name in ("to", "cc", "bcc") for person in form.cleaned_data[name]]


def _forwarded(conversation: Conversation, data: dict[str, Any]) -> list[Attachment]:
    """The files of the forwarded mail that were left ticked; only files of this conversation."""
    if data["mode"] != "forward" or not data["forwarded"]:
        return []
    found = Attachment.objects.select_related("blob").filter(
        message__conversation=conversation, pk__in=data["forwarded"]
    )
    return list(found.order_by("position", "id"))


def _chosen(conversation: Conversation, user: User, data: dict[str, Any]) -> list[DraftFile]:
    """The files that the page showed, of the person's own draft here."""
    found = DraftFile.objects.filter(draft__conversation=conversation, draft__author=user, pk__in=data["kept"])
    return list(found.select_related("blob").defer("blob__content").order_by("pk"))


def _kept(conversation: Conversation, user: User, data: dict[str, Any]) -> list[DraftFile]:
    """The same, to be sent. Raises FileGone: no mail leaves without a file that the page showed."""
    found = _chosen(conversation, user, data)
    again = Message.objects.filter(conversation=conversation, submission_key=data["submission_key"])
    if len(found) < len(set(data["kept"])) and not again.exists():
        raise FileGone(_("A file is no longer there: it was sent or taken away in another window. Attach it again."))
    return found


def _since(conversation: Conversation, version: int) -> tuple[list[News], int]:
    """The newest messages added after a version of the conversation, and how many more; each raises it by one."""
    added = max(0, conversation.version - version)
    found = (
        Message.objects.filter(conversation=conversation)
        .select_related("author")
        .only(
            "text",
            "ranges",
            "from_name",
            "from_address",
            "received_at",
            "organization_id",
            "author__name",
            "author__email",
        )
        .order_by("-received_at", "-id")[: min(added, NEWS_SHOWN)]
    )
    newest = [
        News(
            message.author.display_name
            if message.author
            else visible_controls(message.from_name or message.from_address),
            message.received_at,
            visible_controls(timeline.snippet(message)),
        )
        for message in found
    ]
    return newest[::-1], max(0, added - NEWS_SHOWN)


def _refuse(request: HttpRequest, conversation: Conversation, composer: Composer, *, status: int = 422) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        # Only the reasons are swapped in: chosen files stay chosen. htmx swaps nothing on 4xx.
        return render_composer(request, conversation, composer, "conversations/composer_problems.html")
    return render_conversation(request, conversation, composer, status=status)


def render_composer(
    request: HttpRequest, conversation: Conversation, composer: Composer, template: str = "conversations/composer.html"
) -> HttpResponse:
    """The composer alone, or one of its parts."""
    place = Place.of(request)
    context = {
        "conversation": conversation,
        "composer": composer,
        "place_arguments": place.arguments(),
        "list_query": place.query(),
        "upload_limit": settings.ATTACHMENT_UPLOAD_OCTETS,
        "picture_limit": settings.INLINE_PICTURE_OCTETS,
    }
    return render(request, template, context)
