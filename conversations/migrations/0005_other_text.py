from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_foreign_key_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='other_text',
            field=models.TextField(blank=True, default='', help_text='an alternative that says something else; searched'),
        ),
    ]
