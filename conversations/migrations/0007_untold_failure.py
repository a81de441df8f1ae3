from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0006_authenticity_by")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="untold_failure",
            field=models.BooleanField(
                db_default=False, default=False, help_text="it will not arrive, and its author has not seen that yet"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                fields=["organization", "author"],
                condition=models.Q(untold_failure=True),
                name="message_untold",
            ),
        ),
    ]
