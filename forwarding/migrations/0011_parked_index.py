"""Parked mail is few and asked for often: the ledger page tells how much there is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("forwarding", "0010_refusal")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "parked")), fields=["organization"], name="delivery_parked"
            ),
        ),
    ]
