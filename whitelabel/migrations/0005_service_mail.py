from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("whitelabel", "0004_activation_request"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient", models.CharField(max_length=320)),
                ("content", models.BinaryField(help_text="RFC 5322 octets, CRLF, signed where the service has a key")),
                ("next_attempt_at", models.DateTimeField(auto_now_add=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_reply", models.CharField(blank=True, max_length=1000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [models.Index(fields=["next_attempt_at"], name="servicemail_due")],
            },
        ),
    ]
