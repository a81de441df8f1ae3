"""Mail of which nobody knows whether the relay has it, where nobody can be asked: so many copies and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from organizations import scope
from tests.support import builders
from tests.support.outgoing import age, fate, post
from tests.support.relay import HANG_UP, LATER, SILENCE, FakeRelay, Misbehaviour
from whitelabel import outbox_queue
from whitelabel.delivery import Courier, record_bounce
from whitelabel.models import OutboundMail, OutboundRecipient
from whitelabel.relay import Envelope, Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def relay(relay: FakeRelay, settings: Any) -> FakeRelay:
    """A relay that cannot be asked."""
    settings.RELAY_PAUSE_SECONDS = settings.RELAY_LONGEST_PAUSE_SECONDS = 0
    settings.RELAY_QUESTION = ""
    return relay


@pytest.fixture
def courier(relay: FakeRelay) -> Iterator[Courier]:
    courier = Courier(relay.client(timeout_seconds=0.2, dot_seconds=0.2))
    yield courier
    courier.close()


def days_pass(courier: Courier, mail: OutboundMail) -> None:
    """More than the five days a mail is tried."""
    for _ in range(24 * 5 + 10):
        courier.step()
        if not outbox_queue.waiting():
            return
        age(mail, timedelta(minutes=75))


def copies(relay: FakeRelay) -> Counter[str]:
    return Counter(taken.recipient for taken in relay.taken)


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE], ids=["hangs up", "silent"])
def test_a_relay_that_never_answers_to_the_dot_gets_a_mail_so_many_times(
    town, relay, courier, settings, fault: Misbehaviour
) -> None:
    relay.answer = lambda stage, line: fault if stage == "dot" else None
    mail = post(town)
    days_pass(courier, mail)
    assert len(relay.taken) == settings.OUTBOX_UNSURE_TRIES
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "unsure"})
    relay.answer = lambda stage, line: None
    age(mail, timedelta(days=1))
    courier.step()
    assert len(relay.taken) == settings.OUTBOX_UNSURE_TRIES


def test_a_relay_that_answers_in_time_after_all_has_sent_it(town, relay, courier) -> None:
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" and len(relay.taken) < 1 else None
    mail = post(town)
    days_pass(courier, mail)
    assert len(relay.taken) == 2
    assert fate(town.organization, mail) == ("sent", {"barry@example.org": "sent"})


def test_only_the_recipient_in_doubt_is_given_up(town, relay, courier, settings) -> None:
    busy = True

    def answer(stage: str, line: bytes) -> bytes | Misbehaviour | None:
        if stage == "rcpt" and b"slow@" in line and busy:
            return LATER
        return HANG_UP if stage == "dot" and line.startswith(b"lost@") else None

    relay.answer = answer
    mail = post(town, "lost@example.org", "slow@example.org", "barry@example.org")
    for _ in range(10):
        courier.step()
        age(mail, timedelta(minutes=75))
    state, recipients = fate(town.organization, mail)
    assert (state, recipients) == (
        "queued",
        {"lost@example.org": "unsure", "slow@example.org": "delayed", "barry@example.org": "sent"},
    )
    busy = False
    courier.step()
    assert copies(relay) == {
        "lost@example.org": settings.OUTBOX_UNSURE_TRIES,
        "slow@example.org": 1,
        "barry@example.org": 1,
    }
    assert fate(town.organization, mail)[1]["slow@example.org"] == "sent"


class _Killed(BaseException):
    """SIGKILL: nothing of the worker runs after it."""


def killed_at(relay: FakeRelay, stage: str) -> None:
    """A worker takes what is due and is killed when the first mail has come so far."""
    client = relay.client()
    send = client.send

    def die(*arguments: Any, **options: Any) -> Reply:
        if stage == "after the dot":
            send(*arguments, **options)
        raise _Killed

    client.send = die  # type: ignore[method-assign]
    with pytest.raises(_Killed):
        Courier(client).step()
    client.close()


def test_deaths_of_workers_count_as_tries_without_an_answer(town, relay, courier, settings) -> None:
    mail, behind = post(town), post(town, "behind@example.org")
    for number in range(settings.OUTBOX_UNSURE_TRIES):
        killed_at(relay, "after the dot" if number else "before MAIL")
        for each in (mail, behind):
            age(each, timedelta(seconds=settings.OUTBOX_LEASE_SECONDS + 1))
    assert courier.step() == 2
    assert copies(relay) == {"barry@example.org": settings.OUTBOX_UNSURE_TRIES - 1, "behind@example.org": 1}
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "unsure"})
    assert fate(town.organization, behind) == ("sent", {"behind@example.org": "sent"})


def unsure_tries(town: builders.Town, mail: OutboundMail) -> list[int]:
    with scope.organization(town.organization):
        return list(OutboundRecipient.objects.filter(mail=mail).values_list("unsure_tries", flat=True))


@pytest.mark.parametrize(
    ("stage", "answer"),
    [("connect", HANG_UP), ("mail", HANG_UP), ("rcpt", LATER), ("dot", LATER), ("dot", b"550 5.7.1 no"), ("", LATER)],
)
def test_a_try_that_was_answered_or_never_left_leaves_no_doubt(town, relay, courier, stage: str, answer: Any) -> None:
    relay.answer = lambda at, line: answer if at == stage else None
    mail = post(town, "barry@example.org", "anna@example.org")
    for _ in range(5):
        courier.step()
        age(mail, timedelta(minutes=75))
    assert unsure_tries(town, mail) == [0, 0]


def test_a_worker_that_gives_a_mail_back_has_not_tried_it(town, relay, courier, settings) -> None:
    mail = post(town)
    for _ in range(settings.OUTBOX_UNSURE_TRIES + 1):
        outbox_queue.release(outbox_queue.claim(10))
    courier.step()
    assert fate(town.organization, mail)[0] == "sent"


def test_a_mail_in_doubt_that_is_put_off_for_five_days_may_have_arrived(town, relay, courier) -> None:
    relay.answer = lambda stage, line: (LATER if relay.taken else HANG_UP) if stage == "dot" else None
    mail = post(town)
    days_pass(courier, mail)
    assert len(relay.taken) == 1
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "unsure"})


def test_a_mail_that_nobody_can_tell_of_for_five_days_may_have_arrived(town, relay) -> None:
    courier = Courier(relay.client(), question=lambda *which: None)
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    days_pass(courier, mail)
    courier.close()
    assert len(relay.taken) == 1
    assert fate(town.organization, mail) == ("failed", {"barry@example.org": "unsure"})


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("failed", "5.1.1", "bounced"), ("delivered", "2.0.0", "sent"), ("delayed", "4.4.1", "delayed")],
)
def test_a_report_ends_the_doubt(town, relay, courier, action: str, status: str, state: str) -> None:
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    days_pass(courier, mail)
    said = record_bounce(
        town.organization.pk, mail_id=mail.pk, address="barry@example.org", action=action, status=status
    )
    assert said is not None
    assert (said.state, said.status) == (state, status)


def test_a_relay_that_can_be_asked_is_tried_on_while_it_says_that_it_has_nothing(town, relay, settings) -> None:
    courier = Courier(relay.client(), question=relay.has)
    relay.answer = lambda stage, line: HANG_UP if stage == "dot" else None
    mail = post(town)
    for _ in range(2 * settings.OUTBOX_UNSURE_TRIES):
        assert courier.step() == 1
        assert len(relay.taken) == 1
        relay.taken.clear()  # it fell over before it had written the mail down
        age(mail, timedelta(minutes=75))
    relay.answer = lambda stage, line: None
    courier.step()
    courier.close()
    assert fate(town.organization, mail)[0] == "sent"


def test_while_the_relay_lets_one_mail_wait_its_lease_is_kept_and_the_others_are_given_back(
    town, relay, settings
) -> None:
    settings.OUTBOX_LEASE_SECONDS, settings.RELAY_SESSION_SECONDS, settings.RELAY_TIMEOUT_SECONDS = 3, 1, 1
    relay.answer = lambda stage, line: Misbehaviour("late", 1.5) if stage == "dot" and not relay.taken else None
    slow, other = post(town, "slow@example.org"), post(town)
    leases = []

    class Watched:
        """The client, which tells at every beat what is still claimed."""

        def __init__(self) -> None:
            self._client = relay.client(timeout_seconds=1, dot_seconds=5, beat_seconds=0.3)

        def send(self, *arguments: Any, waiting: Any, following: Envelope | None = None) -> Reply:
            def beat() -> None:
                waiting()
                with scope.queue():
                    held = OutboundMail.queue.filter(lease_until__isnull=False)
                    leases.append(dict(held.values_list("pk", "lease_until")))

            return self._client.send(*arguments, following=following, waiting=beat)

        def close(self) -> None:
            self._client.close()

    courier = Courier(Watched())  # type: ignore[arg-type]
    assert courier.step() == 1
    assert len(leases) >= 3
    assert all(set(held) == {slow.pk} for held in leases)
    assert leases[-1][slow.pk] > leases[0][slow.pk]
    assert fate(town.organization, slow)[0] == "sent"
    assert fate(town.organization, other)[0] == "queued"
    assert courier.step() == 1
    courier.close()
    assert copies(relay) == {"slow@example.org": 1, "barry@example.org": 1}
    assert unsure_tries(town, slow) == [0]


def test_a_lease_outlasts_every_silence_of_a_relay() -> None:
    silence = settings.RELAY_SESSION_SECONDS + 2 * settings.RELAY_TIMEOUT_SECONDS
    assert silence + 2 * settings.RELAY_BEAT_SECONDS <= settings.OUTBOX_LEASE_SECONDS
    assert settings.RELAY_DOT_SECONDS >= 600  # RFC 5321 4.5.3.2.6
