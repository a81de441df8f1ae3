"""What cannot be filed, or not at once: each mail is tried again, read less and less, and visible or parked in the end."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from bench import processes
from conversations.models import Message
from forwarding import filing, queue
from forwarding.models import Delivery
from forwarding.reading.child import ChildLimits, Reader
from organizations import scope
from tests.support.builders import Town
from tests.support.mails import Pipeline, conversations, deliveries, mail, messages, states

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


def overdue(of: Town) -> None:
    """Let the wait of postponed deliveries pass."""
    with scope.organization(of.organization):
        Delivery.objects.filter(state=State.ACCEPTED).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_mail_that_cannot_be_filed_takes_no_other_with_it_and_ends_visible(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filing.storing.message_of

    def refuses(letter: filing.Incoming, identifier: str) -> Message:
        message = real(letter, identifier)
        # NUL is what PostgreSQL objects to most often; the reader removes it, a mistake in it would not.
        message.text = message.text.replace("GIFT", "\0")
        return message

    monkeypatch.setattr(filing.storing, "message_of", refuses)
    texts = ["Frisk ett.\n", "Detta är GIFT.\n", "Frisk två.\n"]
    for number, text in enumerate(texts):
        post.send(mail(f"Ärende {number}", text), "jobb.lillestad.se@mail.kundo.se")
    post.file()
    assert states(lillestad.inbox) == ["filed", "accepted", "filed"]
    for _ in range(3):
        overdue(lillestad)
        post.file()
    poisoned = deliveries(lillestad.inbox)[1]
    assert poisoned.message is not None
    assert (poisoned.state, poisoned.message.reading_stage) == (State.FILED, "headers")
    assert (poisoned.message.subject, poisoned.attempts) == ("Ärende 1", 3)


@pytest.mark.parametrize(
    ("failures", "row"),
    [
        (0, "Ärende ett Hej!"),
        (2, "Ärende ett Kunde inte läsas – öppna originalet"),
        (3, "barry@example.org Kunde inte läsas – öppna originalet"),
    ],
)
def test_a_list_says_what_could_not_be_read_of_a_mail(
    post: Pipeline, lillestad: Town, client: Client, failures: int, row: str
) -> None:
    post.send(mail("Ärende ett", "Hej!\n"), "jobb.lillestad.se@mail.kundo.se")
    with scope.organization(lillestad.organization):
        Delivery.objects.update(attempts=failures, failures=failures)
    post.file()
    client.force_login(lillestad.agent, backend=settings.AUTHENTICATION_BACKENDS[0])
    page = client.get(f"/{lillestad.organization.slug}/").content.decode()
    [article] = re.findall(r"<article class=\"row.*?</article>", page, re.DOTALL)
    words = " ".join(re.sub(r"<time.*?</time>|<[^>]+>", " ", article, flags=re.DOTALL).split())
    assert row in words
    assert "(inget ämne)" not in words


def test_a_mail_that_stops_its_reader_is_visible_by_its_headers_at_once(post: Pipeline, lillestad: Town) -> None:
    with Reader(ChildLimits(wall_seconds=1)) as reader:
        reader.read(mail())
        [child] = processes.children(os.getpid())[-1:]
        post.send(mail("Ett"), "jobb.lillestad.se@mail.kundo.se")
        post.send(mail("Två"), "jobb.lillestad.se@mail.kundo.se")
        os.kill(child, signal.SIGSTOP)
        filing.file_due(reader)
    assert [(m.subject, m.reading_stage) for m in messages(lillestad.inbox)] == [("Ett", "headers"), ("Två", "full")]
    assert [delivery.attempts for delivery in deliveries(lillestad.inbox)] == [1, 1]


def test_a_mail_that_nothing_helps_is_parked_and_can_be_tried_again(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(letter: filing.Incoming, identifier: str) -> Message:
        raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as broken:
        broken.setattr(filing.storing, "message_of", fails)
        post.send(mail(), "jobb.lillestad.se@mail.kundo.se")
        for _ in range(5):
            post.file()
            overdue(lillestad)
    [parked] = deliveries(lillestad.inbox)
    assert (parked.state, parked.attempts, parked.reason) == (State.PARKED, 4, "RuntimeError")
    with scope.organization(lillestad.organization):
        queue.put_back(parked)
    post.file()
    assert states(lillestad.inbox) == ["filed"]


def test_a_mail_that_ended_its_worker_twice_is_tried_alone(post: Pipeline, lillestad: Town) -> None:
    for number in range(3):
        post.send(mail(f"Ärende {number}"), "jobb.lillestad.se@mail.kundo.se")
    taken = queue.claim(50)
    assert len(taken) == 3
    with scope.organization(lillestad.organization):
        Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # the worker died
    assert queue.claim(50) == []
    assert [len(queue.claim_again()) for _ in range(4)] == [1, 1, 1, 0]


def worker_dies(of: Town) -> None:
    """A worker takes what is due and ends before it has done anything."""
    assert queue.claim(50) or queue.claim_again()
    with scope.organization(of.organization):
        Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_mail_whose_workers_ended_for_other_reasons_is_read_in_full(post: Pipeline, lillestad: Town) -> None:
    post.send(mail("Ett"), "jobb.lillestad.se@mail.kundo.se")
    for _ in range(4):
        worker_dies(lillestad)
    post.file()
    assert [(m.subject, m.reading_stage) for m in messages(lillestad.inbox)] == [("Ett", "full")]


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def test_a_mail_that_ends_its_workers_has_no_other_taken_for_the_guilty_one(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filing.storing.message_of

    def dies(letter: filing.Incoming, identifier: str) -> Message:
        if letter.mail.subject == "Dödlig":
            raise Killed
        return real(letter, identifier)

    monkeypatch.setattr(filing.storing, "message_of", dies)
    for subject in ("Ett", "Dödlig", "Två"):
        post.send(mail(subject), "jobb.lillestad.se@mail.kundo.se")
    for number in range(12):
        post.send(mail(f"Senare {number}"), "jobb.lillestad.se@mail.kundo.se")
        # A worker's lanes: new mail is in its hands, not filed yet, when what was tried before ends it.
        new = queue.claim(50)
        with suppress(Killed):
            while filing.file_again(post.reader):
                pass
            filing.file_batch(new, post.reader)
        with scope.organization(lillestad.organization):
            Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    post.file()
    read = Counter((each.message.reading_stage, each.attempts) for each in deliveries(lillestad.inbox) if each.message)
    assert read == {("envelope", 9): 1, ("full", 1): 4, ("full", 2): 10}


def test_a_mail_that_ends_all_its_workers_is_read_less_and_then_parked(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(letter: filing.Incoming, identifier: str) -> Message:
        stages.append(letter.mail.stage)
        raise Killed

    stages: list[str] = []
    post.send(mail("Ett"), "jobb.lillestad.se@mail.kundo.se")
    with monkeypatch.context() as deadly:
        deadly.setattr(filing.storing, "message_of", dies)
        for _ in range(20):
            with suppress(Killed):
                post.file()
            with scope.organization(lillestad.organization):
                Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    [parked] = deliveries(lillestad.inbox)
    assert (parked.state, parked.reason) == (State.PARKED, "its workers ended")
    assert Counter(stages) == {"full": 7, "headers": 1, "envelope": 1}
    with scope.organization(lillestad.organization):
        queue.put_back(parked)
    post.file()
    assert [m.reading_stage for m in messages(lillestad.inbox)] == ["full"]


def test_a_delivery_whose_lease_ended_is_filed_once(post: Pipeline, lillestad: Town) -> None:
    post.send(mail(), "jobb.lillestad.se@mail.kundo.se")
    [slow] = queue.claim(50)
    with scope.organization(lillestad.organization):
        Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    post.file()
    filing.file_batch([slow], post.reader)
    assert [c.message_count for c in conversations(lillestad)] == [1]
