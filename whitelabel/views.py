"""The page behind the link for IT: records and their state, nothing else, no login."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from organizations import scope
from whitelabel import claims, links, record_export, schedule
from whitelabel.models import RecordsLink, SenderDomain
from whitelabel.presenting import no_records_text, records_page, shows_records

LinkView = Callable[[HttpRequest, RecordsLink, SenderDomain], HttpResponse]


def with_link(view: LinkView) -> Callable[[HttpRequest, str], HttpResponse]:
    """Run a view inside the organization of an open link. A closed or unknown one gets 410 and whom to ask."""

    @wraps(view)
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        link = links.find(token)
        if link is None:
            return render(request, "whitelabel/link_closed.html", status=410)
        with scope.organization(link.organization_id):
            return view(request, link, SenderDomain.objects.get(pk=link.sender_domain_id))

    return opened


@with_link
def records_link(request: HttpRequest, link: RecordsLink, claim: SenderDomain) -> HttpResponse:
    """The records with copy buttons and live state."""
    links.mark_opened(link)
    schedule.watch(claim)
    token = request.resolver_match.kwargs["token"] if request.resolver_match else ""
    return render(
        request, "whitelabel/link.html", {"claim": claim, "page": records_page(claim), "token": token, "link": link}
    )


@with_link
def link_records(request: HttpRequest, link: RecordsLink, claim: SenderDomain) -> HttpResponse:
    """The part that changes by itself; 204 while it has not."""
    schedule.watch(claim)
    page = records_page(claim)
    if request.GET.get("seen") == page.digest:
        return HttpResponse(status=204)
    token = request.resolver_match.kwargs["token"] if request.resolver_match else ""
    return render(request, "whitelabel/link_live.html", {"claim": claim, "page": page, "token": token})


@with_link
def link_zone_file(request: HttpRequest, link: RecordsLink, claim: SenderDomain) -> HttpResponse:
    """Download the records as zone file lines."""
    if not shows_records(claim):
        messages.info(request, no_records_text())
        return redirect(request.path.removesuffix("zone/"))
    response = HttpResponse(record_export.zone_file(claims.records_of(claim)), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{claim.domain}.zone"'
    return response


@require_POST
@with_link
def link_done(request: HttpRequest, link: RecordsLink, claim: SenderDomain) -> HttpResponse:
    """ "I am done": note it and check now."""
    links.mark_done(link)
    with contextlib.suppress(schedule.CheckRefused):  # checked a moment ago, or often: the page shows that result
        schedule.ask_for_check(claim, actor=None)
    messages.success(request, _("Thank you. We are checking now; this page shows the result within seconds."))
    return redirect(request.path.removesuffix("done/"))
