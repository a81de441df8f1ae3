"""Tells the SMTP processes when a service address changes, so that they may remember the others."""

from django.db import migrations

CREATE = """
CREATE FUNCTION forwarding_address_changed() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM pg_notify('addresses', '{}');
    RETURN NULL;
END
$$;
CREATE TRIGGER forwarding_address_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON inboxes_serviceaddress
    FOR EACH STATEMENT EXECUTE FUNCTION forwarding_address_changed();
"""
DROP = """
DROP TRIGGER forwarding_address_changed ON inboxes_serviceaddress;
DROP FUNCTION forwarding_address_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("forwarding", "0003_arrival"), ("inboxes", "0002_row_level_security")]

    operations = [migrations.RunSQL(CREATE, DROP)]
