"""The authors of each organization's mail are proved in turn: what waits for that is found by organization."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("forwarding", "0014_stands_alone")]

    operations = [
        migrations.RemoveIndex(model_name="delivery", name="delivery_unverified"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("verify_at__isnull", False)),
                fields=["organization", "verify_at", "id"],
                name="delivery_unproved",
            ),
        ),
    ]
