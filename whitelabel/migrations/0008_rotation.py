"""Where the replacement of a claim's DKIM key stands."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0007_shared_domains")]

    operations = [
        migrations.AddField(
            model_name="senderdomain",
            name="rotation_selector",
            field=models.CharField(
                blank=True,
                help_text="a new key is under this selector and waits to be used; see whitelabel.rotation",
                max_length=20,
            ),
        ),
        migrations.AddField("senderdomain", "rotation_started_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "senderdomain",
            "rotation_seen_at",
            models.DateTimeField(help_text="the new key has been on every nameserver since", null=True),
        ),
        migrations.AddField(
            model_name="senderdomain",
            name="previous_selector",
            field=models.CharField(
                blank=True, help_text="its key is still valid for mail on its way", max_length=20
            ),
        ),
        migrations.AddField("senderdomain", "rotation_switched_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "senderdomain",
            "rotation_due_at",
            models.DateTimeField(help_text="when the next replacement begins by itself", null=True),
        ),
    ]
