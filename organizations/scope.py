"""The only doors to tenant rows.

Every tenant row carries `organization_id`. Two locks keep organizations apart, and neither relies on the other:

1. managers (`organizations.tenancy`) filter by the organization of the open scope and raise outside of it;
2. PostgreSQL row-level security compares `organization_id` with a setting of the current transaction.

A scope opens a transaction and sets that setting for its duration only, so nothing leaks to the next user of a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from organizations.models import Organization

# Gives what was set before, "" outside of every scope. OFFSET 0 has that read before the other is set.
_SET = """
    SELECT known.before, set_config(%(name)s, %(value)s, true)
    FROM (SELECT current_setting(%(name)s, true) AS before OFFSET 0) AS known
"""
_organization_id: ContextVar[int | None] = ContextVar("organization_id", default=None)


class NoOrganization(RuntimeError):
    """Tenant rows were asked for outside of an organization's scope."""


class OrganizationSwitch(RuntimeError):
    """A second organization's scope was opened inside the first one's transaction."""


def current_id() -> int:
    """The id of the open scope's organization. Raises NoOrganization outside."""
    organization_id = _organization_id.get()
    if organization_id is None:
        raise NoOrganization("tenant rows are only reachable inside organizations.scope.organization(…)")
    return organization_id


@contextmanager
def organization(organization: Organization | int) -> Iterator[int]:
    """Open one organization's rows in a transaction; yields its id.

    Opening the same organization again inside is allowed and changes nothing; another one raises OrganizationSwitch.
    """
    organization_id = organization if isinstance(organization, int) else organization.pk
    open_id = _organization_id.get()
    if open_id == organization_id and connection.in_atomic_block:
        yield organization_id
        return
    if open_id not in (None, organization_id):
        raise OrganizationSwitch(f"organization {open_id} is open; {organization_id} must wait for its own transaction")
    token = _organization_id.set(organization_id)
    try:
        with _settings_for_transaction("app.organization_id", str(organization_id)):
            yield organization_id
    finally:
        _organization_id.reset(token)


@contextmanager
def queue() -> Iterator[None]:
    """For workers and the SMTP server: a transaction that sees the queue tables of all organizations, nothing else.

    Queue tables are those protected with `queue=True` in their migration. Use the models' `queue` manager inside;
    the ordinary managers keep to the open organization.
    """
    with _settings_for_transaction("app.queue", "on"):
        yield


@contextmanager
def person(user_id: int) -> Iterator[None]:
    """A transaction that sees one user's memberships and their organizations, before an organization is chosen."""
    with _settings_for_transaction("app.user_id", str(user_id)):
        yield


@contextmanager
def _settings_for_transaction(name: str, value: str) -> Iterator[None]:
    """Set a transaction-local PostgreSQL setting (set_config(…, true)) inside an atomic block; it ends with the block."""
    within_another = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SET, {"name": name, "value": value})
        before = cursor.fetchone()[0] or ""
        yield
        # The end of the transaction ends it; but releasing a savepoint (tests, nested scopes) would keep it.
        if within_another:
            cursor.execute(_SET, {"name": name, "value": before})
