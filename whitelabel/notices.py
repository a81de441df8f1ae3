"""Telling an organization's admins by mail what happened to a sender domain: once for each time it happens."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from organizations.models import Membership, Organization
from whitelabel.models import SenderDomain

SUBJECTS: Mapping[str, str] = {
    "ready": gettext_noop("The DNS records for %(domain)s are right"),
    "broken": gettext_noop("A DNS record for %(domain)s is wrong: mail leaves from the service address"),
    "restored": gettext_noop("The DNS records for %(domain)s are right again"),
    "suspended": gettext_noop("%(domain)s is no longer used as sender"),
    "stopped": gettext_noop("The DNS records for %(domain)s were never finished"),
    "lapsed": gettext_noop("%(domain)s no longer exists in DNS"),
    "dmarc": gettext_noop("The DMARC policy of %(domain)s has become stricter"),
}
TEXTS: Mapping[str, str] = {
    "ready": gettext_noop(
        "All required records are in place. Open the page of an inbox on the domain and activate its address."
    ),
    "broken": gettext_noop(
        "The domain's own nameservers say that a record is missing or wrong. New mail therefore leaves from the service "
        "address, with answers to your own address. No mail is stopped, and it goes back by itself when the records are "
        "right again. The page shows which record it is and what to do."
    ),
    "restored": gettext_noop("New mail leaves as your own address again."),
    "suspended": gettext_noop(
        "The records have been wrong for more than three days. Mail leaves from the service address until they are right."
    ),
    "stopped": gettext_noop(
        "We have looked for the records for two weeks and stop now. Open the page when you want to go on: checking starts "
        "again by itself."
    ),
    "lapsed": gettext_noop(
        "The domain is no longer registered or delegated. Mail leaves from the service address. When the domain is back, new "
        "records are needed."
    ),
    "dmarc": gettext_noop(
        "Receivers will reject mail that is not signed with exactly this domain. Two more records are needed; they are on the "
        "page. Your policy can stay as it is."
    ),
}


def tell_admins(claim: SenderDomain, what: str) -> int:
    """Queue a mail to every admin in their own language; returns how many. Call inside the organization's scope."""
    organization = Organization.objects.get(pk=claim.organization_id)
    link = settings.SITE_URL + reverse("inboxes:index", args=[organization.slug])
    admins = Membership.objects.filter(role=Membership.Role.ADMIN, user__is_active=True).select_related("user")
    for membership in admins:
        with translation.override(membership.user.language):
            subject = _(SUBJECTS[what]) % {"domain": claim.domain}
            context = {"text": _(TEXTS[what]), "link": link, "SUPPORT_ADDRESS": settings.SUPPORT_ADDRESS}
            body = render_to_string("whitelabel/mail/notice.txt", context)
        send_mail(subject, body, None, [membership.user.email])
    return len(admins)
