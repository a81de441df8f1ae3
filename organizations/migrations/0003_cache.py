"""The table of Django's cache: what all web processes count together, such as failed log-ins. Nothing of a tenant."""

from django.db import migrations

CREATE = """
CREATE TABLE organizations_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX organizations_cache_expires ON organizations_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0002_row_level_security")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE organizations_cache")]
