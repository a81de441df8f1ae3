"""A view through which COPY fills forwarding_rawmail: COPY does not write to a table under row-level security.

Both the view and its trigger work with the rights of whoever writes, so the policies of the table still decide.
"""

from django.db import migrations

CREATE = """
CREATE VIEW forwarding_arrival WITH (security_invoker = true) AS
    SELECT id, organization_id, sha256, size, received_at, content FROM forwarding_rawmail;
CREATE FUNCTION forwarding_arrival_insert() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO forwarding_rawmail (id, organization_id, sha256, size, received_at, content)
    VALUES (NEW.id, NEW.organization_id, NEW.sha256, NEW.size, NEW.received_at, NEW.content);
    RETURN NEW;
END
$$;
CREATE TRIGGER forwarding_arrival_insert INSTEAD OF INSERT ON forwarding_arrival
    FOR EACH ROW EXECUTE FUNCTION forwarding_arrival_insert();
"""
DROP = "DROP VIEW forwarding_arrival; DROP FUNCTION forwarding_arrival_insert();"


class Migration(migrations.Migration):
    dependencies = [("forwarding", "0002_row_level_security")]

    operations = [migrations.RunSQL(CREATE, DROP)]
