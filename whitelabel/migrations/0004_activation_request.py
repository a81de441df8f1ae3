
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('whitelabel', '0003_sender_lock'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='senderaddress',
            name='failure',
            field=models.CharField(blank=True, help_text='why the last activation changed nothing', max_length=40),
        ),
        migrations.AddField(
            model_name='senderaddress',
            name='requested_at',
            field=models.DateTimeField(help_text='Activate was pressed; the next check that starts decides', null=True),
        ),
        migrations.AddField(
            model_name='senderaddress',
            name='requested_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='senderaddress',
            name='requested_seq',
            field=models.PositiveBigIntegerField(default=0, help_text="the claim's check_seq then; an older check decides nothing"),
        ),
        migrations.AlterField(
            model_name='senderaddress',
            name='evidence',
            field=models.JSONField(default=dict, help_text='what activation was based on: answers and the verified probe'),
        ),
    ]
