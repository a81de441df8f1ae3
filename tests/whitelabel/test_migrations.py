"""Migrations that change rows, on a database that has rows of several organizations behind row-level security."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

OLD = "migrating"
NAMES = {"Lillestad": ("lillestad.se", "hr.lillestad.se"), "Grannby": ("grannby.co.uk",)}


@pytest.fixture
def empty() -> Iterator[str]:
    """The alias of an empty database beside that of the tests."""
    name = f"{OLD}_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    connections.databases[OLD] = {**connections.databases["default"], "NAME": name}
    connections[OLD].connect()  # directly: Django's tests open no connection to a database they did not make themselves
    yield OLD
    connections[OLD].close()
    del connections[OLD]
    del connections.databases[OLD]
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')


def migrated(alias: str, name: str) -> Any:
    """Migrate whitelabel to that migration, and give the models as they were then."""
    executor = MigrationExecutor(connections[alias])
    target = [("whitelabel", name)]
    executor.migrate(target)
    return MigrationExecutor(connections[alias]).loader.project_state(target).apps


def seeing_all(alias: str, apps: Any) -> list[Any]:
    """The claims of every organization, by domain."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT set_config('app.queue', 'on', true)")
        return list(apps.get_model("whitelabel", "SenderDomain")._base_manager.using(alias).order_by("domain"))


def with_claims(alias: str, apps: Any) -> None:
    """Two organizations with their claims, written as each of them would."""
    organizations = apps.get_model("organizations", "Organization")._base_manager.using(alias)
    claims = apps.get_model("whitelabel", "SenderDomain")._base_manager.using(alias)
    for number, (name, domains) in enumerate(NAMES.items(), 1):
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SELECT set_config('app.organization_id', %s, true)", [str(number)])
            organizations.create(pk=number, name=name, slug=name.lower())
            for domain in domains:
                claims.create(organization_id=number, domain=domain, label="mgeu", token="t" * 26)


def test_claims_of_all_organizations_get_their_registered_domain_and_keep_their_label(empty: str) -> None:
    before = migrated(empty, "0005_service_mail")
    with_claims(empty, before)

    between = seeing_all(empty, migrated(empty, "0006_rounds_and_limits"))
    assert [(row.domain, row.registrable) for row in between] == [
        ("grannby.co.uk", "grannby.co.uk"),
        ("hr.lillestad.se", "lillestad.se"),
        ("lillestad.se", "lillestad.se"),
    ]
    assert [row.former_tokens for row in between] == [[]] * 3

    after = seeing_all(empty, migrated(empty, "0007_shared_domains"))
    assert [row.label_finding["code"] for row in after] == ["free"] * 3
    assert all(row.label_frozen_at for row in after)


def test_the_migrations_leave_the_queue_closed_and_the_rows_apart(empty: str) -> None:
    with_claims(empty, migrated(empty, "0005_service_mail"))
    latest = migrated(empty, "0011_unclear_and_mail_hosts")
    claims = latest.get_model("whitelabel", "SenderDomain")._base_manager.using(empty)

    assert claims.count() == 0  # nobody's scope is open
    assert [(row.mail_hosts, row.unclear_since) for row in seeing_all(empty, latest)] == [([], None)] * 3


def test_the_migrations_of_rows_can_be_taken_back(empty: str) -> None:
    with_claims(empty, migrated(empty, "0007_shared_domains"))

    assert [row.domain for row in seeing_all(empty, migrated(empty, "0005_service_mail"))] == sorted(
        domain for domains in NAMES.values() for domain in domains
    )
