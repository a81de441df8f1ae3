"""An inbox may name the person who answers beside itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inboxes", "0007_foreign_key_indexes")]

    operations = [
        migrations.AddField(
            model_name="inbox",
            name="names_author",
            field=models.BooleanField(
                default=False,
                help_text="Answers are sent as “Anna Berg via Jobb” instead of “Jobb”. The address stays the inbox's own.",
                verbose_name="show who answers",
            ),
        ),
    ]
