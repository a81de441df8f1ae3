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
            name="OutboundMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "identity",
                    models.CharField(choices=[("service", "service address"), ("own", "own address")], max_length=10),
                ),
                ("from_address", models.CharField(max_length=320)),
                ("reply_to", models.CharField(blank=True, max_length=320)),
                ("return_path_domain", models.CharField(max_length=253)),
                ("header_message_id", models.CharField(max_length=998)),
                ("content", models.BinaryField(help_text="RFC 5322 octets, CRLF, DKIM-signed")),
                ("automatic", models.BooleanField(default=False, help_text="receipts and other mail no person wrote")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("failed", "Not delivered"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("not_before", models.DateTimeField(help_text="undo window or send later")),
                ("next_attempt_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("last_reply", models.CharField(blank=True, max_length=1000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
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
            name="OutboundRecipient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=320)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sent", "Sent"),
                            ("delayed", "Delayed"),
                            ("bounced", "Bounced"),
                            ("failed", "Not delivered"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("status", models.CharField(blank=True, help_text="enhanced status code, RFC 3463", max_length=20)),
                ("reply", models.CharField(blank=True, help_text="what the receiving side said", max_length=1000)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "mail",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recipients",
                        to="whitelabel.outboundmail",
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
            name="SenderAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.EmailField(max_length=320)),
                ("activated_at", models.DateTimeField(null=True)),
                ("evidence", models.JSONField(default=dict, help_text="answers and the verified probe at activation")),
                (
                    "activated_by",
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
        ),
        migrations.AddField(
            model_name="outboundmail",
            name="sender_address",
            field=organizations.tenancy.TenantForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="whitelabel.senderaddress",
            ),
        ),
        migrations.CreateModel(
            name="SenderDomain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("domain", models.CharField(help_text="A-label form, lower case", max_length=253)),
                ("label", models.CharField(help_text="subdomain label, for example mgeu", max_length=63)),
                ("token", models.CharField(help_text="random 128 bits, base32", max_length=26)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for the records"),
                            ("ready", "All records are right"),
                            ("active", "Active"),
                            ("degraded", "A record is wrong"),
                            ("suspended", "Suspended"),
                            ("stopped", "No longer checked"),
                            ("lapsed", "Lapsed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("active_selector", models.CharField(default="k1", max_length=20)),
                ("record_version", models.PositiveIntegerField(default=1)),
                ("verdicts", models.JSONField(default=list, help_text="one object per record, see whitelabel.claims")),
                ("nameservers", models.JSONField(default=list)),
                ("checked_at", models.DateTimeField(null=True)),
                ("ready_since", models.DateTimeField(null=True)),
                ("bad_since", models.DateTimeField(null=True)),
                ("check_seq", models.PositiveBigIntegerField(default=0)),
                ("checks_done", models.PositiveIntegerField(default=0)),
                ("next_check_at", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("watched_since", models.DateTimeField(help_text="the page was opened", null=True)),
                (
                    "watched_until",
                    models.DateTimeField(help_text="the open page's last heartbeat plus its life", null=True),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
        ),
        migrations.AddField(
            model_name="senderaddress",
            name="sender_domain",
            field=organizations.tenancy.TenantForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="addresses",
                to="whitelabel.senderdomain",
            ),
        ),
        migrations.CreateModel(
            name="RecordsLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
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
                (
                    "sender_domain",
                    organizations.tenancy.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="whitelabel.senderdomain",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="DkimKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("selector", models.CharField(max_length=20)),
                ("public_key", models.TextField(help_text="SubjectPublicKeyInfo, base64: the p= tag of RFC 6376")),
                ("private_key", models.TextField(help_text="PKCS#8 PEM, encrypted")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("retired_at", models.DateTimeField(null=True)),
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
                        related_name="keys",
                        to="whitelabel.senderdomain",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="outboundmail",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "sending"])), fields=["next_attempt_at"], name="outbox_due"
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmail",
            index=models.Index(fields=["organization", "header_message_id"], name="outbox_by_message_id"),
        ),
        migrations.AddConstraint(
            model_name="outboundmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("identity", "service"), ("sender_address", None)),
                    models.Q(("identity", "own"), ("sender_address__isnull", False)),
                    _connector="OR",
                ),
                name="own_identity_has_address",
            ),
        ),
        migrations.AddIndex(
            model_name="senderdomain",
            index=models.Index(fields=["next_check_at"], name="senderdomain_due"),
        ),
        migrations.AddConstraint(
            model_name="senderdomain",
            constraint=models.UniqueConstraint(fields=("organization", "domain"), name="one_claim_per_domain"),
        ),
        migrations.AddConstraint(
            model_name="senderaddress",
            constraint=models.UniqueConstraint(fields=("organization", "address"), name="one_sender_address"),
        ),
        migrations.AddConstraint(
            model_name="senderaddress",
            constraint=models.UniqueConstraint(
                condition=models.Q(("activated_at__isnull", False)), fields=("address",), name="one_active_sender"
            ),
        ),
        migrations.AddConstraint(
            model_name="dkimkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retired_at", None)),
                fields=("organization", "sender_domain", "selector"),
                name="one_key_per_selector",
            ),
        ),
    ]
