"""The two locks that keep organizations apart, each tested with the other one out of the way."""

import threading

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, transaction

from conversations.models import Conversation, Message
from inboxes.models import Inbox, ServiceAddress
from organizations import scope
from organizations.models import Event, Membership, Organization
from organizations.tenancy import OrganizationManager
from tests.support.builders import received, town

pytestmark = pytest.mark.django_db

TENANT_MODELS = [
    model for model in apps.get_models() if any(field.name == "organization" for field in model._meta.local_fields)
]


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def visible(model: type) -> int:
    """Rows that row-level security lets through, with no help from a manager."""
    return rows(f'SELECT count(*) FROM "{model._meta.db_table}"')[0][0]


@pytest.fixture
def two_towns():
    first, second = town("Lillestad", "jobb@lillestad.se"), town("Storstad", "jobb@storstad.se")
    for place in (first, second):
        with scope.organization(place.organization):
            received(place.inbox)
    return first, second


# --- the catalogue ---------------------------------------------------------------------------------------------------


def test_the_application_role_cannot_step_over_row_level_security():
    assert rows("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_every_table_with_an_organization_has_forced_row_level_security_and_the_tenant_policy():
    unprotected = rows(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT (
            c.relrowsecurity AND c.relforcerowsecurity
            AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant' AND p.polcmd = '*')
        )
        """
    )
    assert unprotected == []
    assert len(TENANT_MODELS) >= 18


def test_policies_are_the_known_ones_only():
    known = {"tenant", "queue", "person"}
    assert {name for (name,) in rows("SELECT DISTINCT polname FROM pg_policy")} == known
    organization_column = "organization_id"
    for table, name, expression in rows(
        "SELECT polrelid::regclass::text, polname, pg_get_expr(polqual, polrelid) FROM pg_policy"
    ):
        if name == "tenant" and table != "organizations_organization":
            assert organization_column in expression, table


def test_every_foreign_key_between_tenant_tables_is_composite():
    tenant_tables = {model._meta.db_table for model in TENANT_MODELS}
    plain = [
        (table, name)
        for table, name, target, columns in rows(
            """SELECT conrelid::regclass::text, conname, confrelid::regclass::text, cardinality(conkey)
               FROM pg_constraint WHERE contype = 'f'"""
        )
        if table in tenant_tables and target in tenant_tables and columns < 2
    ]
    assert plain == []


def test_every_tenant_reference_of_a_model_has_its_composite_constraint():
    constraints = {name for (name,) in rows("SELECT conname FROM pg_constraint WHERE contype = 'f'")}
    missing = [
        f"{model.__name__}.{field.name}"
        for model in TENANT_MODELS
        for field in model._meta.local_fields
        if field.is_relation
        and field.related_model in TENANT_MODELS
        and f"{model._meta.db_table}_{field.column}_tenant" not in constraints
    ]
    assert missing == []


def test_no_view_or_definer_function_reaches_around_the_policies():
    in_public = "relnamespace = 'public'::regnamespace"
    asks_as_its_owner = "NOT coalesce(reloptions @> '{security_invoker=true}', false)"
    assert rows(f"SELECT relname FROM pg_class WHERE relkind = 'v' AND {in_public} AND {asks_as_its_owner}") == []
    assert rows(f"SELECT relname FROM pg_class WHERE relkind = 'm' AND {in_public}") == []
    assert rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace") == []


def test_every_tenant_model_has_a_scoped_manager():
    assert [m.__name__ for m in TENANT_MODELS if not isinstance(m._default_manager, OrganizationManager)] == []
    assert [m.__name__ for m in TENANT_MODELS if not isinstance(m._base_manager, OrganizationManager)] == []


# --- lock one: managers ----------------------------------------------------------------------------------------------


def test_an_unscoped_query_raises(two_towns):
    for model in TENANT_MODELS:
        with pytest.raises(scope.NoOrganization):
            list(model.objects.all())


def test_an_unscoped_query_raises_in_a_thread_of_a_scope(two_towns):
    seen: list[object] = []

    def look() -> None:
        try:
            seen.append(list(Conversation.objects.all()))
        except scope.NoOrganization as error:
            seen.append(error)

    with scope.organization(two_towns[0].organization):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert isinstance(seen[0], scope.NoOrganization)


def test_a_second_organization_cannot_be_opened_inside_the_first(two_towns):
    with scope.organization(two_towns[0].organization), pytest.raises(scope.OrganizationSwitch):
        scope.organization(two_towns[1].organization).__enter__()


# --- lock two: row-level security --------------------------------------------------------------------------------------


def test_without_a_scope_the_database_shows_nothing(two_towns):
    assert {model.__name__: visible(model) for model in TENANT_MODELS} == {model.__name__: 0 for model in TENANT_MODELS}
    assert visible(Organization) == 0


def test_inside_a_scope_the_database_shows_only_that_organization(two_towns):
    for place in two_towns:
        with scope.organization(place.organization):
            assert visible(Inbox) == visible(Conversation) == visible(Message) == 1
            assert rows("SELECT DISTINCT organization_id FROM inboxes_inbox") == [(place.organization.pk,)]


def test_after_a_scope_nothing_is_left_open(two_towns):
    with scope.organization(two_towns[0].organization):
        pass
    assert visible(Conversation) == 0


def test_after_an_error_in_a_scope_nothing_is_left_open(two_towns):
    with pytest.raises(ZeroDivisionError), scope.organization(two_towns[0].organization):
        raise ZeroDivisionError
    assert visible(Conversation) == 0


def test_a_row_cannot_be_written_for_another_organization(two_towns):
    first, second = two_towns
    with (
        scope.organization(first.organization),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Inbox.objects.create(organization=second.organization, name="Stolen", address="x@storstad.se")


def test_another_organizations_row_cannot_be_referenced(two_towns):
    first, second = two_towns
    with scope.organization(first.organization), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            ServiceAddress.objects.create(inbox_id=second.inbox.pk, local_key="stolen.key", is_primary=False)


def test_another_organizations_rows_cannot_be_changed_or_deleted(two_towns):
    first, second = two_towns
    with scope.organization(first.organization), connection.cursor() as cursor:
        cursor.execute("UPDATE inboxes_inbox SET name = 'x' WHERE id = %s", [second.inbox.pk])
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM conversations_message WHERE organization_id = %s", [second.organization.pk])
        assert cursor.rowcount == 0


def test_the_queue_scope_shows_queue_tables_and_nothing_else(two_towns):
    with scope.queue():
        assert ServiceAddress.queue.count() == 2
        assert visible(Inbox) == visible(Conversation) == visible(Message) == visible(Organization) == 0


def test_a_person_sees_only_their_own_memberships(two_towns):
    first, _second = two_towns
    with scope.person(first.agent.pk):
        assert list(Membership.of_person.values_list("user_id", flat=True)) == [first.agent.pk]
        assert visible(Organization) == 1
        assert visible(Inbox) == 0


def test_events_can_only_be_added(two_towns):
    with scope.organization(two_towns[0].organization):
        assert Event.objects.count() > 0
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            Event.objects.update(kind="rewritten")
        with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM organizations_event")


def test_every_reference_that_asks_for_an_index_has_one():
    indexed = {
        (table, column)
        for table, column in rows(
            """SELECT i.indrelid::regclass::text, a.attname FROM pg_index i
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"""
        )
    }
    missing = [
        f"{model.__name__}.{field.name}"
        for model in TENANT_MODELS
        for field in model._meta.local_fields
        if field.is_relation and field.db_index and (model._meta.db_table, field.column) not in indexed
    ]
    assert missing == []
