import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0012_read_in_part")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="defects",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                db_default=[],
                default=list,
                help_text="codes of forwarding.reading",
                size=None,
            ),
        ),
    ]
