"""Row-level security on inboxes and their service addresses."""

from django.db import migrations

from organizations.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [("inboxes", "0001_initial"), ("organizations", "0002_row_level_security")]

    operations = [
        ProtectTable("Inbox"),
        ProtectTable("ServiceAddress", queue=True),
    ]
