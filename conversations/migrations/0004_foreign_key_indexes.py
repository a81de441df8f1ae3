
import django.db.models.deletion
from django.db import migrations

import organizations.tenancy


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0003_threading_and_storms'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attachment',
            name='blob',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.blob'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='message',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='conversations.message'),
        ),
        migrations.AlterField(
            model_name='conversation',
            name='contact',
            field=organizations.tenancy.TenantForeignKey(db_index=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='conversations', to='conversations.contact'),
        ),
        migrations.AlterField(
            model_name='draft',
            name='conversation',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='conversations.conversation'),
        ),
    ]
