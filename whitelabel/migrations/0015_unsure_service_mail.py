from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0014_unsure_tries")]

    operations = [
        migrations.AddField(
            model_name="servicemail",
            name="unsure_tries",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="tries of which nobody knows whether the relay took over"
            ),
        ),
    ]
