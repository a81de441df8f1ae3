"""Telling an organization's admins by mail what happened to a sender domain: once for each time it happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from organizations.models import Membership, Organization
from whitelabel.models import SenderDomain

SUBJECTS: Mapping[str, str] = {
    "ready": gettext_noop("The DNS records for %(domain)s are right"),
    "broken": gettext_noop("A DNS record for %(domain)s is wrong: mail leaves from the service address"),
    "weakened": gettext_noop("A DNS record for %(domain)s is wrong: mail still leaves as your own address"),
    "restored": gettext_noop("The DNS records for %(domain)s are right again"),
    "unclear": gettext_noop("The nameservers of %(domain)s have not answered clearly for a week"),
    "mail_hosts": gettext_noop("Mail to %(domain)s goes to other servers than before"),
    "suspended": gettext_noop("%(domain)s is no longer used as sender"),
    "stopped": gettext_noop("The DNS records for %(domain)s were never finished"),
    "lapsed": gettext_noop("%(domain)s no longer exists in DNS"),
    "dmarc": gettext_noop("The DMARC policy of %(domain)s has become stricter"),
    "rotation": gettext_noop("A new signing key for %(domain)s: one DNS record to replace"),
    "shared": gettext_noop("%(other)s asks to send as %(domain)s too"),
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
    "weakened": gettext_noop(
        "The domain's own nameservers say that a record is missing or wrong. Mail still leaves as your own address, because its "
        "signature can be verified; bounces come back to the service meanwhile. The page shows which record it is and what to "
        "do. Put it right so that it stays like that."
    ),
    "restored": gettext_noop("New mail leaves as your own address again."),
    "unclear": gettext_noop(
        "We cannot see whether all records are still right, so we change nothing: mail leaves as before. Receivers may have "
        "the same trouble. Let those who manage your DNS look at the page; it shows which nameserver does not answer."
    ),
    "mail_hosts": gettext_noop(
        "The MX records of the domain named %(before)s and now name %(after)s. If you have moved your mail, check that the new "
        "servers also forward to the service, for each inbox on the domain. Mail that you send is not affected."
    ),
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
        "Receivers reject mail that is not signed with exactly this domain. New mail therefore leaves from the service address, "
        "with answers to your own address. Two more records are needed; they are on the page. Your policy can stay as it is."
    ),
    "rotation": gettext_noop(
        "Replace the value of the record with %(selector)s in its name by the new one on the page. The other key stays in use "
        "until the new one has been on all your nameservers for two days. No mail is affected meanwhile."
    ),
    "shared": gettext_noop(
        "%(other)s has shown with records in your DNS that it controls %(domain)s, and wants to send from its own addresses "
        "there. Your addresses stay yours. Approve or deny it on the page. If nobody objects by %(until)s, it counts as "
        "approved."
    ),
}


def tell_admins(claim: SenderDomain, what: str, **values: object) -> int:
    """Queue a mail to every admin in their own language; returns how many. Call inside the organization's scope.

    `values` fill further places of the text; a moment is written as a date and time.
    """
    organization = Organization.objects.get(pk=claim.organization_id)
    link = settings.SITE_URL + reverse("inboxes:index", args=[organization.slug])
    admins = Membership.objects.filter(role=Membership.Role.ADMIN, user__is_active=True).select_related("user")
    for membership in admins:
        with translation.override(membership.user.language):
            filled = {"domain": claim.domain} | {name: _written(value) for name, value in values.items()}
            subject = _(SUBJECTS[what]) % filled
            context = {"text": _(TEXTS[what]) % filled, "link": link, "SUPPORT_ADDRESS": settings.SUPPORT_ADDRESS}
            body = render_to_string("whitelabel/mail/notice.txt", context)
        send_mail(subject, body, None, [membership.user.email])
    return len(admins)


def _written(value: object) -> object:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if isinstance(value, datetime) else value
