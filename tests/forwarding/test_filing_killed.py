"""A filing worker killed before any one of its statements: what it had begun is filed by the next one, whole and once.

The kills at random moments, of all processes and under load, are in test_kill.py; here no moment is left out.
"""

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

from conversations.models import Attachment
from forwarding.models import Delivery
from organizations import scope
from tests.support.builders import Town
from tests.support.mails import Pipeline, conversations, deliveries, mail, messages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]

CHECKOUT = Path(__file__).resolve().parents[2]
JOBB = "jobb.lillestad.se@mail.kundo.se"
MOST_STATEMENTS = 200
PDF = (
    "MIME-Version: 1.0\r\nContent-Type: application/pdf; name=cv.pdf\r\nContent-Disposition: attachment; filename=cv.pdf\r\n"
    "From: barry@example{0}.org\r\nSubject: Mitt CV\r\nMessage-ID: <cv.{0}@example.org>\r\n\r\n%PDF {0}\r\n"
)


def mails(round_number: int) -> list[bytes]:
    """A mail, its answer, the mail once more, and a file; each round is of another person, or they were a storm."""
    sender, subject = f"barry@example{round_number}.org", f"Runda {round_number}"
    first = mail(subject, sender=sender, message_id=f"a.{round_number}@example.org")
    answer = mail(f"Re: {subject}", "Tack!\n", sender=sender, In_Reply_To=f"<a.{round_number}@example.org>")
    return [first, answer, first, PDF.format(round_number).encode()]


def killed_before(statement: int) -> bool:
    """Run a worker that dies before a statement; False when it had fewer."""
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {**os.environ, "DATABASE_URL": address.geturl()}
    command = [sys.executable, "-m", "tests.support.dying_worker", "filing", str(statement)]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def end_leases(of: Town) -> None:
    with scope.organization(of.organization):
        waiting = Delivery.objects.filter(state="accepted")
        waiting.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_no_moment_of_a_workers_death_loses_or_doubles_mail(post: Pipeline, lillestad: Town) -> None:
    deaths = 0
    for statement in range(1, MOST_STATEMENTS):
        for raw in mails(statement):
            post.send(raw, JOBB)
        if not killed_before(statement):
            break
        deaths += 1
        end_leases(lillestad)
        post.file()
        filed = messages(lillestad.inbox, subject__contains=f"Runda {statement}")
        assert [(m.subject, m.conversation.message_count) for m in filed] == [
            (f"Runda {statement}", 2),
            (f"Re: Runda {statement}", 2),
        ]
    rounds = deaths + 1
    assert deaths > 20, "the worker is expected to need more statements"
    assert [d.state for d in deliveries(lillestad.inbox)].count("filed") == 3 * rounds
    assert [d.state for d in deliveries(lillestad.inbox)].count("duplicate") == rounds
    assert sorted(c.number for c in conversations(lillestad)) == list(range(1, 2 * rounds + 1))
    with scope.organization(lillestad.organization):
        assert Attachment.objects.count() == rounds
    print(f"killed at each of {deaths} statements")
