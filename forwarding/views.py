"""The mail behind a message: its octets as they came, and its header."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_GET

from conversations.models import Message
from forwarding.models import Delivery, RawMail
from forwarding.reading import read_headers
from organizations.models import record
from organizations.requests import MemberRequest

FILE_NAME_CHARACTERS = 60


@require_GET
def original(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Download the mail exactly as it was received."""
    message, raw = _received(pk)
    record("message.downloaded", message, actor=request.user)
    response = HttpResponse(raw, content_type="message/rfc822")
    name = get_valid_filename(message.subject[:FILE_NAME_CHARACTERS] or "mail")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{name.encode("ascii", "ignore").decode() or "mail"}.eml"'
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@require_GET
def headers(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Show the header of the mail, and the ways it was delivered to us."""
    message, raw = _received(pk)
    record("message.headers_viewed", message, actor=request.user)
    deliveries = Delivery.objects.filter(message=message).order_by("received_at")
    context = {"message": message, "headers": read_headers(raw).headers, "deliveries": deliveries}
    return render(request, "forwarding/headers.html", context)


def _received(pk: int) -> tuple[Message, bytes]:
    message = get_object_or_404(Message, pk=pk, kind=Message.Kind.INBOUND)
    delivery = Delivery.objects.filter(message=message).order_by("received_at", "pk").first()
    if delivery is None:
        raise Http404
    return message, bytes(RawMail.objects.values_list("content", flat=True).get(pk=delivery.raw_id))
