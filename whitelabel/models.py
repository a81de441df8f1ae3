"""Sender domains and their keys, the addresses that may be sent from, and the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.tenancy import OrganizationManager, QueueManager, TenantForeignKey, TenantModel


class SenderDomain(TenantModel):
    """An organization's claim to send as a domain: its token, label, keys and the last verdict of every record.

    A queue table: `next_check_at`, `lease_until` and `check_seq` make it the work list of the DNS checks.
    """

    class State(models.TextChoices):
        """See `whitelabel.claims` for the transitions."""

        PENDING = "pending", _("Waiting for the records")
        READY = "ready", _("All records are right")
        ACTIVE = "active", _("Active")
        DEGRADED = "degraded", _("A record is wrong")
        SUSPENDED = "suspended", _("Suspended")
        STOPPED = "stopped", _("No longer checked")
        LAPSED = "lapsed", _("Lapsed")

    domain = models.CharField(max_length=253, help_text="A-label form, lower case")
    registrable = models.CharField(max_length=253, blank=True, help_text="the registered domain it belongs to")
    label = models.CharField(max_length=63, help_text="subdomain label, for example mgeu")
    label_finding = models.JSONField(
        default=dict, help_text="what stands at the label, see whitelabel.label_test; empty before it was looked at"
    )
    label_frozen_at = models.DateTimeField(null=True, help_text="a record was seen: the label stays")
    token = models.CharField(max_length=26, help_text="random 128 bits, base32")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    active_selector = models.CharField(max_length=20, default="k1")
    rotation_selector = models.CharField(
        max_length=20,
        blank=True,
        help_text="a new key is under this selector and waits to be used; see whitelabel.rotation",
    )
    rotation_started_at = models.DateTimeField(null=True)
    rotation_seen_at = models.DateTimeField(null=True, help_text="the new key has been on every nameserver since")
    previous_selector = models.CharField(
        max_length=20, blank=True, help_text="its key is still valid for mail on its way"
    )
    rotation_switched_at = models.DateTimeField(null=True)
    rotation_due_at = models.DateTimeField(null=True, help_text="when the next replacement begins by itself")
    record_version = models.PositiveIntegerField(default=1)
    records_changed_at = models.DateTimeField(default=timezone.now, help_text="when record_version changed")
    former_tokens = models.JSONField(default=list, help_text="[token, ISO date of its end]; never valid again")
    dns_host = models.CharField(max_length=40, blank=True, help_text="where the admin says that the DNS is managed")

    verdicts = models.JSONField(default=list, help_text="one object per record, see whitelabel.claims")
    nameservers = models.JSONField(default=list)
    checked_at = models.DateTimeField(null=True)
    ready_since = models.DateTimeField(null=True, help_text="every required record has been right since")
    cache_seconds = models.PositiveIntegerField(
        default=0, help_text="longest time a resolver was seen to remember an old answer since then"
    )
    bad_since = models.DateTimeField(null=True, help_text="a record is wrong, or was and is not trusted again yet")
    unclear_since = models.DateTimeField(null=True, help_text="no clear answer about a record of a domain in use since")
    mail_hosts = models.JSONField(default=list, help_text="MX of the domain itself, as last seen while it is in use")
    check_seq = models.PositiveBigIntegerField(default=0)
    checks_done = models.PositiveIntegerField(default=0)
    check_started_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    watched_since = models.DateTimeField(null=True, help_text="the page was opened")
    watched_until = models.DateTimeField(null=True, help_text="the open page's last heartbeat plus its life")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "domain"], name="one_claim_per_domain")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_check_at"], name="senderdomain_due"),
            models.Index(fields=["registrable"], name="senderdomain_registrable"),
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def subdomain(self) -> str:
        """The name the records stand under and the return path uses, for example mgeu.lillestad.se."""
        return f"{self.label}.{self.domain}"

    def renew_records(self, now: datetime) -> None:
        """Note that other records are asked for than before: pages that show the old ones can activate nothing."""
        self.record_version += 1
        self.records_changed_at = now


IN_USE = (SenderDomain.State.ACTIVE, SenderDomain.State.DEGRADED)
"""States in which mail leaves as the domain. Degraded: kept for its grace time, while each mail uses what still works."""
HOLDING = (*IN_USE, SenderDomain.State.SUSPENDED)
"""States in which an organization counts as sending as the domain: it does, or will again when the records are mended."""


class DkimKey(TenantModel):
    """One RSA key pair under one selector of a claim. The private key is encrypted (whitelabel.keys)."""

    sender_domain = TenantForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="keys", db_index=True)
    selector = models.CharField(max_length=20)
    public_key = models.TextField(help_text="SubjectPublicKeyInfo, base64: the p= tag of RFC 6376")
    private_key = models.TextField(help_text="PKCS#8 PEM, encrypted")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "sender_domain", "selector"],
                condition=Q(retired_at=None),
                name="one_key_per_selector",
            )
        ]

    def __str__(self) -> str:
        return self.selector


class DomainApproval(TenantModel):
    """Another organization has shown control of a domain that this one already sends as, and asks to send too.

    The row belongs to the organization that is asked. A queue table: the asking one writes and reads its own.
    """

    class Decision(models.TextChoices):
        """What an admin of the asked organization said; nothing within the notice counts as consent."""

        NONE = "", _("Not decided")
        APPROVED = "approved", _("Approved")
        DENIED = "denied", _("Denied")

    sender_domain = TenantForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="approvals", db_index=True)
    asking_organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.CASCADE, db_index=True, related_name="+"
    )
    asking_claim_id = models.BigIntegerField(help_text="the asking organization's SenderDomain")
    asking_name = models.CharField(max_length=200, help_text="the asking organization's name, as it is shown")
    asked_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, help_text="the admins were told by mail")
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.NONE, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "sender_domain", "asking_claim_id"], name="one_approval_per_claim"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["asking_claim_id"], name="approval_by_asker")]

    def __str__(self) -> str:
        return f"approval {self.pk}"


class RecordsLink(TenantModel):
    """A link for IT staff to one claim's records, without login. Only the SHA-256 of its token is stored."""

    sender_domain = TenantForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="links", db_index=True)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    objects = OrganizationManager()
    queue = QueueManager()

    def __str__(self) -> str:
        return f"link {self.pk}"


class SenderAddress(TenantModel):
    """An inbox's own address that mail leaves as, once activated. One organization at most may hold an address active."""

    sender_domain = TenantForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="addresses", db_index=True)
    address = models.EmailField(max_length=320)
    activated_at = models.DateTimeField(null=True)
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    evidence = models.JSONField(default=dict, help_text="what activation was based on: answers and the verified probe")
    requested_at = models.DateTimeField(null=True, help_text="Activate was pressed; the next check that starts decides")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    requested_seq = models.PositiveBigIntegerField(
        default=0, help_text="the claim's check_seq then; an older check decides nothing"
    )
    failure = models.CharField(max_length=40, blank=True, help_text="why the last activation changed nothing")

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "address"], name="one_sender_address"),
            models.UniqueConstraint(
                fields=["address"], condition=Q(activated_at__isnull=False), name="one_active_sender"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class OutboundMail(TenantModel):
    """A mail in the outbox: the final bytes and where they are on their way. A queue table."""

    class State(models.TextChoices):
        """Fate of the mail as a whole; see OutboundRecipient for each recipient."""

        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        CANCELLED = "cancelled", _("Cancelled")

    class Identity(models.TextChoices):
        """Under which name the mail leaves."""

        SERVICE = "service", _("service address")
        OWN = "own", _("own address")

    identity = models.CharField(max_length=10, choices=Identity.choices)
    sender_address = TenantForeignKey(SenderAddress, on_delete=models.PROTECT, null=True, related_name="+")
    from_address = models.CharField(max_length=320)
    reply_to = models.CharField(max_length=320, blank=True)
    return_path_domain = models.CharField(max_length=253)
    header_message_id = models.CharField(max_length=998)
    content = models.BinaryField(help_text="RFC 5322 octets, CRLF, DKIM-signed")
    final = models.BooleanField(
        default=True, db_default=True, help_text="false: planned; Date, sender and signature are chosen when it leaves"
    )
    automatic = models.BooleanField(default=False, help_text="receipts and other mail no person wrote")

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    not_before = models.DateTimeField(help_text="undo window or send later")
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    last_reply = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(state__in=["queued", "sending"]), name="outbox_due"),
            models.Index(
                fields=["organization", "automatic", "next_attempt_at", "id"],
                condition=Q(state__in=["queued", "sending"]),
                name="outbox_turns",
            ),
            models.Index(fields=["organization", "header_message_id"], name="outbox_by_message_id"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(identity="service", sender_address=None) | Q(identity="own", sender_address__isnull=False),
                name="own_identity_has_address",
            )
        ]

    def __str__(self) -> str:
        return self.header_message_id


class OutboundRecipient(TenantModel):
    """One recipient of an outbound mail and what became of it. A queue table."""

    class State(models.TextChoices):
        """Fate of the mail at one recipient."""

        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent")
        DELAYED = "delayed", _("Delayed")
        BOUNCED = "bounced", _("Bounced")
        FAILED = "failed", _("Not delivered")
        UNSURE = "unsure", _("May have arrived")

    mail = TenantForeignKey(OutboundMail, on_delete=models.CASCADE, related_name="recipients")
    address = models.CharField(max_length=320)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    status = models.CharField(max_length=20, blank=True, help_text="enhanced status code, RFC 3463")
    reply = models.CharField(max_length=1000, blank=True, help_text="what the receiving side said")
    accepted_at = models.DateTimeField(null=True, help_text="the relay took over; never sent again")
    unsure_tries = models.PositiveSmallIntegerField(
        default=0, help_text="tries of which nobody knows whether the relay took over"
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = OrganizationManager()
    queue = QueueManager()

    class Meta:
        base_manager_name = "objects"
        # The mail alone: workers ask for recipients of mails of all organizations.
        indexes: ClassVar = [models.Index(fields=["mail"], name="recipients_of_mail")]

    def __str__(self) -> str:
        return self.address


class ServiceMail(models.Model):
    """Mail from the service itself to one person: an invitation, a new password, a notice. Belongs to no organization."""

    recipient = models.CharField(max_length=320)
    content = models.BinaryField(help_text="RFC 5322 octets, CRLF, signed where the service has a key")
    next_attempt_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    unsure_tries = models.PositiveSmallIntegerField(
        default=0, help_text="tries of which nobody knows whether the relay took over"
    )
    last_reply = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["next_attempt_at"], name="servicemail_due")]

    def __str__(self) -> str:
        return f"service mail {self.pk}"
