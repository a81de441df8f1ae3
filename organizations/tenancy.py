"""What every tenant table shares: the organization it belongs to and a manager that never looks beyond it."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models

from organizations import scope

M = TypeVar("M", bound=models.Model)


class OrganizationManager(models.Manager[M]):
    """Rows of the open scope's organization. Raises scope.NoOrganization outside of a scope."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(organization_id=scope.current_id())


class QueueManager(models.Manager[M]):
    """All rows that row-level security lets through: inside `scope.queue()` those of every organization."""


class OrganizationField(models.ForeignKey):
    """The organization a row belongs to, filled from the open scope. Migrations see an ordinary foreign key."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {
            "to": "organizations.Organization",
            "on_delete": models.CASCADE,
            "db_index": False,
            "related_name": "+",
        }
        super().__init__(**kwargs)

    def get_default(self) -> int:
        """The open scope's organization. Raises scope.NoOrganization outside of a scope."""
        return scope.current_id()

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs


class TenantModel(models.Model):
    """Base of every tenant table. A model with another manager names `objects = OrganizationManager()` before it.

    Foreign keys between tenant tables are `TenantForeignKey`; the migration that creates the table ends with
    `organizations.rls.ProtectTable`, which adds the policies and the composite foreign keys.
    """

    organization = OrganizationField()

    objects = OrganizationManager()

    class Meta:
        abstract = True
        # Related objects and saves go through the scoped manager too.
        base_manager_name = "objects"


class TenantForeignKey(models.ForeignKey):
    """A foreign key inside one organization.

    The database constraint is (organization_id, x_id) → (organization_id, id), added by `ProtectTable`: a plain one
    would accept the key of another organization's row, because constraint checks bypass row-level security.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        # An index is the default of an ordinary foreign key, but not of this one.
        if self.db_index:  # type: ignore[attr-defined]  # the stubs leave it out
            kwargs["db_index"] = True
        else:
            kwargs.pop("db_index", None)
        return name, path, args, kwargs


class TenantOneToOneField(models.OneToOneField):
    """`TenantForeignKey` with at most one row on this side."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs
