"""A delivering worker killed before any one of its statements, with a planned mail that has lost its sender in its hands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from conversations.models import Message
from organizations import scope
from tests.conversations.test_departures import OWN, SERVICE, plan, stop_using, stored, time_passes
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import activated
from tests.support.relay import FakeRelay, fake_relay
from whitelabel.delivery import Courier
from whitelabel.models import SenderAddress, SenderDomain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_STATEMENTS = 60
LEASE = timedelta(minutes=10)


def killed_before(statement: int, relay: FakeRelay) -> bool:
    """Run a worker that dies before a statement; False when it had fewer."""
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        **os.environ,
        "DATABASE_URL": address.geturl(),
        "RELAY_URL": f"smtp://127.0.0.1:{relay.port}",
        "RELAY_QUESTION": "whitelabel.postfix_log.accepted",
        "RELAY_LOG_FILE": str(relay.log),
    }
    command = [sys.executable, "-m", "tests.support.dying_worker", "delivering", str(statement)]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def planned_and_lost(town: Town) -> Message:
    """A due mail, planned when the town could still use its own address."""
    with scope.organization(town.organization):
        SenderAddress.objects.update(activated_at=timezone.now())
        SenderDomain.objects.update(state=SenderDomain.State.ACTIVE)
        message = plan(town, builders.received(town.inbox).conversation)
        stop_using(SenderDomain.objects.get(), town)
    time_passes(message)
    return message


def test_no_moment_of_a_workers_death_loses_a_planned_mail_or_sends_it_twice_or_under_a_lost_name(
    tmp_path: Path,
) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        activated(town.inbox)
    deaths, halfway = 0, set()
    with fake_relay() as relay:
        relay.log = tmp_path / "mail.log"
        relay.log.touch()
        for statement in range(1, MOST_STATEMENTS):
            message = planned_and_lost(town)
            dead = killed_before(statement, relay)
            left = stored(town, message)
            assert left.outbound is not None
            sender = SERVICE if left.outbound.final else OWN
            assert {left.from_address, left.outbound.from_address} == {sender}
            halfway.add((left.outbound.state, left.outbound.final))
            time_passes(message, LEASE)
            courier = Courier(relay.client(), question=relay.has)
            while courier.step():
                pass
            courier.close()
            [taken] = [each.content for each in relay.taken if message.message_id.encode() in each.content]
            assert f"<{SERVICE}>".encode() in taken.partition(b"\r\nReply-To:")[0]
            assert stored(town, message).outbound.state == "sent"
            deaths += dead
            if not dead:
                break
    assert not dead, "the worker needs more statements than are tried"
    assert halfway == {("queued", False), ("sending", False), ("sending", True), ("sent", True)}
    print(f"killed at each of {deaths} statements")
