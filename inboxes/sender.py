"""Change sender address: the page of one inbox. The records and their checking belong to whitelabel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inboxes.addressing import readable
from inboxes.models import Inbox
from inboxes.sample_mail import latest_sample, send_sample
from organizations.models import Event
from organizations.permissions import admin_required
from organizations.requests import MemberRequest, number_in
from whitelabel import activation, approvals, claims, identity, links, record_export, rotation, schedule
from whitelabel.diagnosis import vendors
from whitelabel.models import SenderAddress, SenderDomain
from whitelabel.presenting import event_text, no_records_text, records_page, shows_records

EXPORTS = {
    "zone": (record_export.zone_file, "text/plain; charset=utf-8"),
    "csv": (record_export.csv_table, "text/csv; charset=utf-8"),
    "txt": (record_export.plain_text, "text/plain; charset=utf-8"),
}
HISTORY_ROWS = 20


def sender(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """The whole page. Admins who open it start the domain's claim; agents read."""
    found = get_object_or_404(Inbox, pk=inbox)
    claim = SenderDomain.objects.filter(domain=found.domain).first() if found.may_be_sender else None
    refused = "" if found.may_be_sender else _unwritable_text(found)
    if claim is None and not refused and request.membership.is_admin:
        try:
            claim = claims.start(found.domain, actor=request.user)
        except claims.ClaimRefused as error:
            refused = str(error)
    if claim is not None:
        schedule.watch(claim)
    return render(request, "inboxes/sender.html", _context(request, found, claim) | {"refused": refused})


def records(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """The part of the page that changes by itself: 204 while it has not, and a sign of life from the open page."""
    found, claim = _claimed(inbox)
    schedule.watch(claim)
    context = _context(request, found, claim)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "inboxes/sender_live.html", context | {"live": True})


@require_POST
def check(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Check now."""
    found, claim = _claimed(inbox)
    with _refusal_told(request):
        schedule.ask_for_check(claim, actor=request.user)
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def activate(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Ask for activation; the next check decides and the page shows the outcome."""
    found, claim = _claimed(inbox)
    with _refusal_told(request):
        activation.request(
            claim,
            found.address,
            actor=request.user,
            record_version=number_in(request.POST.get("record_version", "")) or 0,
        )
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def deactivate(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Go back to the service address."""
    found, _claim = _claimed(inbox)
    address = get_object_or_404(SenderAddress, address=found.address, activated_at__isnull=False)
    claims.deactivate(address, actor=request.user)
    text = _("New mail from %(inbox)s leaves from %(address)s again.")
    messages.success(request, text % {"inbox": found.name, "address": found.service_address})
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def dns_host(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Where the domain's DNS is managed, as the admin says: a record published elsewhere is then explained."""
    found, claim = _claimed(inbox)
    chosen = request.POST.get("dns_host", "")
    SenderDomain.objects.filter(pk=claim.pk).update(dns_host=chosen if chosen in vendors.dns_hosts() else "")
    schedule.check_soon(claim)
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def label(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Choose another subdomain, before records are published."""
    found, claim = _claimed(inbox)
    with _refusal_told(request):
        claims.change_label(claim, request.POST.get("label", "").strip().lower(), actor=request.user)
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def rotate(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Replace the signing key, or give up a replacement that waits for IT."""
    found, claim = _claimed(inbox)
    with _refusal_told(request):
        if request.POST.get("cancel"):
            rotation.cancel(claim, actor=request.user)
        else:
            rotation.start(claim, actor=request.user)
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def restart(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Begin again with a lapsed domain: new token, new keys, new records."""
    found, claim = _claimed(inbox)
    with _refusal_told(request):
        claims.restart(claim, actor=request.user)
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def answer(request: MemberRequest, organization_slug: str, inbox: int, pk: int) -> HttpResponse:
    """Approve or deny another organization on the domain."""
    found, claim = _claimed(inbox)
    if not approvals.decide(claim, pk, approve=request.POST.get("answer") == "approve", actor=request.user):
        messages.info(request, _("The question has been answered already, or the time to answer is over."))
    return redirect("inboxes:sender", organization_slug, found.pk)


@require_POST
@admin_required
def test_mail(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Send a test mail to oneself, under the name that mail of the inbox has now."""
    found = _possible(inbox)
    mail = send_sample(found, request.user)
    text = _("A test mail from %(address)s is on its way to %(you)s.")
    messages.success(request, text % {"address": mail.from_address, "you": request.user.email})
    return redirect("inboxes:sender", organization_slug, found.pk)


def export(request: MemberRequest, organization_slug: str, inbox: int, form: str) -> HttpResponse:
    """Download the records as zone file lines, CSV or plain text."""
    found, claim = _claimed(inbox)
    if form not in EXPORTS:
        raise Http404
    if not shows_records(claim):
        messages.info(request, no_records_text())
        return redirect("inboxes:sender", organization_slug, found.pk)
    write, content_type = EXPORTS[form]
    response = HttpResponse(write(claims.records_of(claim)), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{claim.domain}.{form}"'
    return response


@require_POST
@admin_required
def create_link(request: MemberRequest, organization_slug: str, inbox: int) -> HttpResponse:
    """Make a link for IT; it is shown this once."""
    found, claim = _claimed(inbox)
    link, token = links.create(claim, actor=request.user)
    context = _context(request, found, claim) | {
        "new_link": settings.SITE_URL + links.path(token),
        "new_link_row": link,
    }
    return render(request, "inboxes/sender.html", context)


@require_POST
@admin_required
def revoke_link(request: MemberRequest, organization_slug: str, inbox: int, pk: int) -> HttpResponse:
    """Close a link for IT."""
    found, claim = _claimed(inbox)
    links.revoke(claim, pk, actor=request.user)
    return redirect("inboxes:sender", organization_slug, found.pk)


@contextmanager
def _refusal_told(request: MemberRequest) -> Iterator[None]:
    """Tell the person why what they asked for is not done."""
    try:
        yield
    except schedule.CheckRefused as refused:
        messages.info(request, str(refused))
    except (activation.ActivationRefused, claims.ClaimRefused, rotation.RotationRefused) as refused:
        messages.error(request, str(refused))


def _unwritable_text(inbox: Inbox) -> str:
    return _(
        "Mail cannot be sent from %(address)s: many mail servers refuse letters such as å, ä and ö before the @. Receiving "
        "and answering work all the same."
    ) % {"address": inbox.readable_address}


def _possible(inbox: int) -> Inbox:
    found = get_object_or_404(Inbox, pk=inbox)
    if not found.may_be_sender:
        raise Http404
    return found


def _claimed(inbox: int) -> tuple[Inbox, SenderDomain]:
    found = _possible(inbox)
    return found, get_object_or_404(SenderDomain, domain=found.domain)


def own_sender(inbox: Inbox) -> SenderAddress | None:
    """The inbox's own address as a sender, activated or not. Call inside the organization's scope."""
    return SenderAddress.objects.select_related("activated_by").filter(address=inbox.address).first()


def leaves_as_own(inbox: Inbox) -> bool:
    """Whether a mail sent now has the inbox's own address as From: activated, and its signature can be verified."""
    return identity.choose(inbox.address, inbox.service_address, inbox.name).kind == identity.Kind.OWN


def faulty_addresses() -> frozenset[str]:
    """Own addresses in use whose domain has a wrong record, or had one a moment ago. Call inside the organization's scope."""
    faulty = SenderAddress.objects.filter(activated_at__isnull=False, sender_domain__bad_since__isnull=False)
    return frozenset(faulty.values_list("address", flat=True))


def fault_text() -> str:
    """What lists say beside an inbox whose address is one of `faulty_addresses`, in the active language."""
    return _("A DNS record of the sender address is wrong")


def _context(request: MemberRequest, inbox: Inbox, claim: SenderDomain | None) -> dict[str, Any]:
    own = own_sender(inbox)
    shared = (
        Inbox.objects.filter(address__endswith=f"@{inbox.domain}").order_by("address").values_list("address", flat=True)
    )
    page = records_page(claim) if claim else None
    sample = latest_sample(inbox)
    return {
        "inbox": inbox,
        "service_address": inbox.service_address,
        "claim": claim,
        "page": page,
        "seen": f"{page.digest if page else ''}-{sample.returned_at or sample.sent_at if sample else ''}",
        "sender": own,
        "leaves_as_own": leaves_as_own(inbox),
        "failure": activation.failure_text(own) if own else "",
        "sample": sample,
        "shared": [readable(address) for address in shared],
        "links": links.open_links(claim) if claim else [],
        "asked": [(row, approvals.notice_ends(row)) for row in approvals.open_approvals(claim)] if claim else [],
        "dns_hosts": vendors.dns_hosts(),
        "history": _history(claim, own),
        "may_edit": request.membership.is_admin,
    }


def _history(claim: SenderDomain | None, own: SenderAddress | None) -> list[tuple[Event, str]]:
    if claim is None:
        return []
    about_claim = Event.objects.filter(subject_type="senderdomain", subject_id=claim.pk)
    about_own = Event.objects.filter(subject_type="senderaddress", subject_id=own.pk if own else 0)
    events = (
        (about_claim | about_own)
        .exclude(kind=schedule.CHECK_ASKED)
        .select_related("actor")
        .order_by("-at", "-pk")[:HISTORY_ROWS]
    )
    return [(event, event_text(event)) for event in events]
