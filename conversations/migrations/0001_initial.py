import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.tenancy


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("inboxes", "0001_initial"),
        ("organizations", "0001_initial"),
        ("whitelabel", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.PositiveIntegerField(help_text="octets")),
                ("content", models.BinaryField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(help_text="lower case, domain as A-label", max_length=320)),
                ("name", models.CharField(blank=True, max_length=300)),
                (
                    "undeliverable_since",
                    models.DateTimeField(help_text="a hard bounce said that the address does not exist", null=True),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(help_text="#1234 within the organization")),
                ("subject", models.CharField(blank=True, max_length=1000)),
                (
                    "normal_subject",
                    models.CharField(
                        blank=True, help_text="without reply and forward prefixes, lower case", max_length=1000
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unanswered", "Unanswered"),
                            ("answered", "Answered"),
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                        ],
                        default="unanswered",
                        max_length=12,
                    ),
                ),
                ("snippet", models.CharField(blank=True, max_length=300)),
                (
                    "sender_label",
                    models.CharField(blank=True, help_text="the customer's name as the list shows it", max_length=320),
                ),
                ("message_count", models.PositiveIntegerField(default=0)),
                ("note_count", models.PositiveIntegerField(default=0)),
                ("has_attachments", models.BooleanField(default=False)),
                ("has_failed_delivery", models.BooleanField(default=False)),
                ("waiting_until", models.DateTimeField(null=True)),
                ("unanswered_since", models.DateTimeField(null=True)),
                ("last_activity_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "version",
                    models.PositiveIntegerField(
                        default=1, help_text="bumped by every message; a reply names the one it was written to"
                    ),
                ),
                (
                    "assignee",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "contact",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conversations",
                        to="conversations.contact",
                    ),
                ),
                (
                    "inbox",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conversations",
                        to="inboxes.inbox",
                    ),
                ),
                (
                    "merged_into",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "related_to",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.conversation",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("inbound", "Received"), ("outbound", "Sent"), ("note", "Internal comment")],
                        default="outbound",
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("to", models.JSONField(default=list)),
                ("cc", models.JSONField(default=list)),
                ("bcc", models.JSONField(default=list)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "conversation",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("inbound", "Received"), ("outbound", "Sent"), ("note", "Internal comment")],
                        max_length=10,
                    ),
                ),
                ("from_name", models.CharField(blank=True, max_length=300)),
                ("from_address", models.CharField(blank=True, max_length=320)),
                ("reply_to", models.JSONField(default=list, help_text="[{name, address}]; so are to, cc and bcc")),
                ("to", models.JSONField(default=list)),
                ("cc", models.JSONField(default=list)),
                ("bcc", models.JSONField(default=list)),
                ("subject", models.CharField(blank=True, max_length=1000)),
                ("text", models.TextField(blank=True, help_text="what is searched, and shown where there is no HTML")),
                ("html", models.TextField(blank=True, help_text="as received; sanitised when shown")),
                (
                    "ranges",
                    models.JSONField(
                        default=list, help_text="[start, end, kind] over text: visible, quoted, signature"
                    ),
                ),
                ("message_id", models.CharField(blank=True, max_length=998)),
                (
                    "in_reply_to",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=998), default=list, size=None
                    ),
                ),
                (
                    "references",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=998), default=list, size=None
                    ),
                ),
                (
                    "thread_index",
                    models.CharField(blank=True, help_text="GUID of Outlook's Thread-Index, hex", max_length=32),
                ),
                ("thread_topic", models.CharField(blank=True, max_length=1000)),
                ("content_hash", models.CharField(blank=True, max_length=64)),
                ("mail_class", models.CharField(default="human", max_length=20)),
                (
                    "thread_rule",
                    models.CharField(blank=True, help_text="why it is in this conversation", max_length=40),
                ),
                ("authenticity", models.CharField(blank=True, max_length=20)),
                ("authenticity_reason", models.CharField(blank=True, max_length=300)),
                (
                    "addressed_to",
                    models.CharField(blank=True, help_text="the customer's address it was sent to", max_length=320),
                ),
                ("reading_stage", models.CharField(blank=True, max_length=10)),
                ("protection", models.CharField(blank=True, help_text="signed or encrypted", max_length=10)),
                ("calendar", models.JSONField(null=True)),
                ("submission_key", models.UUIDField(help_text="names one press of the send button", null=True)),
                ("received_at", models.DateTimeField(help_text="orders the conversation")),
                ("date_header", models.DateTimeField(null=True)),
                ("search_vector", django.contrib.postgres.search.SearchVectorField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        help_text="a colleague, for sent mail and comments",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "conversation",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "inbox",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inboxes.inbox",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "outbound",
                    organizations.tenancy.TenantOneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="whitelabel.outboundmail",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("name", models.CharField(max_length=255)),
                ("content_type", models.CharField(max_length=255)),
                ("size", models.PositiveIntegerField(help_text="octets")),
                ("content_id", models.CharField(blank=True, max_length=998)),
                ("inline", models.BooleanField(default=False)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
                (
                    "blob",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conversations.blob",
                    ),
                ),
                (
                    "message",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="conversations.message",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="blob",
            constraint=models.UniqueConstraint(fields=("organization", "sha256"), name="one_blob_per_content"),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(fields=("organization", "address"), name="one_contact_per_address"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["organization", "inbox", "status", "-last_activity_at", "-id"], name="conversation_list"
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["organization", "-last_activity_at", "-id"], name="conversation_activity"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("status", "done"), _negated=True),
                fields=["organization", "assignee", "-last_activity_at"],
                name="conversation_assigned",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["organization", "inbox", "normal_subject"], name="conversation_subject"),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(fields=("organization", "number"), name="one_conversation_per_number"),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.UniqueConstraint(
                fields=("organization", "conversation", "author", "kind"), name="one_draft_per_person"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["organization", "conversation", "received_at", "id"], name="message_order"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["organization", "inbox", "message_id"], name="message_by_id"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("thread_index", ""), _negated=True),
                fields=["organization", "inbox", "thread_index"],
                name="message_by_thread_index",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search_vector"], name="message_search"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "inbound")),
                fields=("organization", "inbox", "message_id", "content_hash"),
                name="one_message_per_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("submission_key__isnull", False)),
                fields=("organization", "conversation", "submission_key"),
                name="one_message_per_submission",
            ),
        ),
    ]
