"""Migration operations that put a tenant table behind row-level security (PostgreSQL: CREATE POLICY)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.migrations.operations.base import Operation

CURRENT_ORGANIZATION = "NULLIF(current_setting('app.organization_id', true), '')::bigint"
CURRENT_PERSON = "NULLIF(current_setting('app.user_id', true), '')::bigint"
IN_QUEUE = "current_setting('app.queue', true) = 'on'"


class ProtectTable(Operation):
    """Enable and force row-level security on a tenant model's table and make its tenant foreign keys composite.

    `queue=True` also lets `scope.queue()` see and claim the rows of all organizations.
    """

    reversible = True

    def __init__(self, name: str, queue: bool = False) -> None:
        self.name = name
        self.queue = queue

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing to do: the model's state is unchanged."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        schema_editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_tenant" UNIQUE (organization_id, id)')
        schema_editor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        # (SELECT …) makes the planner evaluate the setting once per statement instead of once per row.
        own = f"organization_id = (SELECT {CURRENT_ORGANIZATION})"
        schema_editor.execute(f'CREATE POLICY tenant ON "{table}" USING ({own}) WITH CHECK ({own})')
        if self.queue:
            schema_editor.execute(f'CREATE POLICY queue ON "{table}" USING ({IN_QUEUE}) WITH CHECK ({IN_QUEUE})')
        for field in model._meta.local_fields:
            if _is_tenant_reference(field):
                schema_editor.execute(composite_foreign_key(table, field))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        for field in model._meta.local_fields:
            if _is_tenant_reference(field):
                schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_{field.column}_tenant"')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'DROP POLICY tenant ON "{table}"')
        if self.queue:
            schema_editor.execute(f'DROP POLICY queue ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_tenant"')

    def describe(self) -> str:
        return f"Protect {self.name} with row-level security"


def composite_foreign_key(table: str, field: models.Field[Any, Any]) -> str:
    """SQL of (organization_id, x_id) → (organization_id, id); deferred, as Django's own foreign keys are."""
    target = field.related_model._meta.db_table  # type: ignore[union-attr]  # only relations get here
    return (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.column}_tenant" FOREIGN KEY (organization_id, "{field.column}") '
        f'REFERENCES "{target}" (organization_id, id) DEFERRABLE INITIALLY DEFERRED'
    )


def _is_tenant_reference(field: models.Field[Any, Any]) -> bool:
    return (
        isinstance(field, models.ForeignKey)
        and field.name != "organization"
        and any(other.name == "organization" for other in field.related_model._meta.local_fields)
    )
