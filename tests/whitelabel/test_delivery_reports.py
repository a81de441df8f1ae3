"""What other servers report about a sent mail ends at its recipient, and is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from organizations import scope
from tests.support import builders
from tests.support.outgoing import age, fate, post
from tests.support.relay import LATER
from whitelabel.delivery import record_bounce
from whitelabel.models import OutboundRecipient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "status", "state", "hard"),
    [
        ("failed", "5.1.1", "bounced", True),
        ("failed", "4.4.7", "bounced", True),
        ("delayed", "4.4.1", "delayed", False),
        ("delivered", "2.0.0", "sent", False),
        ("relayed", "", "sent", False),
        ("unheard-of", "", "sent", False),
    ],
)
def test_a_delivery_report_ends_at_its_recipient(town, relay, courier, news, action, status, state, hard) -> None:
    mail = post(town, "a@example.org", "b@example.org")
    courier.step()
    news.clear()
    with scope.organization(town.organization):
        row = OutboundRecipient.objects.get(mail=mail, address="a@example.org")
    said = record_bounce(
        town.organization.pk,
        mail_id=mail.pk,
        recipient_id=row.pk,
        action=action,
        status=status,
        diagnostic="no\r\n way",
    )
    assert said is not None
    assert (said.state, said.reply) == (state, "no way")
    assert fate(town.organization, mail) == ("sent", {"a@example.org": state, "b@example.org": "sent"})
    assert [told.hard for told in news] == ([hard] if state != "sent" else [])


def test_a_report_is_found_by_the_address_when_only_the_mail_is_known(town, relay, courier) -> None:
    mail = post(town, "Barry@example.org")
    courier.step()
    said = record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@EXAMPLE.org", action="failed")
    assert said is not None
    assert said.state == "bounced"


def test_a_report_about_somebody_elses_mail_changes_nothing(town, relay, courier) -> None:
    other = builders.town("Grannby", "jobb@grannby.se")
    mail = post(town)
    courier.step()
    assert record_bounce(other.organization.pk, mail_id=mail.pk, address="barry@example.org", action="failed") is None
    assert record_bounce(town.organization.pk, mail_id=mail.pk, address="x@example.org", action="failed") is None
    assert fate(town.organization, mail)[1] == {"barry@example.org": "sent"}


def test_a_late_delay_report_does_not_bring_a_bounced_mail_back(town, relay, courier) -> None:
    mail = post(town)
    courier.step()
    for action in ("failed", "delayed"):
        record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action=action)
    assert fate(town.organization, mail)[1] == {"barry@example.org": "bounced"}


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_after_a_delay_report_ends_the_delay(town, relay, courier, news, action: str) -> None:
    mail = post(town)
    courier.step()
    news.clear()
    for what, status in (("delayed", "4.4.1"), (action, "2.0.0")):
        record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action=what, status=status)
    assert fate(town.organization, mail)[1] == {"barry@example.org": "sent"}
    assert [(told.state, told.status, told.hard) for told in news] == [
        ("delayed", "4.4.1", False),
        ("sent", "2.0.0", False),
    ]


def test_a_delay_report_never_causes_a_second_sending(town, relay, courier) -> None:
    relay.answer = lambda stage, line: LATER if b"slow@" in line and stage == "rcpt" else None
    mail = post(town, "barry@example.org", "slow@example.org")
    courier.step()
    record_bounce(town.organization.pk, mail_id=mail.pk, address="barry@example.org", action="delayed")
    relay.answer = lambda stage, line: None
    age(mail, timedelta(hours=1))
    courier.step()
    assert [taken.recipient for taken in relay.taken] == ["barry@example.org", "slow@example.org"]
