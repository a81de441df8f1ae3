"""What Postfix's log proves: that its queue manager has the mail. A refusal names the same envelope sender."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from organizations import scope
from tests.support import builders
from tests.support.outgoing import age, fate, queued
from tests.support.relay import fake_relay
from whitelabel import outbox_queue, postfix_log
from whitelabel.delivery import Courier

SENDER, RECIPIENT = "b.abc@mail.kundo.se", "barry@example.org"
TAKEN = f"postfix/qmgr[77]: 4Y1: from=<{SENDER}>, size=800, nrcpt=1 (queue active)\n"
ENVELOPE = f"from=<{SENDER}> to=<{RECIPIENT}> proto=ESMTP helo=<mail.kundo.se>"
REFUSALS = (
    f"postfix/smtpd[7]: NOQUEUE: reject: RCPT from web[10.0.0.2]: 450 4.7.1 <{RECIPIENT}>: try later; {ENVELOPE}\n",
    f"postfix/smtpd[7]: NOQUEUE: milter-reject: RCPT from web[10.0.0.2]: 451 4.7.1 try later; {ENVELOPE}\n",
    f"postfix/cleanup[8]: 4Y1: milter-reject: END-OF-MESSAGE from web[10.0.0.2]: 4.7.1 try later; {ENVELOPE}\n",
    f"postfix/cleanup[8]: 4Y1: reject: header Subject: x from web[10.0.0.2]; {ENVELOPE}: 5.7.1 no\n",
)


@pytest.fixture
def log(tmp_path: Path, settings) -> Path:
    """Where the log is looked for; not yet there."""
    settings.RELAY_LOG_FILE = str(tmp_path / "mail.log")
    return tmp_path / "mail.log"


def has(sender: str = SENDER) -> bool | None:
    return postfix_log.accepted(sender, RECIPIENT, "")


def test_it_tells_what_was_taken_over(log: Path) -> None:
    assert has() is None
    log.write_text("")
    assert has() is False
    log.write_text(TAKEN)
    assert has() is True
    assert has("b.ab@mail.kundo.se") is False


def test_the_log_before_the_last_rotation_is_read_too(log: Path) -> None:
    log.with_name("mail.log.1").write_text(TAKEN)
    log.write_text("postfix/qmgr[77]: 4Y2: from=<x@y.se>, size=800, nrcpt=1 (queue active)\n")
    assert has() is True


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_mail_that_was_refused_was_not_taken_over(log: Path, refusal: str) -> None:
    log.write_text(refusal)
    assert has() is False
    log.write_text(refusal + TAKEN)
    assert has() is True


@pytest.mark.django_db
@pytest.mark.parametrize("stage", ["rcpt", "dot"])
def test_a_mail_put_off_before_its_worker_died_leaves_after_all(log: Path, settings, stage: str) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        mail = queued(town.inbox)
    with fake_relay() as relay:
        relay.log = log
        log.touch()
        courier = Courier(relay.client(), question=postfix_log.accepted)
        relay.answer = lambda at, line: b"450 4.7.1 try later" if at == stage else None
        assert courier.step() == 1
        assert "reject" in log.read_text()
        age(mail, timedelta(minutes=2))
        assert len(outbox_queue.claim(10)) == 1  # by a worker that is killed now
        age(mail, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
        relay.answer = lambda at, line: None
        assert courier.step() == 1
        courier.close()
    assert len(relay.taken) == 1
    assert fate(town.organization, mail)[0] == "sent"
