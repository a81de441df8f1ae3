"""Two filing workers at once: no conversation is opened twice, no mail is filed twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from conversations.timeline import Arrival
from forwarding import filing, queue
from forwarding.models import Delivery
from forwarding.queue import Claim
from forwarding.reading.child import Reader
from organizations import scope
from tests.support.builders import Town
from tests.support.mails import Pipeline, address_of, conversations, mail, states

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 10.0
HEAD_START_SECONDS = 0.7


class Meeting:
    """Stops the first worker when it has stored its mail and not committed yet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored = threading.Event()
        self.go_on = threading.Event()
        self._real = filing.timeline.receive_all
        monkeypatch.setattr(filing.timeline, "receive_all", self._receive_all)

    def _receive_all(self, arrivals: Sequence[Arrival]) -> None:
        self._real(arrivals)
        if not self.stored.is_set():
            self.stored.set()
            assert self.go_on.wait(PATIENCE_SECONDS)


def worker(claims: list[Claim], reader: Reader) -> threading.Thread:
    def run() -> None:
        try:
            filing.file_batch(claims, reader)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def file_at_once(post: Pipeline, of: Town, monkeypatch: pytest.MonkeyPatch, first: bytes, second: bytes) -> None:
    """File the second mail in another worker while the first is stored and not committed."""
    claims = []
    for raw in (first, second):
        post.send(raw, address_of(of.inbox))
        claims.append(queue.claim(1))
    meeting = Meeting(monkeypatch)
    with Reader() as reader:
        one = worker(claims[0], reader)
        assert meeting.stored.wait(PATIENCE_SECONDS)
        other = worker(claims[1], post.reader)
        other.join(HEAD_START_SECONDS)
        meeting.go_on.set()
        for thread in (one, other):
            thread.join(PATIENCE_SECONDS)


def test_an_answer_filed_at_the_same_time_as_its_mail_joins_it(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = mail("Sommarjobb", message_id="a@example.org")
    answer = mail("Re: Sommarjobb", "Glömde mitt CV.\n", In_Reply_To="<a@example.org>")
    file_at_once(post, lillestad, monkeypatch, question, answer)
    assert [c.message_count for c in conversations(lillestad)] == [2]


def test_the_same_mail_filed_twice_at_the_same_time_is_one_message(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail()
    file_at_once(post, lillestad, monkeypatch, raw, raw)
    assert states(lillestad.inbox) == ["filed", "duplicate"]
    assert [c.message_count for c in conversations(lillestad)] == [1]


@pytest.mark.parametrize(
    "change",
    [
        lambda claim: queue.postpone(claim, "late"),
        lambda claim: queue.park(claim, "late"),
        lambda claim: queue.release([claim]),
        queue.set_aside,
    ],
    ids=["postpone", "park", "release", "set aside"],
)
def test_a_worker_whose_lease_ended_changes_nothing_of_the_next_ones(
    post: Pipeline, lillestad: Town, change: Callable[[Claim], None]
) -> None:
    post.send(mail(), address_of(lillestad.inbox))
    [late] = queue.claim(1)
    with scope.organization(lillestad.organization):
        Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    [now] = queue.claim_again()
    [before] = rows(lillestad)
    change(late)
    assert rows(lillestad) == [before]
    change(now)
    assert rows(lillestad) != [before]


def rows(of: Town) -> list[dict[str, Any]]:
    with scope.organization(of.organization):
        return list(Delivery.objects.values())
