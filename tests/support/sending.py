"""From a claim to a mailbox: a town's domain, its DNS, and the way its answers take through a real Postfix.

Its fixtures are known to all tests (tests/conftest.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from conversations import composer
from organizations import scope
from tests.support import builders, judges
from tests.support.claims import ADDRESS, DOMAIN, Domain, ask, domain_of, use_world
from tests.support.dns import World, Zone
from tests.support.outgoing import within
from tests.support.postfix import Postfix, missing, postfix
from tests.support.relay import FakeRelay, Taken, fake_relay
from whitelabel import postfix_log
from whitelabel.delivery import Courier
from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

SUBDOMAIN = f"mgeu.{DOMAIN}"
ELSEWHERE = "203.0.113.9"


@dataclass(frozen=True)
class Sending:
    """A domain with its DNS, and the way a mail takes: courier, Postfix, the mailbox."""

    domain: Domain
    relay: Postfix
    mailbox: FakeRelay
    courier: Courier

    def answer(self) -> Taken:
        """A person writes, an agent answers; gives the answer as it arrives."""
        town = self.domain.town
        with scope.organization(town.organization):
            received = builders.received(town.inbox, message_id="fraga@example.org")
            composer.send(
                received.conversation,
                author=town.agent,
                text="Hej Barry!\n\nJobbet är ledigt.",
                to=[{"name": "Barry Börjesson", "address": "barry@example.org"}],
                submission_key=uuid.uuid4(),
                version=None,
                include_history=True,
            )
        before = len(self.mailbox.taken)
        assert self.courier.step() == 1
        within(20, lambda: len(self.mailbox.taken) > before)
        return self.mailbox.taken[-1]

    def activate(self, policy: str = "v=DMARC1; p=none") -> None:
        """Publish what is asked for, twice because a strict policy asks for more; press the button and let it decide."""
        for _ in range(2):
            self.domain.publish(dmarc=policy)
            self.domain.agree()
        ask(self.domain)
        self.domain.check()


@pytest.fixture(scope="module")
def way() -> Iterator[tuple[Postfix, FakeRelay]]:
    """A Postfix, which takes seconds to start, and the mailbox it delivers to."""
    if missing():
        pytest.skip(missing())
    with fake_relay() as mailbox, postfix(mailbox.port) as relay:
        yield relay, mailbox


@pytest.fixture
def sending(way: tuple[Postfix, FakeRelay], settings: Any) -> Iterator[Sending]:
    """A claim with nothing published, ready to send on that way."""
    relay, mailbox = way
    with World() as world:
        use_world(settings, world)
        settings.RELAY_LOG_FILE = str(relay.log)
        domain = domain_of(builders.town("Lillestad", ADDRESS), world)
        # The relay of this test sends from loopback, so that is what the service's include allows.
        world.resolver.load(Zone("mail.kundo.se", '_spf TXT "v=spf1 ip4:127.0.0.1 ~all"'))
        address = RelayAddress("smtp", "127.0.0.1", relay.port, ehlo_name="mail.kundo.se", timeout_seconds=20)
        courier = Courier(Relay(address), question=postfix_log.accepted)
        yield Sending(domain, relay, mailbox, courier)
        courier.close()


@pytest.fixture
def policy_of(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """pyspf about a mail, from the address it came from or another."""

    def judge(taken: Taken, ip: str = "") -> str:
        ip = ip or taken.peer
        port = sending.domain.world.port
        return judges.sender_policy(monkeypatch, port, ip=ip, mail_from=taken.envelope_sender, helo="relay.example")

    return judge
