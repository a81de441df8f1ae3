"""How django-allauth treats this project's accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from organizations.models import User


def is_service_address(email: str) -> bool:
    """Whether an address is on the service's mail domain, where it is read in an inbox and proves nobody."""
    domain = email.rpartition("@")[2].rstrip(".").lower()
    return domain == settings.MAIL_DOMAIN or domain.endswith("." + settings.MAIL_DOMAIN)


def shown_in_mail(user: User) -> str:
    """What allauth's mails call a person: the address it is sent to. A name is what somebody who signs up has typed."""
    return user.email


class AccountAdapter(DefaultAccountAdapter):
    """Accounts by e-mail address, never an address of the service itself."""

    def clean_email(self, email: str) -> str:
        """Refuse addresses on the service's mail domain."""
        email = super().clean_email(email).lower()
        if is_service_address(email):
            domain = email.rpartition("@")[2].rstrip(".")
            raise ValidationError(
                _("An address at %(domain)s cannot be an account. Use your own work address.") % {"domain": domain}
            )
        return email

    def save_user(self, request: Any, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the language chosen before signing up."""
        user.language = getattr(request, "LANGUAGE_CODE", user.language)
        return super().save_user(request, user, form, commit)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What failed log-ins are counted under: account and address of the network, so that nobody else is shut out."""
        return f"{super()._get_login_attempts_cache_key(request, **credentials)} {self.get_client_ip(request)}"
