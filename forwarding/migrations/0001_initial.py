import django.db.models.deletion
from django.db import migrations, models

import organizations.tenancy


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("conversations", "0001_initial"),
        ("inboxes", "0001_initial"),
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RawMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.PositiveIntegerField(help_text="octets")),
                ("content", models.BinaryField()),
                ("received_at", models.DateTimeField()),
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
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient_argument", models.TextField(help_text="as given in RCPT TO")),
                ("recipient", models.CharField(help_text="normalised", max_length=320)),
                ("tag", models.CharField(blank=True, help_text="after the + of the recipient", max_length=64)),
                ("mail_from", models.TextField(blank=True, help_text="envelope sender; empty for the null sender")),
                ("mail_options", models.JSONField(default=list)),
                ("peer_ip", models.GenericIPAddressField()),
                ("helo", models.CharField(blank=True, max_length=255)),
                ("tls", models.CharField(blank=True, max_length=100)),
                ("received_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("accepted", "Accepted, not filed yet"),
                            ("filed", "In the inbox"),
                            ("duplicate", "Duplicate"),
                            ("own_copy", "Copy of our own mail"),
                            ("feedback", "Delivery report"),
                            ("parked", "Parked"),
                        ],
                        default="accepted",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("lease_until", models.DateTimeField(null=True)),
                ("filed_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                (
                    "sender",
                    models.CharField(blank=True, help_text="From address, for looking a mail up", max_length=320),
                ),
                ("header_message_id", models.CharField(blank=True, max_length=998)),
                (
                    "inbox",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inboxes.inbox",
                    ),
                ),
                (
                    "message",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.message",
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
                    "service_address",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inboxes.serviceaddress",
                    ),
                ),
                (
                    "raw",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="forwarding.rawmail",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "accepted")), fields=["next_attempt_at", "id"], name="delivery_due"
                    ),
                    models.Index(fields=["organization", "received_at"], name="delivery_by_time"),
                    models.Index(fields=["organization", "sender"], name="delivery_by_sender"),
                    models.Index(fields=["organization", "header_message_id"], name="delivery_by_message_id"),
                ],
            },
        ),
    ]
