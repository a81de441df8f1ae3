from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0013_defects")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                fields=["organization", "received_at"],
                condition=models.Q(mail_class="confirmation"),
                name="message_confirmations",
            ),
        ),
    ]
