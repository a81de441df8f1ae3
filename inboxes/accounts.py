"""Accounts and inboxes keep apart: what many people read together must not open one person's account.

Whoever answers an inbox reads the links for a new password that are sent to its address. So no member of an organization
logs in with the address of one of its inboxes, and no inbox is made for an address that a member logs in with.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from inboxes.models import Inbox
from organizations import accounts, founding, scope
from organizations.models import Invitation, Membership


class AccountAdapter(accounts.AccountAdapter):
    """Accounts by e-mail address, never an address that colleagues read (ACCOUNT_ADAPTER)."""

    def clean_email(self, email: str) -> str:
        """Refuse also the addresses of inboxes: of the open organization, else of those the person belongs to."""
        email = super().clean_email(email)
        if any(_is_inbox(organization_id, email) for organization_id in self._organizations()):
            raise ValidationError(
                _("%(address)s is an inbox that several people read. Use a person's own work address.")
                % {"address": email}
            )
        return email

    def _organizations(self) -> list[int]:
        try:
            return [scope.current_id()]
        except scope.NoOrganization:
            user = getattr(self.request, "user", None)
            known = founding.memberships_of(user) if user is not None and user.is_authenticated else []
            return [membership.organization_id for membership in known]


def opens_an_account(address: str) -> bool:
    """Whether a member of the open organization logs in with the address, or somebody invited to it will."""
    return (
        Membership.objects.filter(user__email=address).exists()
        or Invitation.objects.filter(email=address, accepted_at=None).exists()
    )


def _is_inbox(organization_id: int, address: str) -> bool:
    with scope.organization(organization_id):
        return Inbox.objects.filter(address=address).exists()
