"""Outgoing mail: letters, queued mails, activated addresses, a DNS that publishes their keys, and who carries them.

Its fixtures are known to all tests (tests/conftest.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from inboxes.models import Inbox
from organizations import scope
from organizations.models import Organization
from tests.support.builders import Town
from tests.support.relay import FakeRelay, fake_relay
from whitelabel import identity, keys, outbox
from whitelabel.delivery import Courier
from whitelabel.mime import Letter
from whitelabel.mime_headers import Mailbox
from whitelabel.models import DkimKey, OutboundMail, OutboundRecipient, SenderAddress, SenderDomain

SENT_AT = datetime(2026, 3, 12, 10, 42, tzinfo=UTC)


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    """A relay on loopback that takes every mail, until its `answer` is another."""
    with fake_relay() as server:
        yield server


@pytest.fixture
def courier(relay: FakeRelay) -> Iterator[Courier]:
    """A worker for that relay, which can be asked what it took."""
    courier = Courier(relay.client(), question=relay.has)
    yield courier
    courier.close()


@lru_cache
def some_key_pair() -> keys.KeyPair:
    """One key pair for all tests; making one takes a tenth of a second."""
    return keys.generate()


def letter(**changes: Any) -> Letter:
    """An ordinary letter with some values changed."""
    values: dict[str, Any] = {
        "sender": Mailbox("", "ignored@example.org"),
        "to": (Mailbox("Barry Berg", "barry@example.org"),),
        "subject": "Re: Fråga om jobbet",
        "text": "Hej Barry!\n\nJobbet är ledigt.",
        "date": SENT_AT,
        "message_id": "<c.b.c.mac@mail.kundo.se>",
    }
    return Letter(**{**values, **changes})


def queued(inbox: Inbox, *recipients: str, **options: Any) -> OutboundMail:
    """A mail of an inbox in the outbox, due now. Call inside the organization's scope."""
    who = identity.choose(inbox.address, inbox.service_address, inbox.name)
    changes = options.pop("letter", {})
    return outbox.enqueue(who, letter(**changes), recipients or ("barry@example.org",), **options)


def post(town: Town, *recipients: str, **options: Any) -> OutboundMail:
    """As `queued`, for the town's inbox and in its scope."""
    with scope.organization(town.organization):
        return queued(town.inbox, *recipients, **options)


def activated(inbox: Inbox, verdicts: Sequence[dict[str, Any]] = (), **claim: Any) -> SenderAddress:
    """The inbox's own address, activated, with a key under k1 and k2. Call inside the organization's scope."""
    values = {"label": "mgeu", "token": "abcdefghijklmnopqrstuvwxyz", "state": SenderDomain.State.ACTIVE}
    domain = SenderDomain.objects.create(domain=inbox.domain, verdicts=list(verdicts), **{**values, **claim})
    pair = some_key_pair()
    for selector in ("k1", "k2"):
        DkimKey.objects.create(
            sender_domain=domain,
            selector=selector,
            public_key=pair.public_key,
            private_key=keys.encrypt(pair.private_pem),
        )
    return SenderAddress.objects.create(sender_domain=domain, address=inbox.address, activated_at=timezone.now())


def verdict(key: str, state: str = "green", *, definite_bad: bool = False) -> dict[str, Any]:
    """What the last check said about one record, as much of it as choosing a sender looks at."""
    return {"key": key, "state": state, "code": "ok", "required": True, "definite_bad": definite_bad}


def publishing(*names: str) -> Callable[..., bytes | None]:
    """A DNS for dkimpy with `some_key_pair` under these names."""
    record = b"v=DKIM1; k=rsa; p=" + some_key_pair().public_key.encode()

    def ask(name: bytes, timeout: float = 5) -> bytes | None:
        return record if name.decode().rstrip(".") in names else None

    return ask


def age(mail: OutboundMail, by: timedelta) -> None:
    """Let time pass for one mail: everything planned for it happened or happens that much earlier."""
    with scope.queue():
        OutboundMail.queue.filter(pk=mail.pk).update(
            next_attempt_at=F("next_attempt_at") - by,
            not_before=F("not_before") - by,
            lease_until=F("lease_until") - by,
        )


def fate(organization: Organization, mail: OutboundMail) -> tuple[str, dict[str, str]]:
    """State of the mail, and state of each recipient by address."""
    with scope.organization(organization):
        state = OutboundMail.objects.values_list("state", flat=True).get(pk=mail.pk)
        recipients = OutboundRecipient.objects.filter(mail=mail).values_list("address", "state")
        return state, dict(recipients)


def last_reply(organization: Organization, mail: OutboundMail) -> str:
    """What the relay said last about the mail."""
    with scope.organization(organization):
        return OutboundMail.objects.values_list("last_reply", flat=True).get(pk=mail.pk)


def within(seconds: float, true: Callable[[], object]) -> None:
    """Wait until it is true. Fails when that takes longer."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
