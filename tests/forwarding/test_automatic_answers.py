"""Machines that answer each other, over real SMTP: two inboxes with confirmations, and absence notices of every kind.

Whatever both sides do, at most two automatic mails pass: ours, and theirs about it. Nothing a stranger wrote goes back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from conversations import composer
from conversations.models import Message
from forwarding.reading import read_mail
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, address_of, mail, octets_of, pipeline, return_path
from tests.support.outgoing import activated
from whitelabel.models import OutboundMail

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6
SECRET = "Köp billiga klockor på klockor.example"


@pytest.fixture
def post() -> Iterator[Pipeline]:
    with pipeline() as running:
        yield running


def confirming(place: Town, **changes: Any) -> Town:
    """The town's inbox sends confirmations, as its own address."""
    with scope.organization(place.organization):
        activated(place.inbox)
        Inbox.objects.filter(pk=place.inbox.pk).update(confirmation="Tack! Ditt mail har nummer {number}.", **changes)
    return place


def confirmations(place: Town) -> list[Message]:
    with scope.organization(place.organization):
        return list(Message.objects.select_related("outbound").filter(mail_class="confirmation").order_by("pk"))


@dataclass
class World:
    """What stands between the towns and everybody else: it carries each mail of theirs once, to `responders` or a town."""

    post: Pipeline
    towns: tuple[Town, ...]
    responders: dict[str, Callable[[bytes, str], tuple[bytes, str]]] = field(default_factory=dict)
    carried: list[int] = field(default_factory=list)
    automatic: int = 0

    def carry(self) -> int:
        """Deliver what is in the outboxes; gives how many mails there were."""
        fresh = [(place, message) for place in self.towns for message in self._fresh(place)]
        for place, message in fresh:
            self.carried.append(message.pk)
            self.automatic += message.mail_class == "confirmation"
            self._deliver(place, message)
        self.post.file()
        return len(fresh)

    def _fresh(self, place: Town) -> list[Message]:
        with scope.organization(place.organization):
            rows = Message.objects.select_related("outbound", "inbox").filter(outbound__isnull=False)
            return list(rows.exclude(pk__in=self.carried).order_by("pk"))

    def _deliver(self, place: Town, message: Message) -> None:
        content, mail_from, recipient = octets_of(message), return_path(message), message.to[0]["address"]
        if recipient in self.responders:
            self.automatic += 1
            answer, envelope_sender = self.responders[recipient](content, mail_from)
            to = mail_from if "return path" in read_mail(answer).subject else address_of(place.inbox)
            self.post.send(answer, to, mail_from=envelope_sender)
        for other in self.towns:
            if other.inbox.address == recipient:
                self.post.send(content, address_of(other.inbox), mail_from=mail_from)


def test_two_inboxes_with_confirmations_come_to_rest(post: Pipeline) -> None:
    lillestad = confirming(town())
    grannby = confirming(town("Grannby", "info@grannby.se", "Info"))
    post.receive(mail(), grannby.inbox)
    world = World(post, (lillestad, grannby))
    world.carry()
    before = world.automatic
    with scope.organization(grannby.organization):
        conversation = Message.objects.select_related("conversation").filter(kind="inbound").get().conversation
        composer.send(
            conversation,
            author=grannby.agent,
            text="Hej Lillestad, kan ni svara?",
            to=[{"name": "Jobb", "address": lillestad.inbox.address}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
            action="forward",
        )
    traffic = [world.carry() for _ in range(ROUNDS)]
    assert traffic[0] == 1
    assert traffic[-1] == 0
    assert 1 <= world.automatic - before <= 2
    assert len(confirmations(lillestad)) == 1


def _absence(subject: str, **headers: str) -> Callable[[bytes, str], tuple[bytes, str]]:
    """A responder that writes a new mail about everything it gets."""

    def respond(content: bytes, mail_from: str) -> tuple[bytes, str]:
        answer = mail(f"{subject} {timezone.now().timestamp()}", "Jag är på semester till den 12 augusti.", **headers)
        return answer, "" if "Auto_Submitted" in headers else "barry@example.org"

    return respond


RESPONDERS = {
    "well-behaved": _absence("Autosvar: semester", Auto_Submitted="auto-replied"),
    "to the return path": _absence("Frånvaro, return path", Auto_Submitted="auto-replied"),
    "Exchange": _absence("Automatiskt svar: Tack", X_Auto_Response_Suppress="All"),
    "without any sign": _absence("Tack för ditt mail"),
    "without any sign, to the return path": _absence("Tack för ditt mail, return path"),
}


@pytest.mark.parametrize("kind", RESPONDERS)
def test_an_absence_notice_ends_it(post: Pipeline, kind: str) -> None:
    place = confirming(town())
    world = World(post, (place,), {"barry@example.org": RESPONDERS[kind]})
    post.receive(mail(), place.inbox)
    traffic = [world.carry() for _ in range(ROUNDS)]
    assert traffic == [1, 0, 0, 0, 0, 0]
    assert world.automatic == 2


def test_nothing_of_what_a_stranger_wrote_is_sent_anywhere(post: Pipeline) -> None:
    place = confirming(town())
    post.receive(mail(SECRET, SECRET, sender=f"{SECRET} <barry@example.org>"), place.inbox)
    [sent] = confirmations(place)
    read = read_mail(octets_of(sent))
    assert "klockor" not in read.subject + read.text + (read.html or "")
    assert sent.outbound is not None
    with scope.organization(place.organization):
        assert OutboundMail.objects.get(pk=sent.outbound.pk).automatic


def test_outside_the_opening_hours_the_other_text_is_sent(post: Pipeline) -> None:
    another_day = (timezone.localtime().weekday() + 3) % 7
    place = confirming(town(), confirmation_when_closed="Vi har stängt.", hours=[[another_day, "08:00", "17:00"]])
    post.receive(mail(), place.inbox)
    [sent] = confirmations(place)
    assert sent.text == "Vi har stängt."


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({}, 1),
        ({"text": "Något helt annat."}, 2),
        ({"message_id": "another@example.org"}, 2),
    ],
    ids=["one mail", "the identifier alone", "the text alone"],
)
def test_one_mail_to_two_inboxes_gets_one_receipt(post: Pipeline, second: dict[str, str], expected: int) -> None:
    place = confirming(town())
    with scope.organization(place.organization):
        other = create_inbox("info@lillestad.se", "Info", actor=place.admin)
        Inbox.objects.filter(pk=other.pk).update(confirmation="Tack! Ditt mail har nummer {number}.")
    to = {"To": "jobb@lillestad.se, info@lillestad.se"}
    first = {"text": "En fråga till er båda.", "message_id": "both@example.org"}
    post.receive(mail(**first, **to), place.inbox)
    post.receive(mail(**{**first, **second}, **to), other)
    assert len(confirmations(place)) == expected


def test_where_the_first_inbox_sends_none_the_second_does(post: Pipeline) -> None:
    place = town()
    with scope.organization(place.organization):
        other = create_inbox("info@lillestad.se", "Info", actor=place.admin)
        Inbox.objects.filter(pk=other.pk).update(confirmation="Tack! Ditt mail har nummer {number}.")
    raw = mail(To="jobb@lillestad.se, info@lillestad.se", message_id="both@example.org")
    for inbox in (place.inbox, other):
        post.receive(raw, inbox)
    assert len(confirmations(place)) == 1
