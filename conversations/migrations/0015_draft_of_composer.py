from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0014_confirmations_index")]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="submission_key",
            field=models.UUIDField(help_text="that of the composer it is written in; its mail will bear it", null=True),
        ),
    ]
