from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0013_no_other_line_ends")]

    operations = [
        migrations.AddField(
            model_name="outboundrecipient",
            name="unsure_tries",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="tries of which nobody knows whether the relay took over"
            ),
        ),
        migrations.AlterField(
            model_name="outboundrecipient",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("sent", "Sent"),
                    ("delayed", "Delayed"),
                    ("bounced", "Bounced"),
                    ("failed", "Not delivered"),
                    ("unsure", "May have arrived"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
    ]
