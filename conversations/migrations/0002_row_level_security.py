"""Row-level security on the agents' work."""

from django.db import migrations

from organizations.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0001_initial"),
        ("organizations", "0002_row_level_security"),
        ("inboxes", "0002_row_level_security"),
        ("whitelabel", "0002_row_level_security"),
    ]

    operations = [
        ProtectTable("Contact"),
        ProtectTable("Conversation"),
        ProtectTable("Message"),
        ProtectTable("Blob"),
        ProtectTable("Attachment"),
        ProtectTable("Draft"),
    ]
