"""Making an inbox for an organization's own address, with the service address that leads to it."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from inboxes.accounts import opens_an_account
from inboxes.addressing import AddressRefused, CustomerAddress, is_reserved, normalise_address, suggest_local_key
from inboxes.models import Inbox, ServiceAddress
from organizations import scope
from organizations.models import User, record

ATTEMPTS = 5  # two organizations may be offered the same free key in the same instant


class InboxRefused(ValueError):
    """The inbox cannot be made; the text says why and what to do, in the user's language."""


def create_inbox(address: str, name: str, *, actor: User | None) -> Inbox:
    """Create an inbox for `address` in the open organization. Raises InboxRefused with an explanation."""
    customer_address = _own_address(address)
    if opens_an_account(customer_address.canonical):
        raise InboxRefused(
            _(
                "A colleague logs in with %(address)s. Everybody who answers the inbox would read the links for a new "
                "password. Change that person's address first, under Profile."
            )
            % {"address": customer_address.display}
        )
    try:
        with transaction.atomic():
            inbox = Inbox.objects.create(
                name=name.strip() or customer_address.local_part, address=customer_address.canonical, created_by=actor
            )
    except IntegrityError as error:
        raise InboxRefused(_taken(customer_address)) from error
    _give_service_address(inbox, customer_address)
    record("inbox.created", inbox, actor=actor, address=inbox.address)
    return inbox


def _own_address(text: str) -> CustomerAddress:
    try:
        address = normalise_address(text, allow_test_domains=settings.LOCAL)
    except AddressRefused as refused:
        raise InboxRefused(str(refused.explanation)) from refused
    if address.domain == settings.MAIL_DOMAIN or address.domain.endswith("." + settings.MAIL_DOMAIN):
        raise InboxRefused(
            _("Write your own address, the one people send mail to. We make the address to forward to from it.")
        )
    return address


def _taken(address: CustomerAddress) -> str:
    if Inbox.objects.filter(address=address.canonical).exists():
        return _("You already have an inbox for %(address)s.") % {"address": address.display}
    return _(
        "%(address)s is already used by another organization. If the address is yours, write to %(support)s and we will sort it out."
    ) % {"address": address.display, "support": settings.SUPPORT_ADDRESS}


def _give_service_address(inbox: Inbox, address: CustomerAddress) -> ServiceAddress:
    refused: set[str] = set()
    for _attempt in range(ATTEMPTS):
        key = suggest_local_key(
            address, inbox.organization_id, lambda key: key in refused or is_reserved(key) or _key_exists(key)
        )
        try:
            with transaction.atomic():
                return ServiceAddress.objects.create(inbox=inbox, local_key=key)
        except IntegrityError:
            refused.add(key)
    raise InboxRefused(_("The address could not be made just now. Try again."))


def _key_exists(key: str) -> bool:
    """Whether any organization has or had the key; only the answer leaves the other organizations' rows."""
    with scope.queue():
        return ServiceAddress.queue.filter(local_key=key).exists()
