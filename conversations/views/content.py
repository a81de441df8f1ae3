"""Mail HTML, images inside it and attached files, at signed addresses and behind their own headers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from conversations import frames
from conversations.files import download_name, image_type, served_type
from conversations.models import Attachment, Message
from conversations.sanitising import CannotSanitise
from conversations.sanitising_pool import sanitise
from organizations import scope
from organizations.models import Membership


@require_safe
def message(request: HttpRequest, token: str) -> HttpResponse:
    """A message's HTML as a page of its own, for the frame in the conversation."""
    content = _read("message", token)
    with _rights(content) as member:
        found = Message.objects.only("text", "html", "organization_id").filter(pk=content.id).first()
        if found is None:
            raise Http404
        images = {} if not found.html else _inline_images(content)
    with translation.override(member.user.language):
        page = render_to_string("conversations/message_frame.html", _frame_context(found, images))
    return frames.message_headers(HttpResponse(page))


@require_safe
def image(request: HttpRequest, token: str) -> HttpResponse:
    """An image inside a mail. Only what really is a picture, by its octets."""
    content = _read("image", token)
    with _rights(content):
        octets = _octets(content.id)
    kind = image_type(octets)
    if kind is None or len(octets) > settings.INLINE_IMAGE_OCTETS:
        raise Http404
    return frames.image_headers(HttpResponse(octets, content_type=kind))


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponse:
    """An attached file, always as a download."""
    content = _read("file", token)
    with _rights(content):
        attachment = Attachment.objects.only("name", "content_type", "organization_id").filter(pk=content.id).first()
        if attachment is None:
            raise Http404
        octets = _octets(content.id)
    response = HttpResponse(octets, content_type=served_type(attachment.content_type))
    response.headers["Content-Disposition"] = content_disposition_header(True, download_name(attachment.name)) or ""
    return frames.file_headers(response)


def _read(kind: str, token: str) -> frames.Content:
    try:
        return frames.read_address(kind, token)
    except frames.BadAddress as error:
        raise Http404 from error


@contextmanager
def _rights(content: frames.Content) -> Iterator[Membership]:
    """Open the organization's scope if the person the address was made for is still a member of it."""
    with scope.organization(content.organization_id):
        member = Membership.objects.select_related("user").filter(user_id=content.user_id, user__is_active=True).first()
        if member is None:
            raise Http404
        yield member


def _inline_images(content: frames.Content) -> dict[str, str]:
    found = Attachment.objects.filter(message_id=content.id).exclude(content_id="").values_list("content_id", "pk")
    return {
        content_id.strip("<>"): frames.address(
            frames.Content("image", content.organization_id, content.user_id, attachment_id)
        )
        for content_id, attachment_id in found
    }


def _octets(attachment_id: int) -> bytes:
    found = Attachment.objects.filter(pk=attachment_id).values_list("blob__content", flat=True).first()
    if found is None:
        raise Http404
    return bytes(found)


def _frame_context(found: Message, images: dict[str, str]) -> dict[str, object]:
    try:
        sanitised = sanitise(found.html, images)
    except CannotSanitise:
        return {"text": found.text[: settings.MESSAGE_TEXT_CHARACTERS]}
    return {"html": sanitised.html, "blocked_images": sanitised.blocked_images}
