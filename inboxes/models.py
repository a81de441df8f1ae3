"""Inboxes and the service addresses that lead to them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inboxes import addressing, opening_hours
from organizations.tenancy import OrganizationManager, QueueManager, TenantForeignKey, TenantModel
from whitelabel.mime_headers import is_writable


class Inbox(TenantModel):
    """One of an organization's own addresses, answered together. An address belongs to one organization only."""

    name = models.CharField(_("name"), max_length=200, help_text=_("Shown to the people you write to."))
    address = models.CharField(max_length=320, unique=True, help_text="lower case, domain as A-label")
    names_author = models.BooleanField(
        _("show who answers"),
        default=False,
        help_text=_("Answers are sent as “Anna Berg via Jobb” instead of “Jobb”. The address stays the inbox's own."),
    )
    signature = models.TextField(
        _("common signature"),
        blank=True,
        help_text=_("{name} and {title} are replaced by those of the person who answers."),
    )
    confirmation = models.TextField(
        _("delivery confirmation"),
        blank=True,
        max_length=5000,
        help_text=_(
            "Sent once to people who write for the first time in a matter. {number} is replaced by the number of the "
            "conversation. Leave it empty to send none."
        ),
    )
    hours = models.JSONField(default=list, blank=True, help_text="see inboxes.opening_hours; empty: always open")
    confirmation_when_closed = models.TextField(
        _("delivery confirmation outside opening hours"),
        blank=True,
        max_length=5000,
        help_text=_("Sent instead outside the opening hours. Leave it empty to send the same text at all hours."),
    )
    match_subjects = models.BooleanField(
        default=False, help_text="a mail without other signs joins the sender's conversation with the same subject"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_received_at = models.DateTimeField(null=True)

    objects = OrganizationManager()

    def __str__(self) -> str:
        return self.name

    @property
    def domain(self) -> str:
        """The domain of the inbox's own address, A-label form."""
        return self.address.rpartition("@")[2]

    @property
    def readable_address(self) -> str:
        """The inbox's own address as people write it, with å ä ö in the domain."""
        return addressing.readable(self.address)

    @property
    def may_be_sender(self) -> bool:
        """Whether mail can leave as the inbox's own address once its DNS records are right."""
        return is_writable(self.address)

    def sender_name(self, author: str) -> str:
        """The display name in From of what a person with the name `author` writes."""
        return f"{author} via {self.name}" if self.names_author and author else self.name

    def confirmation_at(self, moment: datetime) -> str:
        """The text that a mail received then is confirmed with; "" when it is not confirmed. `{number}` is not yet filled in."""
        closed = not opening_hours.is_open(self.hours, timezone.localtime(moment))
        return (closed and self.confirmation_when_closed.strip()) or self.confirmation.strip()

    @property
    def service_address(self) -> str:
        """The address to forward to; `jobb.lillestad.se@mail.kundo.se` for `jobb@lillestad.se`."""
        primary = (
            self.service_addresses.filter(state=ServiceAddress.State.ACTIVE, is_primary=True).only("local_key").get()
        )
        return primary.address


class ServiceAddress(TenantModel):
    """A key of the service's mail domain and the inbox it leads to. Looked up, never decoded; never reused.

    A queue table: the SMTP server looks recipients up before it knows the organization.
    """

    class State(models.TextChoices):
        """Retired keys answer 550 for ever, because old forwards keep coming."""

        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        RETIRED = "retired", _("Retired")

    inbox = TenantForeignKey(
        Inbox, on_delete=models.SET_NULL, null=True, related_name="service_addresses", db_index=True
    )
    local_key = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    state_since = models.DateTimeField(auto_now_add=True)
    is_primary = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "inbox"],
                condition=models.Q(is_primary=True, state="active"),
                name="one_primary_key",
            )
        ]

    def __str__(self) -> str:
        return self.local_key

    @property
    def address(self) -> str:
        """The whole address, for example jobb.lillestad.se@mail.kundo.se."""
        return f"{self.local_key}@{settings.MAIL_DOMAIN}"
