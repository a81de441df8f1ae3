"""Drafts keep their mode, subject and files, and can be put aside."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.tenancy
from organizations.rls import ProtectTable


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0010_conversation_index'),
        ('organizations', '0003_cache'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DraftFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('content_type', models.CharField(max_length=255)),
                ('size', models.PositiveIntegerField(help_text='octets')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.RemoveConstraint(
            model_name='draft',
            name='one_draft_per_person',
        ),
        migrations.AddField(
            model_name='draft',
            name='aside',
            field=models.BooleanField(db_default=False, help_text='not in the composer: another text is'),
        ),
        migrations.AddField(
            model_name='draft',
            name='include_history',
            field=models.BooleanField(db_default=True),
        ),
        migrations.AddField(
            model_name='draft',
            name='left_out',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], help_text="ids of a forwarded mail's files that are not to go along", size=None),
        ),
        migrations.AddField(
            model_name='draft',
            name='mode',
            field=models.CharField(db_default='reply', help_text='reply, reply_all, forward or note', max_length=10),
        ),
        migrations.AddField(
            model_name='draft',
            name='subject',
            field=models.CharField(blank=True, db_default='', help_text="as written; empty is the mail answered's", max_length=1000),
        ),
        migrations.AddConstraint(
            model_name='draft',
            constraint=models.UniqueConstraint(condition=models.Q(('aside', False)), fields=('organization', 'conversation', 'author', 'kind'), name='one_draft_per_person'),
        ),
        migrations.AddField(
            model_name='draftfile',
            name='blob',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.blob'),
        ),
        migrations.AddField(
            model_name='draftfile',
            name='draft',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='conversations.draft'),
        ),
        migrations.AddField(
            model_name='draftfile',
            name='organization',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='organizations.organization'),
        ),
        ProtectTable("DraftFile"),
    ]
