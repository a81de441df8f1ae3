"""Two agreeing rounds, earlier values, and the registered domain that limits are counted by."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models

from whitelabel.survey.zone import registrable_domain


def name_registered_domains(apps: Any, schema_editor: Any) -> None:
    """Fill the new column of existing claims, of every organization."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.queue', 'on', true)")
        cursor.execute("SELECT id, domain FROM whitelabel_senderdomain")
        rows = [(registrable_domain(domain), pk) for pk, domain in cursor.fetchall()]
        cursor.executemany("UPDATE whitelabel_senderdomain SET registrable = %s WHERE id = %s", rows)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # the column's index is made in the same transaction
        cursor.execute("SELECT set_config('app.queue', '', true)")


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0005_service_mail")]

    operations = [
        migrations.AddField(
            model_name="senderdomain",
            name="registrable",
            field=models.CharField(
                blank=True, default="", help_text="the registered domain it belongs to", max_length=253
            ),
            preserve_default=False,
        ),
        migrations.AddField("senderdomain", "check_started_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "senderdomain",
            "cache_seconds",
            models.PositiveIntegerField(
                default=0, help_text="longest time a resolver was seen to remember an old answer since then"
            ),
        ),
        migrations.AlterField(
            "senderdomain",
            "ready_since",
            models.DateTimeField(null=True, help_text="every required record has been right since"),
        ),
        migrations.AddField(
            "senderdomain",
            "records_changed_at",
            models.DateTimeField(default=django.utils.timezone.now, help_text="when record_version changed"),
        ),
        migrations.AddField(
            "senderdomain",
            "former_tokens",
            models.JSONField(default=list, help_text="[token, ISO date of its end]; never valid again"),
        ),
        migrations.AddField(
            "senderdomain",
            "dns_host",
            models.CharField(blank=True, help_text="where the admin says that the DNS is managed", max_length=40),
        ),
        migrations.RunPython(name_registered_domains, migrations.RunPython.noop),
        migrations.AddIndex("senderdomain", models.Index(fields=["registrable"], name="senderdomain_registrable")),
    ]
