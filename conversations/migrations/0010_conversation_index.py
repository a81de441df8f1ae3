from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0009_note_has_no_mail")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="conversation_index",
            field=models.BinaryField(default=b"", db_default=b"", help_text="octets of Outlook's Thread-Index"),
        ),
    ]
