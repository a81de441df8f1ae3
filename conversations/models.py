"""Conversations and what they consist of: messages, notes, attachments, drafts, and the people written to."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inboxes.models import Inbox
from organizations.tenancy import OrganizationManager, TenantForeignKey, TenantModel, TenantOneToOneField
from whitelabel.models import OutboundMail


class Contact(TenantModel):
    """A person (or machine) outside the organization, by mail address."""

    address = models.CharField(max_length=320, help_text="lower case, domain as A-label")
    name = models.CharField(max_length=300, blank=True)
    undeliverable_since = models.DateTimeField(
        null=True, help_text="a hard bounce said that the address does not exist"
    )
    complained_at = models.DateTimeField(
        null=True, help_text="reported our mail as unwanted: no automatic mail goes there"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "address"], name="one_contact_per_address")
        ]

    def __str__(self) -> str:
        return self.name or self.address


class Conversation(TenantModel):
    """Everything said about one matter in one inbox."""

    class Status(models.TextChoices):
        """Unanswered: the customer wrote last. Transitions are owned by conversations.timeline."""

        UNANSWERED = "unanswered", _("Unanswered")
        ANSWERED = "answered", _("Answered")
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")

    class Folder(models.TextChoices):
        """What is kept apart from the agents' work, each in a list of its own; "" is the work itself."""

        AUTOREPLIES = "autoreplies", _("Automatic reply")
        BOUNCES = "bounces", _("Bounce")
        SPAM = "spam", _("Spam")

    inbox = TenantForeignKey(Inbox, on_delete=models.PROTECT, related_name="conversations")
    number = models.PositiveIntegerField(help_text="#1234 within the organization")
    subject = models.CharField(max_length=1000, blank=True)
    normal_subject = models.CharField(
        max_length=1000, blank=True, help_text="without reply and forward prefixes, lower case"
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UNANSWERED)
    folder = models.CharField(
        max_length=12, choices=Folder.choices, blank=True, default="", db_default="", help_text="kept apart as what"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    contact = TenantForeignKey(
        Contact, on_delete=models.PROTECT, null=True, related_name="conversations", db_index=True
    )
    merged_into = TenantForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    related_to = TenantForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    storm = models.CharField(max_length=340, blank=True, help_text="what mail is folded into it, see forwarding.storms")
    snippet = models.CharField(max_length=300, blank=True)
    sender_label = models.CharField(max_length=320, blank=True, help_text="the customer's name as the list shows it")
    message_count = models.PositiveIntegerField(default=0)
    note_count = models.PositiveIntegerField(default=0)
    has_attachments = models.BooleanField(default=False)
    has_failed_delivery = models.BooleanField(default=False)
    waiting_until = models.DateTimeField(null=True)
    unanswered_since = models.DateTimeField(null=True)
    last_activity_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(
        default=1, help_text="bumped by every message; a reply names the one it was written to"
    )

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "number"], name="one_conversation_per_number")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "inbox", "status", "-last_activity_at", "-id"], name="conversation_list"
            ),
            models.Index(fields=["organization", "-last_activity_at", "-id"], name="conversation_activity"),
            models.Index(
                fields=["organization", "assignee", "-last_activity_at"],
                condition=~Q(status="done"),
                name="conversation_assigned",
            ),
            models.Index(fields=["organization", "inbox", "normal_subject"], name="conversation_subject"),
            models.Index(
                fields=["organization", "folder", "-last_activity_at", "-id"],
                condition=~Q(folder=""),
                name="conversation_folder",
            ),
            models.Index(fields=["organization", "inbox", "storm"], condition=~Q(storm=""), name="conversation_storm"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.subject}"


class Message(TenantModel):
    """One mail in or out, or an internal comment, in a conversation."""

    class Kind(models.TextChoices):
        """Notes never leave the service."""

        INBOUND = "inbound", _("Received")
        OUTBOUND = "outbound", _("Sent")
        NOTE = "note", _("Internal comment")

    READ_IN_PART = ("headers", "envelope")
    """Stages of reading that leave something unsaid; the original is attached then."""

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    inbox = TenantForeignKey(Inbox, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="a colleague, for sent mail and comments",
    )
    from_name = models.CharField(max_length=300, blank=True)
    from_address = models.CharField(max_length=320, blank=True)
    reply_to = models.JSONField(default=list, help_text="[{name, address}]; so are to, cc and bcc")
    to = models.JSONField(default=list)
    cc = models.JSONField(default=list)
    bcc = models.JSONField(default=list)
    subject = models.CharField(max_length=1000, blank=True)
    text = models.TextField(blank=True, help_text="what is searched, and shown where there is no HTML")
    other_text = models.TextField(blank=True, default="", help_text="an alternative that says something else; searched")
    html = models.TextField(blank=True, help_text="as received; sanitised when shown")
    ranges = models.JSONField(default=list, help_text="[start, end, kind] over text: visible, quoted, signature")

    message_id = models.CharField(max_length=998, blank=True)
    in_reply_to = ArrayField(models.CharField(max_length=998), default=list)
    references = ArrayField(models.CharField(max_length=998), default=list)
    thread_index = models.CharField(max_length=32, blank=True, help_text="GUID of Outlook's Thread-Index, hex")
    conversation_index = models.BinaryField(default=b"", db_default=b"", help_text="octets of Outlook's Thread-Index")
    thread_topic = models.CharField(max_length=1000, blank=True)
    thread_root = models.CharField(max_length=998, blank=True, help_text="the first id of References or In-Reply-To")
    content_hash = models.CharField(max_length=64, blank=True)

    mail_class = models.CharField(max_length=20, default="human")
    thread_rule = models.CharField(max_length=40, blank=True, help_text="why it is in this conversation")
    thread_obstacle = models.CharField(max_length=20, blank=True, help_text="why it is not in the related conversation")
    new_participant = models.BooleanField(default=False, help_text="its sender was not part of the conversation before")
    subject_changed = models.BooleanField(default=False, help_text="its subject is another than the conversation's")
    authenticity = models.CharField(max_length=20, blank=True)
    authenticity_reason = models.CharField(max_length=300, blank=True)
    authenticity_by = models.CharField(
        max_length=255, blank=True, db_default="", help_text="the domain or service that proves the author"
    )
    addressed_to = models.CharField(max_length=320, blank=True, help_text="the customer's address it was sent to")
    reading_stage = models.CharField(max_length=10, blank=True)
    defects = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[], help_text="codes of forwarding.reading"
    )
    protection = models.CharField(max_length=10, blank=True, help_text="signed or encrypted")
    calendar = models.JSONField(null=True)

    outbound = TenantOneToOneField(OutboundMail, on_delete=models.PROTECT, null=True, related_name="+")
    submission_key = models.UUIDField(null=True, help_text="names one press of the send button")
    untold_failure = models.BooleanField(
        default=False, db_default=False, help_text="it will not arrive, and its author has not seen that yet"
    )
    received_at = models.DateTimeField(help_text="orders the conversation")
    date_header = models.DateTimeField(null=True)
    search_vector = SearchVectorField(null=True)

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "inbox", "message_id", "content_hash"],
                condition=Q(kind="inbound"),
                name="one_message_per_mail",
            ),
            models.UniqueConstraint(
                fields=["organization", "conversation", "submission_key"],
                condition=Q(submission_key__isnull=False),
                name="one_message_per_submission",
            ),
            models.CheckConstraint(condition=~Q(kind="note") | Q(outbound=None), name="note_has_no_mail"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "conversation", "received_at", "id"], name="message_order"),
            models.Index(fields=["organization", "inbox", "message_id"], name="message_by_id"),
            models.Index(
                fields=["organization", "inbox", "thread_index"],
                condition=~Q(thread_index=""),
                name="message_by_thread_index",
            ),
            models.Index(
                fields=["organization", "inbox", "thread_root"], condition=~Q(thread_root=""), name="message_by_root"
            ),
            models.Index(
                fields=["organization", "inbox", "-received_at"],
                condition=Q(kind="inbound"),
                name="message_arrivals",
            ),
            models.Index(fields=["organization", "author"], condition=Q(untold_failure=True), name="message_untold"),
            models.Index(
                fields=["organization"],
                condition=Q(reading_stage__in=("headers", "envelope")),
                name="message_read_in_part",
            ),
            models.Index(
                fields=["organization", "received_at"],
                condition=Q(mail_class="confirmation"),
                name="message_confirmations",
            ),
            GinIndex(fields=["search_vector"], name="message_search"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Blob(TenantModel):
    """Octets of an attachment. Stored once per organization and content."""

    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField(help_text="octets")
    content = models.BinaryField()

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "sha256"], name="one_blob_per_content")
        ]

    def __str__(self) -> str:
        return self.sha256


class Attachment(TenantModel):
    """A file that came with a message, or that leaves with one."""

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="attachments", db_index=True)
    blob = TenantForeignKey(Blob, on_delete=models.PROTECT, related_name="+", db_index=True)
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=255)
    size = models.PositiveIntegerField(help_text="octets")
    content_id = models.CharField(max_length=998, blank=True)
    inline = models.BooleanField(default=False)

    objects = OrganizationManager()

    def __str__(self) -> str:
        return self.name


class Draft(TenantModel):
    """What somebody has written but not sent yet; one per person, conversation and kind, and any number put aside."""

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="drafts", db_index=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Message.Kind.choices, default=Message.Kind.OUTBOUND)
    mode = models.CharField(max_length=10, db_default="reply", help_text="reply, reply_all, forward or note")
    text = models.TextField(blank=True)
    to = models.JSONField(default=list)
    cc = models.JSONField(default=list)
    bcc = models.JSONField(default=list)
    subject = models.CharField(
        max_length=1000, blank=True, db_default="", help_text="as written; empty is the mail answered's"
    )
    include_history = models.BooleanField(db_default=True)
    left_out = ArrayField(
        models.BigIntegerField(), db_default=[], help_text="ids of a forwarded mail's files that are not to go along"
    )
    aside = models.BooleanField(db_default=False, help_text="not in the composer: another text is")
    submission_key = models.UUIDField(
        null=True, help_text="that of the composer it is written in; its mail will bear it"
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = OrganizationManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "conversation", "author", "kind"],
                condition=Q(aside=False),
                name="one_draft_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"


class DraftFile(TenantModel):
    """A file chosen for a mail that is not sent yet."""

    draft = TenantForeignKey(Draft, on_delete=models.CASCADE, related_name="files", db_index=True)
    blob = TenantForeignKey(Blob, on_delete=models.PROTECT, related_name="+", db_index=True)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=255)
    size = models.PositiveIntegerField(help_text="octets")

    objects = OrganizationManager()

    def __str__(self) -> str:
        return self.name
