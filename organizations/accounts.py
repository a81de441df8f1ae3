"""How django-allauth treats this project's accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def is_service_address(email: str) -> bool:
    """Whether an address is on the service's mail domain, where it is read in an inbox and proves nobody."""
    domain = email.rpartition("@")[2].rstrip(".").lower()
    return domain == settings.MAIL_DOMAIN or domain.endswith("." + settings.MAIL_DOMAIN)


class AccountAdapter(DefaultAccountAdapter):
    """Accounts by e-mail address, never an address of the service itself."""

    def clean_email(self, email: str) -> str:
        """Refuse addresses on the service's mail domain."""
        email = super().clean_email(email).lower()
        domain = email.rpartition("@")[2].rstrip(".")
        if domain == settings.MAIL_DOMAIN or domain.endswith("." + settings.MAIL_DOMAIN):
            raise ValidationError(
                _("An address at %(domain)s cannot be an account. Use your own work address.") % {"domain": domain}
            )
        return email

    def save_user(self, request: Any, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the language chosen before signing up."""
        user.language = getattr(request, "LANGUAGE_CODE", user.language)
        return super().save_user(request, user, form, commit)
