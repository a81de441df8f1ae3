"""Recipients are found by their mail, however many there have ever been."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0008_rotation")]

    operations = [
        migrations.AddIndex("outboundrecipient", models.Index(fields=["mail"], name="recipients_of_mail")),
    ]
