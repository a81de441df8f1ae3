"""Refused mail for our addresses, for people who ask what became of it."""

import django.db.models.deletion
from django.db import migrations, models

import organizations.tenancy
from organizations.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [
        ("forwarding", "0005_verification"),
        ("inboxes", "0005_confirmation"),
        ("organizations", "0002_row_level_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="Refusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC")),
                ("recipient", models.CharField(help_text="normalised", max_length=320)),
                (
                    "mail_from",
                    models.CharField(
                        blank=True, help_text="envelope sender; empty for the null sender", max_length=320
                    ),
                ),
                ("reply", models.CharField(help_text="the SMTP reply, word by word", max_length=200)),
                ("peer_ip", models.GenericIPAddressField()),
                ("helo", models.CharField(blank=True, max_length=255)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "inbox",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
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
            ],
            options={
                "indexes": [models.Index(fields=["organization", "last_at"], name="refusal_by_time")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "day", "recipient", "mail_from", "reply"), name="one_refusal_per_day"
                    )
                ],
            },
        ),
        ProtectTable("Refusal"),
    ]
