
import django.db.models.deletion
from django.db import migrations

import organizations.tenancy


class Migration(migrations.Migration):

    dependencies = [
        ('whitelabel', '0009_recipients_of_mail'),
    ]

    operations = [
        migrations.AlterField(
            model_name='dkimkey',
            name='sender_domain',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='whitelabel.senderdomain'),
        ),
        migrations.AlterField(
            model_name='domainapproval',
            name='sender_domain',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='whitelabel.senderdomain'),
        ),
        migrations.AlterField(
            model_name='recordslink',
            name='sender_domain',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='links', to='whitelabel.senderdomain'),
        ),
        migrations.AlterField(
            model_name='senderaddress',
            name='sender_domain',
            field=organizations.tenancy.TenantForeignKey(db_index=True, on_delete=django.db.models.deletion.CASCADE, related_name='addresses', to='whitelabel.senderdomain'),
        ),
    ]
