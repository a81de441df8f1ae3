"""Mails made to stop a reader, sent to the running product: each becomes a message, and other mail goes on meanwhile.

So does the proving of authors: some are made to stop that, and all of the people's mails behind them are signed.
"""

from __future__ import annotations

import http.cookiejar
import smtplib
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import dkim
import pytest
from dnslib.server import DNSServer

from forwarding.smtpd.limits import Limits
from kundomail.demo import loading
from tests.forwarding.dns_zone import serving
from tests.forwarding.hostile_reports import HOSTILE_REPORTS
from tests.forwarding.hostile_signed import HOSTILE_SIGNED, KEY_NAME
from tests.forwarding.reading.test_hostile import BOMBS as UNREADABLE
from tests.forwarding.test_signature_checks import PRIVATE, RECORD
from tests.support.mails import mail
from tests.support.product import Product, product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BOMB_SECONDS = 30.0
ORDINARY_SECONDS = 5.0
MOVED_OCTETS_PER_SECOND = 5_000_000
"""Through SMTP server, database, reading child and database again, on a busy machine; matters for two bombs only."""
GIVE_UP_SECONDS = 60.0
PAGE_SECONDS = 10.0
SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
BOMBS = UNREADABLE | HOSTILE_REPORTS | HOSTILE_SIGNED
PERSONS_KEY = "s._domainkey.ordinary.example"
SENT = {f"bomb{number}": name for number, name in enumerate(BOMBS)}
BEGIN_WITH_JUNK = {"a million line breaks", "200,000 mbox lines"}
STATES = "SELECT mail_from, state, verify_at IS NULL FROM forwarding_delivery WHERE mail_from LIKE 'bomb%'"
OUTCOMES = "SELECT mail_from, state, message_id FROM forwarding_delivery WHERE mail_from LIKE '%@bombs.example'"
AUTHENTICITY = """
    SELECT d.mail_from, m.authenticity FROM forwarding_delivery d JOIN conversations_message m ON m.id = d.message_id
    WHERE d.mail_from LIKE 'bomb%'
"""
MESSAGES = """
    SELECT d.mail_from, c.number FROM forwarding_delivery d JOIN conversations_message m ON m.id = d.message_id
    JOIN conversations_conversation c ON c.id = m.conversation_id WHERE d.mail_from LIKE '%@bombs.example'
"""


@dataclass
class Bombardment:
    """What was sent to a running product, by envelope sender, and how long each took from its 250 to its inbox.

    `accepted`: when (monotonic). `proved`: how long until its author was looked at.
    """

    running: Product
    filing_pid: int | None = None
    accepted: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    proved: dict[str, float] = field(default_factory=dict)

    def send(self, sender: str, raw: bytes) -> None:
        """One bomb, and a person's mail right behind it; both are waited for, while authors are looked at beside them."""
        neighbour = sender.replace("bombs.example", "ordinary.example")
        self.accepted[sender] = self._send(sender, raw)
        self.accepted[neighbour] = self._send(neighbour, _question(neighbour))
        self.watch(self.seconds)

    def watch(self, until: dict[str, float]) -> None:
        """Note what happens, until every mail sent so far is in `until`, which is `seconds` or `proved`."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self.accepted.keys() - until.keys() and time.monotonic() < deadline:
            time.sleep(0.1)
            for one, state, looked_at in self.running.rows(STATES):
                if one in self.accepted and state != "accepted":
                    self.seconds.setdefault(one, time.monotonic() - self.accepted[one])
                    if looked_at:
                        self.proved.setdefault(one, time.monotonic() - self.accepted[one])

    def _send(self, sender: str, raw: bytes) -> float:
        with smtplib.SMTP("127.0.0.1", self.running.smtp_port, timeout=60) as client:
            client.sendmail(sender, [SERVICE_ADDRESS], raw)
        return time.monotonic()


def of(domain: str, seconds: dict[str, float]) -> dict[str, float]:
    """Seconds by the name of the bomb: of the bomb itself, or of its neighbour at "ordinary.example"."""
    return {SENT[one.partition("@")[0]]: took for one, took in seconds.items() if one.endswith(domain)}


def _question(sender: str) -> bytes:
    raw = mail(f"Fråga från {sender}", "Hej, jag undrar om jobbet på badet är ledigt.\n", sender=sender)
    return bytes(dkim.sign(raw, b"s", b"ordinary.example", PRIVATE, include_headers=[b"from", b"subject"])) + raw


def _told_apart(name: str) -> bytes:
    """A Message-ID of its own: many bombs have the same author, date, subject and text, which makes a duplicate."""
    number = list(BOMBS).index(name)
    identifier = b"Message-ID: <%d@bombs.example>\r\n" % number
    return BOMBS[name] if name in BEGIN_WITH_JUNK else identifier + BOMBS[name]


@pytest.fixture(scope="module")
def bombardment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bombardment]:
    """All bombs one after the other, each with an ordinary mail behind it in the queue."""
    with serving() as names, product(tmp_path_factory.mktemp("product"), **asking(names)) as running:
        names.server.resolver.texts = {KEY_NAME: [RECORD], PERSONS_KEY: [RECORD]}
        running.manage("demo_data")
        done = Bombardment(running, running.pid("filing"))
        for sender, name in SENT.items():
            done.send(f"{sender}@bombs.example", _told_apart(name))
        done.watch(done.proved)
        yield done


def asking(names: DNSServer) -> dict[str, str]:
    """The environment in which the product asks these names."""
    return {"DNS_RESOLVERS": f"127.0.0.1:{names.server.server_address[1]}"}


def test_no_bomb_is_over_the_size_limit() -> None:
    assert [name for name, raw in BOMBS.items() if len(raw) > Limits().message_octets] == []
    assert len(BOMBS) >= 60


def test_each_bomb_is_filed_in_thirty_seconds(bombardment: Bombardment) -> None:
    seconds = of("@bombs.example", bombardment.seconds)
    print("slowest:", sorted(((round(took, 1), name) for name, took in seconds.items()), reverse=True)[:8])
    assert seconds.keys() == BOMBS.keys()
    assert {name: took for name, took in seconds.items() if took > BOMB_SECONDS} == {}


def test_the_mail_behind_a_bomb_is_filed_in_five_seconds_and_what_moving_the_bomb_takes(
    bombardment: Bombardment,
) -> None:
    seconds = of("@ordinary.example", bombardment.seconds)
    print("slowest:", sorted(((round(took, 1), name) for name, took in seconds.items()), reverse=True)[:8])
    assert seconds.keys() == BOMBS.keys()
    allowed = {name: ORDINARY_SECONDS + len(raw) / MOVED_OCTETS_PER_SECOND for name, raw in BOMBS.items()}
    assert {name: took for name, took in seconds.items() if took > allowed[name]} == {}


def test_the_author_of_each_bomb_and_of_the_mail_behind_it_is_looked_at_in_thirty_seconds(
    bombardment: Bombardment,
) -> None:
    for domain in ("@bombs.example", "@ordinary.example"):
        seconds = of(domain, bombardment.proved)
        print("slowest:", sorted(((round(took, 1), name) for name, took in seconds.items()), reverse=True)[:8])
        assert seconds.keys() == BOMBS.keys()
        assert {name: took for name, took in seconds.items() if took > BOMB_SECONDS} == {}


def test_no_bomb_proves_its_author_and_each_person_behind_one_does(bombardment: Bombardment) -> None:
    levels = bombardment.running.rows(AUTHENTICITY)
    assert {level for sender, level in levels if sender.endswith("@bombs.example")} == {"unverified"}
    assert {level for sender, level in levels if sender.endswith("@ordinary.example")} == {"verified"}


def test_the_filing_worker_lives_through_all_of_them(bombardment: Bombardment) -> None:
    assert bombardment.running.pid("filing") == bombardment.filing_pid


def test_each_bomb_is_a_message_of_its_own(bombardment: Bombardment) -> None:
    outcomes = bombardment.running.rows(OUTCOMES)
    assert {SENT[sender.partition("@")[0]]: state for sender, state, _pk in outcomes if state != "filed"} == {}
    assert len({pk for _sender, _state, pk in outcomes}) == len(BOMBS)


def test_each_bomb_is_shown_in_its_conversation(bombardment: Bombardment) -> None:
    numbers = {number for _sender, number in bombardment.running.rows(MESSAGES)}
    agent = _logged_in(bombardment.running.url)
    for number in numbers:
        started = time.monotonic()
        with agent.open(f"{bombardment.running.url}/lillestad/conversations/{number}/", timeout=60) as page:
            assert page.status == 200
            assert b"<html" in page.read()
        assert time.monotonic() - started < PAGE_SECONDS, f"the page of conversation {number}"


def _logged_in(url: str) -> urllib.request.OpenerDirector:
    """A browser without scripts, logged in as the demo's agent."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    login = f"{url}/accounts/login/"
    browser.open(login, timeout=30).close()
    token = next(cookie.value for cookie in jar if "csrf" in cookie.name)
    fields = {"login": loading.AGENT, "password": loading.PASSWORD, "csrfmiddlewaretoken": token or ""}
    browser.open(login, urllib.parse.urlencode(fields).encode(), timeout=30).close()
    return browser
