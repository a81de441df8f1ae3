"""After Activate, through a real Postfix: what receivers that share no code with us make of the mail.

From a claim without records to a mailbox: records published, checked, activated, an answer written by an agent, delivered
by the courier to Postfix and by Postfix to the mailbox, and then judged with the keys and policies in the DNS.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from conversations import composer
from forwarding.reading import read_mail
from organizations import scope
from tests.support import builders, judges
from tests.support.claims import DOMAIN, Domain, domain_of, use_world
from tests.support.dns import World, Zone
from tests.support.outgoing import some_key_pair, within
from tests.support.postfix import Postfix, missing, postfix
from tests.support.relay import FakeRelay, Taken, fake_relay
from tests.whitelabel.test_mime import letters
from whitelabel import activation, dmarc, keys, mime, postfix_log, signing
from whitelabel.delivery import Courier
from whitelabel.models import SenderDomain
from whitelabel.relay import Relay
from whitelabel.relay_session import RelayAddress

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(judges.missing()), reason=judges.missing() or "-"),
]
ADDRESS = f"jobb@{DOMAIN}"
SUBDOMAIN = f"mgeu.{DOMAIN}"
ELSEWHERE = "203.0.113.9"
POLICIES = ("v=DMARC1; p=reject", "v=DMARC1; p=reject; adkim=s; aspf=s", "v=DMARC1; p=none; aspf=s")


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
        with scope.organization(self.domain.town.organization):
            claim = SenderDomain.objects.get(pk=self.domain.claim_id)
            admin = self.domain.town.admin
            activation.request(claim, ADDRESS, actor=admin, record_version=claim.record_version)
        self.domain.check()


@pytest.fixture
def sending(settings: Any, tmp_path: Path) -> Iterator[Sending]:
    if missing():
        pytest.skip(missing())
    with World() as world, fake_relay() as mailbox, postfix(tmp_path / "postfix", mailbox.port) as relay:
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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", POLICIES)
def test_receivers_judge_an_answer_as_the_page_foretold(
    sending: Sending, policy_of: Callable[..., str], tmp_path: Path, policy: str
) -> None:
    sending.activate(policy)
    taken = sending.answer()
    port = sending.domain.world.port
    [signature] = judges.signatures([taken.content], tmp_path, port)
    assert signature == judges.Signature("pass", DOMAIN if "adkim=s" in policy else SUBDOMAIN)
    assert taken.envelope_sender.endswith(f"@{SUBDOMAIN}")
    assert policy_of(taken) == "pass"
    assert policy_of(taken, ELSEWHERE) != "pass"

    foretold = dmarc.forecast(
        {f"_dmarc.{DOMAIN}": (policy,)},
        from_domain=DOMAIN,
        signing_domain=signature.domain,
        return_path_domain=SUBDOMAIN,
    )
    judged = judges.dmarc(taken.content, port, spf="pass", mail_from=taken.envelope_sender, dkim=signature)
    forwarded = judges.dmarc(taken.content, port, spf="fail", mail_from=taken.envelope_sender, dkim=signature)
    assert (judged, forwarded) == (foretold.old.direct, foretold.old.forwarded)
    assert judged == "pass"


@pytest.mark.django_db(transaction=True)
def test_before_activate_nothing_claims_to_be_the_customer(sending: Sending, tmp_path: Path) -> None:
    sending.domain.publish()
    sending.domain.check()
    taken = sending.answer()
    read = read_mail(taken.content)
    assert read.sender is not None
    assert read.sender.address == "jobb.lillestad.test@mail.kundo.se"
    assert [person.address for person in read.reply_to] == [ADDRESS]
    assert taken.envelope_sender.endswith("@mail.kundo.se")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_somebody_changed_on_the_way_is_seen_through(sending: Sending, tmp_path: Path) -> None:
    sending.activate()
    taken = sending.answer()
    forged = [
        taken.content.replace(b"ledigt", b"upptaget"),
        b"From: chef@lillestad.test\r\n" + taken.content,
        b"Subject: Betala nu\r\n" + taken.content,
    ]
    assert forged[0] != taken.content
    judged = judges.signatures(forged, tmp_path, sending.domain.world.port)
    assert "pass" not in {signature.result for signature in judged}


@pytest.mark.django_db(transaction=True)
def test_headers_are_as_designed(sending: Sending) -> None:
    sending.activate()
    taken = sending.answer()
    read = read_mail(taken.content)
    assert read.sender is not None
    assert (read.sender.name, read.sender.address) == ("Jobb", ADDRESS)
    assert read.reply_to == ()
    assert read.subject == "Re: Fråga om jobbet"
    assert read.in_reply_to == ("fraga@example.org",)
    assert "fraga@example.org" in read.references
    assert read.message_id.endswith(f"@{SUBDOMAIN}")
    assert read.header("X-Kundo-Loop").startswith("v1;")
    assert "Hej, är jobbet ledigt?" in read.quoted_text
    ours = taken.content[taken.content.index(b"DKIM-Signature:") :].partition(b"\r\n\r\n")[0]
    names = [name.lower() for name in re.findall(rb"(?m)^([!-9;-~]+):", ours)]
    assert len(names) == len(set(names))
    assert {b"auto-submitted", b"precedence", b"bcc", b"return-path"} & set(names) == set()


def test_opendkim_agrees_about_any_text_people_may_write(tmp_path: Path) -> None:
    pair = some_key_pair()
    key = signing.SigningKey(SUBDOMAIN, "k1", keys.encrypt(pair.private_pem))
    mails: list[bytes] = []

    @given(letters)
    @hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def write(letter: mime.Letter) -> None:
        mails.append(signing.sign(mime.build(letter), key))

    write()
    record = f'"v=DKIM1; k=rsa; p={pair.public_key[:200]}" "{pair.public_key[200:]}"'
    with World() as world:
        world.serve(f"ns1.{DOMAIN}", Zone(DOMAIN, f"k1._domainkey.mgeu TXT {record}"))
        judged = judges.signatures(mails, tmp_path, world.port)
    assert len(judged) >= 100
    assert {signature.result for signature in judged} == {"pass"}
