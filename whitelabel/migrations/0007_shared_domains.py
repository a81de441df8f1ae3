"""What was found at the label, and a second organization on a domain."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.tenancy
from organizations.rls import ProtectTable


def accept_labels_in_use(apps: Any, schema_editor: Any) -> None:
    """Labels of claims that exist already have been shown, so they stay."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.queue', 'on', true)")
        cursor.execute("""UPDATE whitelabel_senderdomain SET label_frozen_at = now(),
            label_finding = '{"code": "free", "found": "", "refused": []}'""")
        cursor.execute("SELECT set_config('app.queue', '', true)")


class Migration(migrations.Migration):
    dependencies = [
        ("whitelabel", "0006_rounds_and_limits"),
        ("organizations", "0002_row_level_security"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "senderdomain",
            "label_finding",
            models.JSONField(
                default=dict, help_text="what stands at the label, see whitelabel.label_test; empty before it was looked at"
            ),
        ),
        migrations.AddField(
            "senderdomain",
            "label_frozen_at",
            models.DateTimeField(help_text="a record was seen: the label stays", null=True),
        ),
        migrations.RunPython(accept_labels_in_use, migrations.RunPython.noop),
        migrations.CreateModel(
            name="DomainApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asking_claim_id", models.BigIntegerField(help_text="the asking organization's SenderDomain")),
                (
                    "asking_name",
                    models.CharField(help_text="the asking organization's name, as it is shown", max_length=200),
                ),
                ("asked_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(help_text="the admins were told by mail", null=True)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("", "Not decided"), ("approved", "Approved"), ("denied", "Denied")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "asking_organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                    "sender_domain",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="approvals",
                        to="whitelabel.senderdomain",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["asking_claim_id"], name="approval_by_asker")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "sender_domain", "asking_claim_id"), name="one_approval_per_claim"
                    )
                ],
            },
        ),
        ProtectTable("DomainApproval", queue=True),
    ]
