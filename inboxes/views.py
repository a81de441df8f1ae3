"""Settings pages of inboxes: list, new, name, signature, and how mail gets in and out."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from inboxes.creating import InboxRefused, create_inbox
from inboxes.forms import GeneralForm, NewInboxForm, ReceiveForm, SignatureForm
from inboxes.models import Inbox, ServiceAddress
from inboxes.sender import fault_text, faulty_addresses, leaves_as_own, own_sender
from organizations.models import Event, record
from organizations.permissions import admin_required
from organizations.requests import MemberRequest

GOOGLE_CODE_DAYS = 7  # a code is shown so long after it came; Google's are short-lived


def index(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """Every inbox of the organization with the address to forward to, and whether its sender address is in trouble."""
    inboxes = Inbox.objects.order_by("name", "id").only("id", "organization_id", "name", "address", "last_received_at")
    keys = ServiceAddress.objects.filter(state=ServiceAddress.State.ACTIVE, is_primary=True).only(
        "inbox_id", "local_key"
    )
    address_of = {key.inbox_id: key.address for key in keys}
    faulty = faulty_addresses()
    rows = [(inbox, address_of.get(inbox.pk, ""), fault_text() if inbox.address in faulty else "") for inbox in inboxes]
    return render(request, "inboxes/index.html", {"rows": rows})


@admin_required
def new(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """Make an inbox; the next page shows the address to forward to."""
    form = NewInboxForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            inbox = create_inbox(form.cleaned_data["address"], form.cleaned_data["name"], actor=request.user)
        except InboxRefused as refused:
            form.add_error("address", str(refused))
        else:
            return redirect("inboxes:receive", organization_slug, inbox.pk)
    return render(request, "inboxes/new.html", {"form": form, "first": not Inbox.objects.exists()})


def receive(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Send & receive: where to forward mail, how to set that up, and which address answers leave from.

    Admins choose here how mail is put together.
    """
    if request.method == "POST":
        if not request.membership.is_admin:
            raise PermissionDenied
        return _edit(request, organization_slug, inbox, ReceiveForm, "inboxes/receive.html", "inboxes:receive")
    found = get_object_or_404(Inbox, pk=inbox)
    service_address = found.service_address
    context = {
        "inbox": found,
        "service_address": service_address,
        "sender": own_sender(found),
        "leaves_as_own": leaves_as_own(found),
        "guide_postfix": f"{found.address} {service_address}",
        "google_code": _latest_google_code(found),
        "form": ReceiveForm(instance=found) if request.membership.is_admin else None,
    }
    return render(request, "inboxes/receive.html", context)


def _latest_google_code(inbox: Inbox) -> str:
    """The code that Google has mailed to the inbox's service address lately; "" when there is none."""
    since = timezone.now() - timedelta(days=GOOGLE_CODE_DAYS)
    codes = Event.objects.filter(
        kind="inbox.forwarding_code", subject_type="inbox", subject_id=inbox.pk, at__gte=since
    ).order_by("-at")
    return next((str(event.data["code"]) for event in codes[:1]), "")


@admin_required
def general(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Rename the inbox."""
    return _edit(request, organization_slug, inbox, GeneralForm, "inboxes/general.html", "inboxes:general")


@admin_required
def signature(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Edit the common signature."""
    return _edit(request, organization_slug, inbox, SignatureForm, "inboxes/signature.html", "inboxes:signature")


def _edit(
    request: MemberRequest,
    organization_slug: str,
    inbox: int,
    form_class: type[GeneralForm] | type[SignatureForm] | type[ReceiveForm],
    template: str,
    url_name: str,
) -> HttpResponse:
    found = get_object_or_404(Inbox, pk=inbox)
    form = form_class(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        record("inbox.changed", found, actor=request.user, fields=form.changed_data)
        messages.success(request, _("Saved."))
        return redirect(url_name, organization_slug, inbox)
    return render(request, template, {"inbox": found, "form": form})
