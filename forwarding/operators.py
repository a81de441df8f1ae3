"""The operator of the service: an organization like any other, whose inbox gets the mail to postmaster and abuse."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from inboxes.models import Inbox, ServiceAddress
from organizations import scope
from organizations.founding import found_organization
from organizations.models import Membership, User, record

ORGANIZATION = "KundoMail operations"
INBOX = "Postmaster"


class NoOperator(ValueError):
    """The operator's inbox cannot be made; the text says why and what to do."""


def ensure(key: str, *, admin: User | None, name: str = ORGANIZATION) -> tuple[str, bool]:
    """Make sure that `key` leads to an inbox that somebody reads; gives its service address and whether it was made.

    `admin` becomes an admin of the organization; without one nothing is made. Raises NoOperator.
    """
    if not key:
        raise NoOperator("SMTP_OPERATOR_KEY is empty. Set it to a word without dots, for example operator.")
    with scope.queue():
        found = ServiceAddress.queue.filter(local_key=key).first()
    if found is not None:
        return _existing(found, admin), False
    if admin is None:
        raise NoOperator("There is no operator yet. Say with --admin EMAIL who reads the mail to postmaster and abuse.")
    return _make(key, admin, name), True


def _existing(found: ServiceAddress, admin: User | None) -> str:
    """An address that is there; whatever has been done to it since, it leads to its inbox again."""
    with scope.organization(found.organization_id):
        if found.inbox_id is None:
            raise NoOperator(f"The inbox behind {found.local_key} was removed. Choose another SMTP_OPERATOR_KEY.")
        if found.state != ServiceAddress.State.ACTIVE:
            ServiceAddress.objects.filter(pk=found.pk).update(state=ServiceAddress.State.ACTIVE)
            record("operator.reopened", found)
        if admin is not None:
            _let_in(admin)
        return found.address


def _make(key: str, admin: User, name: str) -> str:
    with transaction.atomic():
        organization = found_organization(name, admin)
        with scope.organization(organization):
            # Not through inboxes.creating: customers may neither have our own domain nor a key without a dot.
            inbox = Inbox.objects.create(name=INBOX, address=f"postmaster@{settings.MAIL_DOMAIN}", created_by=admin)
            address = ServiceAddress.objects.create(inbox=inbox, local_key=key)
            record("inbox.created", inbox, actor=admin, address=inbox.address)
            return address.address


def _let_in(admin: User) -> None:
    member, made = Membership.objects.get_or_create(user=admin, defaults={"role": Membership.Role.ADMIN})
    if not made and member.is_admin:
        return
    Membership.objects.filter(pk=member.pk).update(role=Membership.Role.ADMIN)
    record("member.role", member, role=Membership.Role.ADMIN)
