"""The spool: every accepted mail as octets, and every delivery of it with its one final state (the ledger)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models import Message
from inboxes.models import Inbox, ServiceAddress
from organizations.tenancy import OrganizationManager, QueueManager, TenantForeignKey, TenantModel


class RawMail(TenantModel):
    """The octets as they came over SMTP. Never changed. A queue table."""

    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField(help_text="octets")
    content = models.BinaryField()
    received_at = models.DateTimeField()

    objects = OrganizationManager()
    queue = QueueManager()

    def __str__(self) -> str:
        return self.sha256


class Delivery(TenantModel):
    """One accepted mail for one recipient: envelope, place in the filing queue, and what became of it. A queue table."""

    class State(models.TextChoices):
        """ACCEPTED is the only state that is not final."""

        ACCEPTED = "accepted", _("Accepted, not filed yet")
        FILED = "filed", _("In the inbox")
        DUPLICATE = "duplicate", _("Duplicate")
        OWN_COPY = "own_copy", _("Copy of our own mail")
        FEEDBACK = "feedback", _("Delivery report")
        PARKED = "parked", _("Parked")

    raw = TenantForeignKey(RawMail, on_delete=models.PROTECT, related_name="deliveries", db_index=True)
    inbox = TenantForeignKey(Inbox, on_delete=models.PROTECT, null=True, related_name="+")
    service_address = TenantForeignKey(ServiceAddress, on_delete=models.PROTECT, null=True, related_name="+")
    recipient_argument = models.TextField(help_text="as given in RCPT TO")
    recipient = models.CharField(max_length=320, help_text="normalised")
    tag = models.CharField(max_length=64, blank=True, help_text="after the + of the recipient")
    mail_from = models.TextField(blank=True, help_text="envelope sender; empty for the null sender")
    mail_options = models.JSONField(default=list)
    peer_ip = models.GenericIPAddressField()
    helo = models.CharField(max_length=255, blank=True)
    tls = models.CharField(max_length=100, blank=True)
    received_at = models.DateTimeField()

    state = models.CharField(max_length=10, choices=State.choices, default=State.ACCEPTED)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="how often a worker took it")
    failures = models.PositiveSmallIntegerField(db_default=0, help_text="how many of the attempts ended in an error")
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    message = TenantForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+", db_index=True)
    stands_alone = models.BooleanField(db_default=False, default=False, help_text="people say that it is no duplicate")
    sender = models.CharField(max_length=320, blank=True, help_text="From address, for looking a mail up")
    header_message_id = models.CharField(max_length=998, blank=True)
    verify_at = models.DateTimeField(null=True, help_text="when the author's proof is looked at next; empty: done")
    verify_attempts = models.PositiveSmallIntegerField(db_default=0)

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [
            # These three for forwarding.queue.
            models.Index(
                fields=["organization", "next_attempt_at", "id"], condition=Q(state="accepted"), name="delivery_due"
            ),
            models.Index(
                fields=["organization", "next_attempt_at", "id"],
                condition=Q(state="accepted", attempts__gt=0),
                name="delivery_tried",
            ),
            models.Index(
                fields=["organization", "verify_at", "id"],
                condition=Q(verify_at__isnull=False),
                name="delivery_unproved",
            ),
            models.Index(fields=["organization"], condition=Q(state="parked"), name="delivery_parked"),
            models.Index(fields=["organization", "received_at"], name="delivery_by_time"),
            models.Index(fields=["organization", "sender"], name="delivery_by_sender"),
            models.Index(fields=["organization", "header_message_id"], name="delivery_by_message_id"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.state}"


class Refusal(TenantModel):
    """Mail for one of our addresses that the SMTP server did not take, and what it answered.

    The same mail tried again on the same day is the same row. So is another mail of that sender with the same answer:
    the SMTP server knows no more of a mail that it has not taken.
    """

    inbox = TenantForeignKey(Inbox, on_delete=models.SET_NULL, null=True, related_name="+")
    day = models.DateField(help_text="UTC")
    recipient = models.CharField(max_length=320, help_text="normalised")
    mail_from = models.CharField(max_length=320, blank=True, help_text="envelope sender; empty for the null sender")
    reply = models.CharField(max_length=200, help_text="the SMTP reply, word by word")
    peer_ip = models.GenericIPAddressField()
    helo = models.CharField(max_length=255, blank=True)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "day", "recipient", "mail_from", "reply"], name="one_refusal_per_day"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "last_at"], name="refusal_by_time")]

    def __str__(self) -> str:
        return f"{self.recipient} {self.reply}"
