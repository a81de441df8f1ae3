"""Security 7, 26: what was accepted with 250 is never sent back, whatever becomes of it. Its sender may be forged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from forwarding import filing
from forwarding.models import Delivery
from organizations import scope
from tests.support.builders import Town
from tests.support.mails import Pipeline, mail, states
from whitelabel.models import OutboundMail, ServiceMail

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "jobb.lillestad.se@mail.kundo.se"
REPORT = b"""\
From: MAILER-DAEMON@example.org\r
To: jobb@lillestad.se\r
Subject: Undelivered mail\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.org\r
\r
Final-Recipient: rfc822; nobody@example.org\r
Action: failed\r
Status: 5.1.1\r
\r
--b--\r
"""
BROKEN = (
    b"From: \xff\xfe<victim@example.org\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n\xff\r\n",
    b"no header at all",
    b"Return-Receipt-To: victim@example.org\r\nDisposition-Notification-To: victim@example.org\r\n\r\nHej\r\n",
)


def outgoing() -> tuple[int, int]:
    with scope.queue():
        return OutboundMail.queue.count(), ServiceMail.objects.count()


def test_mail_that_is_broken_twice_or_about_nothing_of_ours_is_answered_by_nobody(
    post: Pipeline, lillestad: Town
) -> None:
    for content in (*BROKEN, REPORT, REPORT, mail("Ett"), mail("Ett")):
        post.send(content, ADDRESS)
    post.file()
    assert "accepted" not in states(lillestad.inbox)
    assert outgoing() == (0, 0)


def test_mail_that_is_given_up_by_us_is_not_sent_back(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(letter: filing.Incoming, identifier: str) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(filing.storing, "message_of", fails)
    post.send(mail("Ett"), ADDRESS)
    for _ in range(5):
        post.file()
        with scope.organization(lillestad.organization):
            Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert states(lillestad.inbox) == ["parked"]
    assert outgoing() == (0, 0)
