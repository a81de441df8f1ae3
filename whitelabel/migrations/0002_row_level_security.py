"""Row-level security on sender domains, their keys and the outbox."""

from django.db import migrations

from organizations.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0001_initial"), ("organizations", "0002_row_level_security")]

    operations = [
        ProtectTable("SenderDomain", queue=True),
        ProtectTable("DkimKey"),
        ProtectTable("RecordsLink", queue=True),
        ProtectTable("SenderAddress"),
        ProtectTable("OutboundMail", queue=True),
        ProtectTable("OutboundRecipient", queue=True),
    ]
