"""Row-level security on the spool; mail octets are stored as they are."""

from django.db import migrations

from organizations.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [
        ("forwarding", "0001_initial"),
        ("organizations", "0002_row_level_security"),
        ("conversations", "0002_row_level_security"),
    ]

    operations = [
        ProtectTable("RawMail", queue=True),
        ProtectTable("Delivery", queue=True),
        # pglz on mail octets costs more than it saves: most of a large mail is base64 of compressed files.
        migrations.RunSQL(
            "ALTER TABLE forwarding_rawmail ALTER COLUMN content SET STORAGE EXTERNAL", migrations.RunSQL.noop
        ),
    ]
