
import django.db.models.deletion
from django.db import migrations

import organizations.tenancy


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_foreign_key_indexes'),
        ('forwarding', '0011_parked_index'),
    ]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='message',
            field=organizations.tenancy.TenantForeignKey(db_index=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='conversations.message'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='raw',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='forwarding.rawmail'),
        ),
    ]
