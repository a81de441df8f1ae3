
import django.db.models.deletion
from django.db import migrations

import organizations.tenancy


class Migration(migrations.Migration):

    dependencies = [
        ('inboxes', '0006_opening_hours'),
    ]

    operations = [
        migrations.AlterField(
            model_name='serviceaddress',
            name='inbox',
            field=organizations.tenancy.TenantForeignKey(db_index=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='service_addresses', to='inboxes.inbox'),
        ),
    ]
