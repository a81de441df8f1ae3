import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.tenancy


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Inbox",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="Shown to the people you write to.", max_length=200, verbose_name="name"
                    ),
                ),
                ("address", models.CharField(help_text="lower case, domain as A-label", max_length=320, unique=True)),
                (
                    "signature",
                    models.TextField(
                        blank=True,
                        help_text="{name} and {title} are replaced by those of the person who answers.",
                        verbose_name="common signature",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_received_at", models.DateTimeField(null=True)),
                (
                    "created_by",
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ServiceAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("local_key", models.CharField(max_length=64, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("suspended", "Suspended"), ("retired", "Retired")],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("state_since", models.DateTimeField(auto_now_add=True)),
                ("is_primary", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "inbox",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="service_addresses",
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
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_primary", True), ("state", "active")),
                        fields=("organization", "inbox"),
                        name="one_primary_key",
                    )
                ],
            },
        ),
    ]
