"""The lock on senders reads a head as every receiver does, and mail from the service itself is locked too."""

from typing import Any

from django.db import migrations

from whitelabel.sender_lock import write_settings

FROM_OF = r"""
CREATE OR REPLACE FUNCTION whitelabel_from_of(content bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
-- The address in the one From field of a mail, or NULL: no From, several, several addresses in it, no end of headers, or
-- a CR or LF by itself in them, which some receivers take for the end of a line.
DECLARE
    size integer := position('\x0d0a0d0a'::bytea IN content);
    head text;
    froms text[];
    written text;
    address text;
BEGIN
    IF size = 0 THEN RETURN NULL; END IF;
    head := E'\r\n' || convert_from(substring(content FROM 1 FOR size - 1), 'LATIN1');
    IF replace(head, E'\r\n', '') ~ E'[\r\n]' THEN RETURN NULL; END IF;
    head := regexp_replace(head, E'\r\n[ \t]+', ' ', 'g');
    froms := ARRAY(SELECT m[1] FROM regexp_matches(head, E'\r\nfrom[ \t]*:([^\r\n]*)', 'gi') AS m);
    IF cardinality(froms) <> 1 THEN RETURN NULL; END IF;
    written := btrim(regexp_replace(froms[1], '"([^"\\]|\\.)*"', '', 'g'));
    address := COALESCE(substring(written FROM '^[^<>@,]*<([^<>,\s]+)>$'), substring(written FROM '^[^<>,\s]+$'));
    RETURN address;
END $$;
"""

SERVICE_MAIL = r"""
CREATE FUNCTION whitelabel_servicemail_own_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF lower(whitelabel_from_of(NEW.content)) IS DISTINCT FROM whitelabel_service_sender() THEN
        RAISE EXCEPTION 'the From is not the address of the service' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER own_sender BEFORE INSERT OR UPDATE OF content
    ON whitelabel_servicemail FOR EACH ROW EXECUTE FUNCTION whitelabel_servicemail_own_sender();
"""
NO_SERVICE_MAIL = """
DROP TRIGGER own_sender ON whitelabel_servicemail;
DROP FUNCTION whitelabel_servicemail_own_sender();
"""


def tell_the_settings(apps: Any, schema_editor: Any) -> None:
    write_settings(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("whitelabel", "0012_planned_mail")]

    operations = [
        migrations.RunSQL(FROM_OF, migrations.RunSQL.noop),
        migrations.RunPython(tell_the_settings, migrations.RunPython.noop),
        migrations.RunSQL(SERVICE_MAIL, NO_SERVICE_MAIL),
    ]
