from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('whitelabel', '0010_foreign_key_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='senderdomain',
            name='mail_hosts',
            field=models.JSONField(default=list, help_text='MX of the domain itself, as last seen while it is in use'),
        ),
        migrations.AddField(
            model_name='senderdomain',
            name='unclear_since',
            field=models.DateTimeField(help_text='no clear answer about a record of a domain in use since', null=True),
        ),
        migrations.AlterField(
            model_name='senderdomain',
            name='bad_since',
            field=models.DateTimeField(help_text='a record is wrong, or was and is not trusted again yet', null=True),
        ),
    ]
