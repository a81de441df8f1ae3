"""Writing: drafts, replies, internal comments, and taking a sent mail back while it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations import composer as composing
from conversations import recipients, timeline
from conversations.addressees import Person
from conversations.forms import DraftForm, NoteForm, ReplyForm
from conversations.models import Attachment, Conversation, Draft, Message
from conversations.plain_text import visible_controls
from conversations.views.actions import conversation_or_404, go, next_url
from conversations.views.compose_panel import Composer, News, draft_kind
from conversations.views.conversation import render_conversation
from conversations.views.workplace import Place, Workplace
from organizations.models import User

NEWS_SHOWN = 3  # of what came in while one wrote
Conflict = composing.ConversationChanged
Refused = (composing.InvalidRecipient, composing.TooLarge)


@require_POST
def compose(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Change to another mode: what was written is kept as a draft, and comes back in the new one where it fits."""
    wanted = request.POST.get("to_mode", "")
    form = DraftForm(request.POST)
    if wanted not in DraftForm.MODES or not form.is_valid():
        return HttpResponseBadRequest()
    conversation = conversation_or_404(number)
    user: Any = request.user
    save_draft(conversation, user, form)
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        url = Workplace(request, Place.of(request)).conversation_url(number)
        return redirect(f"{url}{'&' if '?' in url else '?'}compose={wanted}#composer")
    composer = Composer.fresh(conversation, user, wanted, keep_draft_recipients=False)
    composer.opened = True
    return _render_composer(request, conversation, composer)


@require_POST
def draft(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Save what is being written. Answers with the time it was saved at, for the page to show."""
    form = DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    user: Any = request.user
    saved = save_draft(conversation_or_404(number), user, form)
    return render(request, "conversations/saved.html", {"saved_at": saved.updated_at if saved else None})


@require_POST
def reply(request: HttpRequest, organization_slug: str, number: int) -> HttpResponse:
    """Send a mail. A mail that cannot be sent stays in the composer with the reason."""
    conversation = conversation_or_404(number)
    user: Any = request.user
    form = ReplyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refuse(request, conversation, Composer.refused(conversation, user, form))
    warned = [] if form.cleaned_data["despite_warnings"] else _warnings(conversation, form)
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
    Draft.objects.filter(conversation=conversation, author=user, kind=Message.Kind.OUTBOUND).delete()
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
    Draft.objects.filter(conversation=conversation, author=user, kind=Message.Kind.NOTE).delete()
    return go(request, Workplace(request, Place.of(request)).conversation_url(number))


@require_POST
def undo(request: HttpRequest, organization_slug: str, number: int, pk: int) -> HttpResponse:
    """Take a mail back that has not left yet; its text becomes the draft again."""
    conversation = conversation_or_404(number)
    user: Any = request.user
    message = get_object_or_404(
        Message.objects.filter(conversation=conversation, kind=Message.Kind.OUTBOUND, outbound__isnull=False), pk=pk
    )
    if composing.undo(message, user):
        messages.success(request, _("The mail was not sent. Its text is in the reply field again."))
    else:
        messages.error(request, _("The mail has already left and cannot be taken back. Write a new one to correct it."))
    return go(request, Workplace(request, Place.of(request)).conversation_url(number))


def save_draft(conversation: Conversation, user: User, form: DraftForm) -> Draft | None:
    """Keep what is written; nothing written means no draft. Recipients that cannot be read yet are left as they were."""
    data = form.cleaned_data
    # Waits for a mail being sent in the conversation; the foreign key would only wait at the end, when it is too late.
    conversation = timeline.locked(conversation)
    mine = Draft.objects.filter(conversation=conversation, author=user, kind=draft_kind(data["mode"]))
    if not data["text"].strip():
        mine.delete()
        return None
    fields: dict[str, Any] = {"text": data["text"]}
    for name in ("to", "cc", "bcc"):
        try:
            fields[name] = list(recipients.read(data[name]))
        except recipients.UnreadableRecipient:
            continue
    saved, _made = Draft.objects.update_or_create(
        conversation=conversation, author=user, kind=draft_kind(data["mode"]), defaults=fields
    )
    # The text of a mail that was sent, saved on the way to the button, is no draft.
    key = data["submission_key"]
    if key and Message.objects.filter(conversation=conversation, submission_key=key).exists():
        saved.delete()
        return None
    return saved


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
        attachments=[*_forwarded(conversation, data), *data["attachments"]],
        submission_key=data["submission_key"],
        version=None if data["anyway"] else data["version"],
        include_history=data["include_history"],
        then=then,  # type: ignore[arg-type]  # the form allows keep, done and wait
        not_before=data["send_at"] if data["later"] else timezone.now() + timedelta(seconds=settings.UNDO_SEND_SECONDS),
        action=data["mode"],
    )


def _warnings(conversation: Conversation, form: ReplyForm) -> list[str]:
    data = form.cleaned_data
    files = [*_forwarded(conversation, data), *data["attachments"]]
    return composing.warnings(_people(form), data["text"], [file.name or "" for file in files])


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
        return _render_composer(request, conversation, composer, "conversations/composer_problems.html")
    return render_conversation(request, conversation, composer, status=status)


def _render_composer(
    request: HttpRequest, conversation: Conversation, composer: Composer, template: str = "conversations/composer.html"
) -> HttpResponse:
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
