from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0005_other_text")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="authenticity_by",
            field=models.CharField(
                blank=True, db_default="", help_text="the domain or service that proves the author", max_length=255
            ),
        ),
    ]
