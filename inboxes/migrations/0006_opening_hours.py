"""Opening hours, and what people are told outside them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inboxes", "0005_confirmation")]

    operations = [
        migrations.AddField(
            model_name="inbox",
            name="hours",
            field=models.JSONField(
                blank=True, default=list, help_text="see inboxes.opening_hours; empty: always open"
            ),
        ),
        migrations.AddField(
            model_name="inbox",
            name="confirmation_when_closed",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Sent instead outside the opening hours. Leave it empty to send the same text at all hours.",
                max_length=5000,
                verbose_name="delivery confirmation outside opening hours",
            ),
            preserve_default=False,
        ),
    ]
