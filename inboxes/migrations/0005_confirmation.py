"""Delivery confirmations, per inbox."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inboxes", "0004_match_subjects")]

    operations = [
        migrations.AddField(
            model_name="inbox",
            name="confirmation",
            field=models.TextField(
                blank=True,
                default="",
                help_text=(
                    "Sent once to people who write for the first time in a matter. {number} is replaced by the number of "
                    "the conversation. Leave it empty to send none."
                ),
                max_length=5000,
                verbose_name="delivery confirmation",
            ),
            preserve_default=False,
        ),
    ]
