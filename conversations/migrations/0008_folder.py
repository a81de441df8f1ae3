from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0007_untold_failure")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="folder",
            field=models.CharField(
                blank=True,
                choices=[("autoreplies", "Automatic reply"), ("bounces", "Bounce"), ("spam", "Spam")],
                db_default="",
                default="",
                help_text="kept apart as what",
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("folder", ""), _negated=True),
                fields=["organization", "folder", "-last_activity_at", "-id"],
                name="conversation_folder",
            ),
        ),
    ]
