"""Lock two: row-level security on what says who belongs where, and an event log that can only grow."""

from django.db import migrations

from organizations.rls import CURRENT_ORGANIZATION, CURRENT_PERSON, ProtectTable

ORGANIZATION = f"""
ALTER TABLE organizations_organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations_organization FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations_organization
    USING (id = (SELECT {CURRENT_ORGANIZATION})) WITH CHECK (id = (SELECT {CURRENT_ORGANIZATION}));
CREATE POLICY person ON organizations_organization FOR SELECT USING (
    id IN (SELECT organization_id FROM organizations_membership WHERE user_id = (SELECT {CURRENT_PERSON}))
);
CREATE POLICY person ON organizations_membership FOR SELECT USING (user_id = (SELECT {CURRENT_PERSON}));
"""
NO_ORGANIZATION = """
DROP POLICY person ON organizations_membership;
DROP POLICY person ON organizations_organization;
DROP POLICY tenant ON organizations_organization;
ALTER TABLE organizations_organization NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organizations_organization DISABLE ROW LEVEL SECURITY;
"""
APPEND_ONLY = """
CREATE FUNCTION organizations_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON organizations_event
    FOR EACH ROW EXECUTE FUNCTION organizations_event_is_append_only();
"""
NOT_APPEND_ONLY = """
DROP TRIGGER append_only ON organizations_event;
DROP FUNCTION organizations_event_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial")]

    operations = [
        ProtectTable("Membership"),
        ProtectTable("Invitation", queue=True),
        ProtectTable("Event"),
        migrations.RunSQL(ORGANIZATION, NO_ORGANIZATION),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
    ]
