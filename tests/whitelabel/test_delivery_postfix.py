"""Through a real Postfix to the world: what arrives is what was written, and Postfix can be asked what it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import dkim
import pytest

from forwarding.reading import read_mail
from organizations import scope
from tests.support import builders
from tests.support.outgoing import activated, age, fate, publishing, queued, verdict, within
from tests.support.postfix import Postfix, missing, postfix
from tests.support.relay import FakeRelay, fake_relay
from whitelabel import outbox_queue, postfix_log
from whitelabel.delivery import Courier, _envelope
from whitelabel.mime import File
from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

TEXT = "Hej Åsa!\n\n.en punkt först\nFrom början\n" + "en lång rad " * 200 + "\n\n-- \nJobb"


@pytest.fixture
def world() -> Iterator[FakeRelay]:
    """Where Postfix delivers."""
    with fake_relay() as server:
        yield server


@pytest.fixture
def relay(world: FakeRelay, settings) -> Iterator[Postfix]:
    with postfix(world.port) as running:
        settings.RELAY_LOG_FILE = str(running.log)
        yield running


@pytest.fixture
def courier(relay: Postfix) -> Iterator[Courier]:
    courier = Courier(_client(relay), question=postfix_log.accepted)
    yield courier
    courier.close()


def _client(relay: Postfix) -> Relay:
    return Relay(RelayAddress("smtp", "127.0.0.1", relay.port, ehlo_name="mail.kundo.se", timeout_seconds=20))


def test_signature_text_and_files_survive_a_real_relay(world, courier) -> None:
    town = builders.town()
    files = (File("räksmörgås.pdf", "application/pdf", bytes(range(256)) * 40),)
    with scope.organization(town.organization):
        activated(town.inbox, [verdict("dkim-k1")])
        mail = queued(
            town.inbox, "barry@example.org", "asa@xn--rksmrgs-5wao1o.se", letter={"text": TEXT, "files": files}
        )
    assert courier.step() == 1
    within(20, lambda: len(world.taken) == 2)
    assert fate(town.organization, mail)[0] == "sent"
    for taken in world.taken:
        assert taken.envelope_sender.endswith("@mgeu.lillestad.se")
        assert dkim.verify(taken.content, dnsfunc=publishing("k1._domainkey.mgeu.lillestad.se"))
        assert taken.content.endswith(bytes(mail.content))
        read = read_mail(taken.content)
        assert read.text.rstrip() == "\n".join(line.rstrip() if line != "-- " else line for line in TEXT.split("\n"))
        assert [(a.name, a.content) for a in read.attachments] == [("räksmörgås.pdf", files[0].content)]


def test_postfix_is_asked_before_a_mail_is_sent_again(world, courier, relay, settings) -> None:
    town = builders.town()
    with scope.organization(town.organization):
        known, unknown = queued(town.inbox), queued(town.inbox)
    claims = {claim.mail_id: claim for claim in outbox_queue.claim(10)}
    # A worker that dies after Postfix took the first mail and before it took the second.
    claim = claims[known.pk]
    assert courier._hand_over(claim, _envelope(claim, claim.pending[0])).outcome == "accepted"
    within(20, lambda: "queue active" in relay.log.read_text())
    for mail in (known, unknown):
        age(mail, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
    assert courier.step() == 2
    within(20, lambda: len(world.taken) >= 2)
    time.sleep(0.5)
    assert len(world.taken) == 2
    assert fate(town.organization, known)[0] == fate(town.organization, unknown)[0] == "sent"


def test_a_mail_postfix_put_off_was_not_taken_over(world, settings) -> None:
    later = "inline:{{barry@example.org = 450 4.7.1 come back later}}"
    restriction = f"smtpd_recipient_restrictions = check_recipient_access {later}\n"
    with postfix(world.port, restriction) as relay:
        settings.RELAY_LOG_FILE = str(relay.log)
        town = builders.town()
        with scope.organization(town.organization):
            mail = queued(town.inbox)
        first, second = (Courier(_client(relay), question=postfix_log.accepted) for _ in range(2))
        assert first.step() == 1
        first.close()
        assert "NOQUEUE: reject" in relay.log.read_text()
        age(mail, timedelta(minutes=2))
        assert len(outbox_queue.claim(10)) == 1  # by a worker that is killed now
        with (relay.configuration / "main.cf").open("a") as main:
            main.write("smtpd_recipient_restrictions =\n")
        relay.reload()
        age(mail, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
        assert second.step() == 1
        second.close()
        within(20, lambda: len(world.taken) == 1)
    assert fate(town.organization, mail)[0] == "sent"


def test_a_rotated_log_loses_no_answer_and_anybody_may_read_it(world, relay) -> None:
    client = _client(relay)
    senders = [f"b.{number}@mail.kundo.se" for number in range(6)]
    for number, sender in enumerate(senders):
        assert client.send(sender, "barry@example.org", b"From: a@b.se\r\n\r\nHej\r\n").outcome == "accepted"
        if number == 2:
            relay.rotate()
            time.sleep(1)  # for Postfix to have opened the new one
    client.close()
    within(20, lambda: all(postfix_log.accepted(sender, "barry@example.org", "") for sender in senders))
    assert postfix_log.accepted("b.9@mail.kundo.se", "barry@example.org", "") is False
    before = relay.log.with_name(f"{relay.log.name}.1").read_text()
    assert senders[0] in before
    assert senders[5] in relay.log.read_text()
    assert senders[5] not in before
    assert relay.log.stat().st_mode & 0o777 == 0o644
