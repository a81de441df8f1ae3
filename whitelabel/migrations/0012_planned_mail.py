"""Planned mail gets its sender when it leaves, and workers see whether a sender's address is still in use."""

from django.db import migrations, models

SENDERS_IN_QUEUE = """
CREATE POLICY queue ON whitelabel_senderaddress FOR SELECT USING (current_setting('app.queue', true) = 'on')
"""
NO_SENDERS_IN_QUEUE = "DROP POLICY queue ON whitelabel_senderaddress"

# Half a minute is longer than the time to undo.
PLANNED_ALREADY = """
SELECT set_config('app.queue', 'on', true);
UPDATE whitelabel_outboundmail SET final = false
WHERE state = 'queued' AND attempts = 0 AND not_before > statement_timestamp() + interval '30 seconds';
SELECT set_config('app.queue', '', true);
"""


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0011_unclear_and_mail_hosts")]

    operations = [
        migrations.AddField(
            model_name="outboundmail",
            name="final",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="false: planned; Date, sender and signature are chosen when it leaves",
            ),
        ),
        migrations.RunSQL(SENDERS_IN_QUEUE, NO_SENDERS_IN_QUEUE),
        migrations.RunSQL(PLANNED_ALREADY, migrations.RunSQL.noop),
    ]
