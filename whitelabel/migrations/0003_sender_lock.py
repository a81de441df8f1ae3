"""The outbox takes turns between organizations, remembers what the relay took over, and refuses foreign senders."""

from typing import Any

from django.db import migrations, models

from whitelabel.sender_lock import write_settings

OWN_SENDER = r"""
CREATE FUNCTION whitelabel_from_of(content bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
-- The address in the one From field of a mail, or NULL: no From, several, several addresses in it, or no end of headers.
DECLARE
    size integer := position('\x0d0a0d0a'::bytea IN content);
    head text;
    froms text[];
    written text;
    address text;
BEGIN
    IF size = 0 THEN RETURN NULL; END IF;
    head := E'\r\n' || convert_from(substring(content FROM 1 FOR size), 'LATIN1');
    head := regexp_replace(head, E'\r\n[ \t]+', ' ', 'g');
    froms := ARRAY(SELECT m[1] FROM regexp_matches(head, E'\r\nfrom[ \t]*:([^\r\n]*)', 'gi') AS m);
    IF cardinality(froms) <> 1 THEN RETURN NULL; END IF;
    written := btrim(regexp_replace(froms[1], '"([^"\\]|\\.)*"', '', 'g'));
    address := COALESCE(substring(written FROM '^[^<>@,]*<([^<>,\s]+)>$'), substring(written FROM '^[^<>,\s]+$'));
    RETURN address;
END $$;

CREATE FUNCTION whitelabel_outboundmail_own_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'cancelled' AND length(NEW.content) = 0 THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.identity = OLD.identity AND NEW.from_address = OLD.from_address
        AND NEW.sender_address_id IS NOT DISTINCT FROM OLD.sender_address_id
        AND NEW.return_path_domain = OLD.return_path_domain AND NEW.content = OLD.content
        AND NEW.organization_id = OLD.organization_id
    THEN RETURN NEW; END IF;
    IF whitelabel_from_of(NEW.content) IS DISTINCT FROM NEW.from_address THEN
        RAISE EXCEPTION 'the From of the mail is not its sender address' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.identity = 'own' AND NOT EXISTS (
        SELECT 1 FROM whitelabel_senderaddress AS sender
        JOIN whitelabel_senderdomain AS claim
            ON claim.organization_id = sender.organization_id AND claim.id = sender.sender_domain_id
        WHERE sender.organization_id = NEW.organization_id AND sender.id = NEW.sender_address_id
            AND sender.address = NEW.from_address AND sender.activated_at IS NOT NULL
            AND NEW.return_path_domain IN (claim.label || '.' || claim.domain, whitelabel_mail_domain())
    ) THEN
        RAISE EXCEPTION 'the From is not an activated address of the organization' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER own_sender
    BEFORE INSERT OR UPDATE OF organization_id, identity, from_address, sender_address_id, return_path_domain, content
    ON whitelabel_outboundmail FOR EACH ROW EXECUTE FUNCTION whitelabel_outboundmail_own_sender();
"""

NO_OWN_SENDER = """
DROP TRIGGER own_sender ON whitelabel_outboundmail;
DROP FUNCTION whitelabel_outboundmail_own_sender();
DROP FUNCTION whitelabel_from_of(bytea);
"""


def create_mail_domain(apps: Any, schema_editor: Any) -> None:
    write_settings(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0002_row_level_security")]

    operations = [
        migrations.AddField(
            model_name="outboundrecipient",
            name="accepted_at",
            field=models.DateTimeField(null=True, help_text="the relay took over; never sent again"),
        ),
        migrations.AddIndex(
            model_name="outboundmail",
            index=models.Index(
                fields=["organization", "automatic", "next_attempt_at", "id"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="outbox_turns",
            ),
        ),
        migrations.RunPython(create_mail_domain, migrations.RunPython.noop),
        migrations.RunSQL(OWN_SENDER, NO_OWN_SENDER),
    ]
