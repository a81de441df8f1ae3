"""The mail behind a message (its octets as they came, its header), and the ledger of all mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import BinaryField, Q
from django.db.models.functions import Substr
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from conversations.files import download_name
from conversations.models import Message
from forwarding import ledger as accounts
from forwarding import ledger_words, reconciling, refiling
from forwarding.forms import LedgerForm
from forwarding.ledger import Page, Place, Search
from forwarding.models import Delivery, RawMail
from forwarding.paths import addressed_to
from forwarding.reading import read_headers
from organizations.models import record
from organizations.permissions import admin_required
from organizations.requests import MemberRequest, number_in

FILE_NAME_CHARACTERS = 60
WAYS_SHOWN = 20  # deliveries of one mail
HEADER_OCTETS = 256 * 1024  # of a delivery that are read for the address it was sent to


@require_GET
def original(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Download the mail exactly as it was received; `?copy=` names another delivery of it than the one shown."""
    message, raw = _received(pk, copy=request.GET.get("copy", ""))
    record("message.downloaded", message, actor=request.user)
    return _download(raw, message.subject)


@require_GET
def headers(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Show the header of the mail, and the ways it was delivered to us."""
    message, raw = _received(pk)
    record("message.headers_viewed", message, actor=request.user)
    context = {"message": message, "headers": read_headers(raw).headers, "ways": _ways(message)}
    return render(request, "forwarding/headers.html", context)


@require_safe
@admin_required
def ledger(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """Did the mail arrive? Every accepted and refused mail, with what became of it."""
    form = LedgerForm(request.GET or None)
    search = form.search() if form.is_valid() else Search()
    asked = any(request.GET.get(name) for name in form.fields)
    page = Page()
    if form.is_valid() or not asked:
        after, before = (Place.parse(request.GET.get(name, "")) for name in ("after", "before"))
        page = accounts.page(search, after=after, before=before)
    check = reconciling.latest_check()
    context = {
        "form": form,
        "asked": asked,
        "lines": [ledger_words.line(entry) for entry in page.entries],
        "earlier_url": _page_url(request, before=page.before),
        "later_url": _page_url(request, after=page.after),
        "parked": refiling.parked(),
        "read_in_part": refiling.read_in_part(),
        "check": check,
        "gaps": ledger_words.gaps(check.data) if check and check.kind == reconciling.GAP else [],
        "size_limit": settings.SMTP_MESSAGE_OCTETS,
        "has_mail": bool(page.entries) or Delivery.objects.exists(),
    }
    return render(request, "forwarding/ledger.html", context)


@require_GET
@admin_required
def delivered(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Download the mail of a delivery exactly as it was received, whatever became of it."""
    delivery = get_object_or_404(Delivery.objects.select_related("raw", "message"), pk=pk)
    record("delivery.downloaded", delivery, actor=request.user)
    return _download(bytes(delivery.raw.content), delivery.message.subject if delivery.message else "")


@require_POST
@admin_required
def refile(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Have a parked mail filed anew, or one that was read in part read anew."""
    delivery = get_object_or_404(Delivery, refiling.PARKED | refiling.READ_IN_PART, pk=pk)
    refiling.refile(delivery, actor=request.user)
    messages.success(request, _("The mail is being filed again. Reload the page in a moment to see how it went."))
    return redirect("forwarding:ledger", organization_slug)


@require_POST
@admin_required
def reread(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """Have all mail that was read in part read anew."""
    if refiling.refile_all(refiling.READ_IN_PART, actor=request.user):
        messages.success(request, _("The mail is being read again. Reload the page in a moment to see how it went."))
    return redirect("forwarding:ledger", organization_slug)


@require_POST
@admin_required
def show_alone(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Have a mail that was taken for a copy shown as a mail of its own."""
    refiling.show_alone(get_object_or_404(Delivery, pk=pk, state=Delivery.State.DUPLICATE), actor=request.user)
    messages.success(request, _("The mail is being filed as one of its own. Reload the page in a moment to see it."))
    return redirect("forwarding:ledger", organization_slug)


@require_POST
@admin_required
def undo_show_alone(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Have a mail that stands alone filed as a copy again."""
    try:
        refiling.undo_show_alone(get_object_or_404(Delivery, pk=pk, stands_alone=True), actor=request.user)
    except refiling.NothingToUndo:
        messages.error(request, _("The mail that it is a copy of is no longer here."))
    else:
        messages.success(request, _("The mail is filed as a copy again."))
    return redirect("forwarding:ledger", organization_slug)


def _download(raw: bytes, subject: str) -> HttpResponse:
    response = HttpResponse(raw, content_type="message/rfc822")
    name = download_name(subject[:FILE_NAME_CHARACTERS] or "mail")
    response.headers["Content-Disposition"] = content_disposition_header(True, f"{name}.eml") or ""
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _page_url(request: MemberRequest, **place: Place | None) -> str:
    """The same search at another place; "" where there is none."""
    if not any(place.values()):
        return ""
    kept = {name: value for name, value in request.GET.items() if value and name not in ("after", "before")}
    arguments: dict[str, Any] = kept | place
    return reverse("forwarding:ledger", args=[request.organization.slug]) + "?" + urlencode(arguments)


@dataclass(frozen=True)
class Way:
    """One delivery of a mail, and the customer's address it was sent to; "" when its header does not tell."""

    delivery: Delivery
    address: str


def _ways(message: Message) -> list[Way]:
    """How a mail came: several addresses may be forwarded to one inbox, and a server may have sent it again."""
    rows = Delivery.objects.filter(message=message).annotate(
        head=Substr("raw__content", 1, HEADER_OCTETS, output_field=BinaryField())
    )
    own = message.inbox.address
    return [
        Way(delivery, addressed_to(read_headers(bytes(delivery.head)), own, mail_domain=settings.MAIL_DOMAIN))
        for delivery in rows.order_by("received_at", "pk")[:WAYS_SHOWN]
    ]


def _received(pk: int, *, copy: str = "") -> tuple[Message, bytes]:
    message = get_object_or_404(Message.objects.select_related("inbox"), pk=pk, kind=Message.Kind.INBOUND)
    deliveries = Delivery.objects.filter(message=message)
    number = number_in(copy)
    # One that is being read anew is not filed just then, but it is the one that is shown.
    wanted = Q(pk=number) if number is not None else ~Q(state=Delivery.State.DUPLICATE)
    delivery = deliveries.filter(wanted).first()
    if delivery is None:
        raise Http404
    return message, bytes(RawMail.objects.values_list("content", flat=True).get(pk=delivery.raw_id))
