"""RCPT against the real table of service addresses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from forwarding.directory import ServiceDirectory
from forwarding.smtpd.envelope import Found, Refused, Resolution, TemporaryFailure
from inboxes.models import ServiceAddress
from organizations import scope
from tests.support.builders import Town, town
from tests.support.database import CUT_OFF
from tests.support.smtp_process import wait_until
from whitelabel.keys import token_keys
from whitelabel.tokens import TokenKeys, VerpToken, sign_verp

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "mail.kundo.se"
KEY = "jobb.lillestad.se"


@pytest.fixture
def directory() -> Iterator[ServiceDirectory]:
    directory = ServiceDirectory(
        mail_domain=OURS, operator_key=KEY, token_keys=token_keys(), suspension=timedelta(days=14)
    )
    yield directory
    directory.close()


@pytest.fixture
def lillestad() -> Town:
    return town()


def resolve(directory: ServiceDirectory, argument: str) -> Resolution:
    return asyncio.run(directory.resolve(argument, smtputf8=False))


def code(resolution: Resolution) -> str:
    assert isinstance(resolution, Refused)
    return resolution.reply.line[:9]


def set_state(of: Town, state: ServiceAddress.State, days_ago: int = 0) -> None:
    with scope.organization(of.organization):
        of.inbox.service_addresses.update(state=state, state_since=timezone.now() - timedelta(days=days_ago))


def test_active_key_leads_to_its_inbox(directory: ServiceDirectory, lillestad: Town) -> None:
    resolution = resolve(directory, f"{KEY.upper()}+Tag@{OURS}")
    assert isinstance(resolution, Found)
    found = resolution.recipient
    assert (found.organization_id, found.inbox_id) == (lillestad.organization.pk, lillestad.inbox.pk)
    assert (found.argument, found.address, found.tag) == (f"{KEY.upper()}+Tag@{OURS}", f"{KEY}@{OURS}", "Tag")


def test_unknown_key_is_refused(directory: ServiceDirectory, lillestad: Town) -> None:
    assert code(resolve(directory, f"info.lillestad.se@{OURS}")) == "550 5.1.1"


def test_retired_key_is_refused(directory: ServiceDirectory, lillestad: Town) -> None:
    set_state(lillestad, ServiceAddress.State.RETIRED)
    assert code(resolve(directory, f"{KEY}@{OURS}")) == "550 5.1.1"


@pytest.mark.parametrize(("days", "expected"), [(0, "450 4.2.1"), (13, "450 4.2.1"), (15, "550 5.1.1")])
def test_suspended_key_is_put_off_for_14_days(
    directory: ServiceDirectory, lillestad: Town, days: int, expected: str
) -> None:
    set_state(lillestad, ServiceAddress.State.SUSPENDED, days)
    assert code(resolve(directory, f"{KEY}@{OURS}")) == expected


@pytest.mark.parametrize("argument", ["postmaster", f"Postmaster@{OURS}", f"abuse@{OURS}", "ABUSE"])
def test_operator_addresses_lead_to_the_operators_inbox(
    directory: ServiceDirectory, lillestad: Town, argument: str
) -> None:
    resolution = resolve(directory, argument)
    assert isinstance(resolution, Found)
    assert resolution.recipient.inbox_id == lillestad.inbox.pk


def test_operator_without_an_inbox_is_put_off_and_never_refused(directory: ServiceDirectory) -> None:
    assert code(resolve(directory, "postmaster")) == "451 4.3.0"


@pytest.mark.parametrize("argument", ["a@evil.org", f"@{OURS}:a@evil.org", "a@[127.0.0.1]"])
def test_other_domains_are_not_relayed(directory: ServiceDirectory, argument: str) -> None:
    assert code(resolve(directory, argument)) == "550 5.7.1"


@pytest.mark.parametrize("domain", [OURS, "mgeu.lillestad.se"])
def test_genuine_return_path_leads_to_its_organization(
    directory: ServiceDirectory, lillestad: Town, domain: str
) -> None:
    token = VerpToken(lillestad.organization.pk, 7, 8)
    resolution = resolve(directory, f"{sign_verp(token_keys(), token).upper()}@{domain}")
    assert isinstance(resolution, Found)
    found = resolution.recipient
    assert (found.organization_id, found.inbox_id) == (lillestad.organization.pk, None)


def test_forged_return_path_is_refused(directory: ServiceDirectory, lillestad: Town) -> None:
    forged = sign_verp(TokenKeys(b"another secret of at least 32 octets"), VerpToken(lillestad.organization.pk, 7, 8))
    assert code(resolve(directory, f"{forged}@{OURS}")) == "550 5.1.1"
    assert code(resolve(directory, f"{forged}@mgeu.lillestad.se")) == "550 5.7.1"


def test_change_is_seen_although_the_address_was_just_used(directory: ServiceDirectory, lillestad: Town) -> None:
    for _ in range(3):
        assert isinstance(resolve(directory, f"{KEY}@{OURS}"), Found)
    set_state(lillestad, ServiceAddress.State.RETIRED)
    wait_until(lambda: isinstance(resolve(directory, f"{KEY}@{OURS}"), Refused), seconds=1)
    set_state(lillestad, ServiceAddress.State.ACTIVE)
    wait_until(lambda: isinstance(resolve(directory, f"{KEY}@{OURS}"), Found), seconds=1)


def test_new_address_is_found_at_once(directory: ServiceDirectory) -> None:
    assert code(resolve(directory, f"{KEY}@{OURS}")) == "550 5.1.1"
    town()
    assert isinstance(resolve(directory, f"{KEY}@{OURS}"), Found)


def test_used_address_costs_no_query(directory: ServiceDirectory, lillestad: Town) -> None:
    wait_until(lambda: is_remembered(directory), seconds=5)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inboxes_serviceaddress RENAME TO hidden")
        try:
            assert isinstance(resolve(directory, f"{KEY}@{OURS}"), Found)
        finally:
            cursor.execute("ALTER TABLE hidden RENAME TO inboxes_serviceaddress")


def is_remembered(directory: ServiceDirectory) -> bool:
    resolve(directory, f"{KEY}@{OURS}")
    return directory.remembers(KEY)


def test_many_lookups_at_once_are_answered_each(directory: ServiceDirectory, lillestad: Town) -> None:
    async def ask() -> list[Resolution]:
        keys = [KEY if number % 2 else f"x{number}.lillestad.se" for number in range(100)]
        return await asyncio.gather(*(directory.resolve(f"{key}@{OURS}", smtputf8=False) for key in keys))

    assert [isinstance(resolution, Found) for resolution in asyncio.run(ask())] == [False, True] * 50


def test_no_recipient_is_put_off_because_the_database_was_away_before(
    directory: ServiceDirectory, lillestad: Town
) -> None:
    resolve(directory, f"{KEY}@{OURS}")
    with connection.cursor() as cursor:
        cursor.execute(CUT_OFF)
    time.sleep(0.3)  # until the process notices that nobody tells it of changes any more
    assert isinstance(resolve(directory, f"{KEY}@{OURS}"), Found)


def test_lost_database_is_temporary_and_then_over(
    directory: ServiceDirectory, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        with pytest.raises(TemporaryFailure):
            resolve(directory, f"{KEY}@{OURS}")
    assert isinstance(resolve(directory, f"{KEY}@{OURS}"), Found)
