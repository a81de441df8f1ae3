"""Loading the demo. Doing it twice changes nothing."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from forwarding import operators
from forwarding.models import Delivery, RawMail
from inboxes.creating import create_inbox
from inboxes.models import Inbox, ServiceAddress
from kundomail.demo.mails import INFO, JOBS, demo_mails
from organizations import scope, wakeups
from organizations.founding import found_organization, memberships_of
from organizations.models import Membership, User

ORGANIZATION = "Lillestad"
PASSWORD = "lillestad-demo-2026"  # noqa: S105 - public on purpose: local mode only
ADMIN, AGENT = "anna@lillestad.example", "erik@lillestad.example"
OPERATOR = "drift@kundomail.example"  # reads what is sent to postmaster and abuse
INBOXES = ((JOBS, "Lillestad, Jobb"), (INFO, "Lillestad, Kontaktcenter"))
COMMON_SIGNATURE = "{name}\n{title}\nLillestads kommun\nTelefon 0500-12 34 00"


def load_demo() -> None:
    """Found the demo organization with two people, two inboxes and their mail, unless it is there."""
    admin = _person(ADMIN, "Anna Bergström", "Rekryterare")
    agent = _person(AGENT, "Erik Sundin", "Kommunvägledare")
    operators.ensure(settings.SMTP_OPERATOR_KEY, admin=_person(OPERATOR, "Driften", ""))
    if memberships_of(admin):
        return
    organization = found_organization(ORGANIZATION, admin)
    with scope.organization(organization):
        Membership.objects.create(user=agent, role=Membership.Role.AGENT)
        for address, name in INBOXES:
            inbox = create_inbox(address, name, actor=admin)
            inbox.signature = COMMON_SIGNATURE
            inbox.save(update_fields=["signature"])
        _spool_mails()


def _person(email: str, name: str, title: str) -> User:
    user = User.objects.filter(email=email).first()
    return user or User.objects.create_user(email, PASSWORD, name=name, title=title)


def _spool_mails() -> None:
    """Put the mails into the spool, as the SMTP server does; the filing worker does the rest."""
    now = timezone.localtime()
    inboxes = {inbox.address: inbox for inbox in Inbox.objects.all()}
    for mail, octets in demo_mails(now):
        inbox = inboxes[mail.to]
        key = ServiceAddress.objects.get(inbox=inbox)
        received_at = now - timedelta(hours=mail.hours_ago)
        raw = RawMail.objects.create(
            sha256=hashlib.sha256(octets).hexdigest(), size=len(octets), content=octets, received_at=received_at
        )
        Delivery.objects.create(
            raw=raw,
            inbox=inbox,
            service_address=key,
            recipient_argument=key.address,
            recipient=key.address,
            mail_from=mail.address,
            peer_ip="127.0.0.1",
            helo="mail.lillestad.example",
            received_at=received_at,
            next_attempt_at=now,
        )
    wakeups.notify(wakeups.SPOOL)
