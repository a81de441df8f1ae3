"""Mail from the service itself: queued in the caller's transaction, carried by the outbox's worker."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import dkim
import pytest
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from whitelabel import keys, service_mail
from whitelabel.models import ServiceMail
from whitelabel.relay import Outcome, RelayUnavailable, Reply

pytestmark = pytest.mark.django_db

BACKEND = "whitelabel.service_mail.QueueBackend"


class Line:
    """A relay that answers as told and remembers what it was given."""

    def __init__(self, *answers: Reply | RelayUnavailable) -> None:
        self.answers = list(answers)
        self.given: list[tuple[str, str, bytes]] = []

    def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        self.given.append((sender, recipient, content))
        answer = self.answers.pop(0) if self.answers else Reply(Outcome.ACCEPTED, "2.0.0", "ok")
        if isinstance(answer, RelayUnavailable):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def queue(settings: Any) -> None:
    settings.EMAIL_BACKEND = BACKEND


def invite(*recipients: str) -> None:
    send_mail("Inbjudan från Åsa", "Välkommen, öppna länken.", None, list(recipients))


def test_a_mail_waits_in_the_queue_and_no_relay_is_asked():
    invite("kollega@example.se", "annan@example.se")
    assert sorted(ServiceMail.objects.values_list("recipient", flat=True)) == ["annan@example.se", "kollega@example.se"]


def test_a_transaction_that_is_undone_sends_nothing():
    with transaction.atomic():
        invite("kollega@example.se")
        transaction.set_rollback(True)
    assert not ServiceMail.objects.exists()


def test_what_the_relay_takes_is_gone_from_the_queue_and_reads_as_written():
    invite("kollega@example.se")
    line = Line()
    assert service_mail.send_due(line) == 1
    ((sender, recipient, content),) = line.given
    assert (sender, recipient) == ("no-reply@mail.kundo.se", "kollega@example.se")
    read = message_from_bytes(content, policy=policy.default)
    assert read["Subject"] == "Inbjudan från Åsa"
    assert read.get_content().strip() == "Välkommen, öppna länken."
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert not ServiceMail.objects.exists()


def test_its_message_id_is_of_the_services_domain():
    invite("kollega@example.se")
    line = Line()
    service_mail.send_due(line)
    assert message_from_bytes(line.given[0][2], policy=policy.default)["Message-ID"].endswith("@mail.kundo.se>")


@pytest.mark.parametrize(
    "content",
    [
        b"From: jobb@lillestad.se\r\n\r\nHej",
        b"From: KundoMail <no-reply@mail.kundo.se>\r\nFrom: jobb@lillestad.se\r\n\r\nHej",
        b"X: y\nFrom: jobb@lillestad.se\r\nFrom: KundoMail <no-reply@mail.kundo.se>\r\n\r\nHej",
        b"Subject: Hej\r\n\r\nHej",
    ],
)
def test_the_database_refuses_another_sender_than_the_service(content: bytes) -> None:
    invite("kollega@example.se")
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceMail.objects.create(recipient="kollega@example.se", content=content)
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceMail.objects.update(content=content)


def test_it_is_signed_by_the_service():
    invite("kollega@example.se")
    line = Line()
    service_mail.send_due(line)
    pair = keys.service_key()
    assert pair is not None
    record = f"v=DKIM1; k=rsa; p={pair.public_key}".encode()
    assert dkim.verify(line.given[0][2], dnsfunc=lambda name, timeout=5: record)


def test_a_relay_that_is_away_is_tried_again_later():
    invite("kollega@example.se")
    assert service_mail.send_due(Line(RelayUnavailable("refused"))) == 0
    mail = ServiceMail.objects.get()
    assert mail.attempts == 1
    assert mail.next_attempt_at > timezone.now() + timedelta(seconds=50)
    assert service_mail.send_due(Line()) == 0  # not due yet
    ServiceMail.objects.update(next_attempt_at=timezone.now())
    assert service_mail.send_due(Line()) == 1


def test_a_refusal_for_good_ends_it():
    invite("finns-inte@example.se")
    service_mail.send_due(Line(Reply(Outcome.REFUSED, "5.1.1", "no such user")))
    assert not ServiceMail.objects.exists()


class Killed(BaseException):
    """SIGKILL: nothing of the worker runs after it."""


class Deadly(Line):
    """A relay whose second mail costs the worker its life, after the relay has taken it."""

    def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        reply = super().send(sender, recipient, content)
        if len(self.given) == 2:
            raise Killed
        return reply


def test_a_killed_worker_leaves_one_mail_in_doubt_which_is_sent_again_after_its_lease():
    invite(*(f"kollega{number}@example.se" for number in range(4)))
    deadly, line = Deadly(), Line()
    assert service_mail.send_due(deadly) == 1
    with pytest.raises(Killed):
        service_mail.send_due(deadly)
    assert [service_mail.send_due(line) for _ in range(3)] == [1, 1, 0]
    in_doubt = deadly.given[1][1]
    assert len(line.given) == 2
    assert ServiceMail.objects.get().recipient == in_doubt
    ServiceMail.objects.update(next_attempt_at=timezone.now())
    assert service_mail.send_due(line) == 1
    assert not ServiceMail.objects.exists()
    assert sorted(given[1] for given in deadly.given + line.given if given[1] != in_doubt) == sorted(
        {f"kollega{number}@example.se" for number in range(4)} - {in_doubt}
    )


def test_a_relay_that_never_answers_gets_it_so_many_times(settings: Any):
    invite("kollega@example.se")
    line = Line(*(Reply(Outcome.UNKNOWN, "4.4.2", "connection lost") for _ in range(50)))
    for _ in range(50):
        service_mail.send_due(line)
        ServiceMail.objects.update(next_attempt_at=timezone.now())
    assert len(line.given) == settings.OUTBOX_UNSURE_TRIES
    assert not ServiceMail.objects.exists()


def test_after_five_days_it_is_given_up():
    invite("kollega@example.se")
    ServiceMail.objects.update(created_at=timezone.now() - timedelta(days=6))
    service_mail.send_due(Line(Reply(Outcome.LATER, "4.4.1", "later")))
    assert not ServiceMail.objects.exists()
