"""kill -9 of any one process while mail arrives: what got a 250 is in its inbox afterwards, once."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import smtplib
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import pytest
import redis

from kundomail.demo import loading
from tests.support.product import Product, product, wait_until

pytestmark = pytest.mark.slow

PROCESSES = ["postgres", "valkey", "web", "smtp", "filing", "delivery", "worker", "beat", "sink", "dns"]
MAILS = 50
SENDERS = 5
SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
FILED = """
    SELECT m.message_id FROM conversations_message m JOIN inboxes_inbox i ON i.id = m.inbox_id
    WHERE i.address = 'jobb@lillestad.se' AND m.message_id LIKE '{}%'
"""
UNFINISHED = "SELECT count(*) FROM forwarding_delivery WHERE state IN ('accepted', 'parked')"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("product")) as started:
        started.manage("demo_data")
        yield started


def deliver(running: Product, message_id: str) -> None:
    """Send until it is accepted, as a mail server does: a lost reply or a temporary refusal means another try."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "barry@example.org", "jobb@lillestad.se", f"Fråga {message_id}"
    mail["Message-ID"] = f"<{message_id}>"
    mail.set_content(f"Hej, detta är {message_id}.")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=10) as client:
                client.send_message(mail, "barry@example.org", [SERVICE_ADDRESS])
        except (OSError, smtplib.SMTPException) as error:
            if any(code >= 500 for code in _codes(error)):
                pytest.fail(f"a permanent refusal for a trouble of ours: {error}")
        else:
            return
        time.sleep(0.2)
    pytest.fail(f"{message_id} was not accepted within a minute")


def _codes(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _reply in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []


def filed(running: Product, mark: str) -> list[str]:
    return [message_id for (message_id,) in running.rows(FILED.format(mark))]


@pytest.mark.parametrize("victim", PROCESSES)
def test_every_accepted_mail_is_in_its_inbox_once_after(victim: str, running: Product) -> None:
    wanted = {f"{victim}.{number}@example.org" for number in range(MAILS)}
    killer = threading.Timer(0.3, running.kill, [victim])
    killer.start()
    with ThreadPoolExecutor(SENDERS) as senders:
        for done in [senders.submit(deliver, running, message_id) for message_id in sorted(wanted)]:
            done.result()
    killer.join()
    wait_until(lambda: len(filed(running, victim)) >= MAILS, 60, f"{MAILS} mails after {victim} was killed")
    assert sorted(filed(running, victim)) == sorted(wanted)
    wait_until(lambda: running.pid(victim) is not None, 60, f"{victim} to be started again")
    wait_until(lambda: running.rows(UNFINISHED) == [(0,)], 60, "every delivery to have its final state")
    assert sorted(filed(running, victim)) == sorted(wanted)


def empty_broker(running: Product) -> None:
    """Make the broker forget everything; a test before may have left it just being started again."""
    with redis.Redis.from_url(running.environment["REDIS_URL"]) as broker:
        wait_until(lambda: answers(broker), 30, "the broker")
        broker.flushall()


def answers(broker: redis.Redis) -> bool:
    try:
        return bool(broker.ping())
    except redis.ConnectionError:  # also BusyLoadingError
        return False


def test_mail_goes_on_while_the_broker_is_gone(running: Product) -> None:
    """Redis is a convenience of the checks; receiving and filing never ask for it."""
    empty_broker(running)
    running.kill("valkey")
    deliver(running, "utan-redis.1@example.org")
    wait_until(lambda: filed(running, "utan-redis") == ["utan-redis.1@example.org"], 30, "the mail")


CONVERSATION = """
    SELECT o.slug, c.number, c.version FROM conversations_message m
    JOIN conversations_conversation c ON c.id = m.conversation_id JOIN organizations_organization o ON o.id = c.organization_id
    WHERE m.message_id = '{}'
"""
FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Agent:
    """An agent's browser, as far as answering needs one."""

    def __init__(self, running: Product) -> None:
        self._url = running.url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.post("/accounts/login/", "/accounts/login/", login=loading.AGENT, password=loading.PASSWORD)

    def post(self, page: str, target: str, **fields: str) -> str:
        """Open a page and send a form of it; gives the page that comes then."""
        with self._opener.open(self._url + page, timeout=20) as answer:
            token = FIELD.search(answer.read().decode())
        assert token
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        request = urllib.request.Request(self._url + target, form, {"Referer": self._url + page})
        with self._opener.open(request, timeout=20) as answer:
            return str(answer.read().decode())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "hanging"])
def test_an_answer_leaves_while_the_broker_is(how: signal.Signals, running: Product) -> None:
    """Security 7, 22: no send path waits on Redis, and a FLUSHALL loses nothing."""
    question, words = f"fraga.{how.name}@example.org", f"Svar utan Redis {how.name}"
    deliver(running, question)
    wait_until(lambda: filed(running, question) == [question], 30, "the mail")
    agent = Agent(running)
    [(slug, number, version)] = running.rows(CONVERSATION.format(question))
    conversation = f"/{slug}/conversations/{number}/"
    empty_broker(running)
    broker = running.pid("valkey")
    assert broker
    os.kill(broker, how)
    try:
        agent.post(
            conversation,
            f"{conversation}reply/",
            mode="reply",
            to="barry@example.org",
            text=words,
            submission_key=str(uuid.uuid4()),
            version=str(version),
            then="keep",
        )
        sink = Path(running.environment["DEMO_SINK_DIRECTORY"])
        wait_until(lambda: copies(sink, words) == 1, 30, "the answer at the relay")
        if how is signal.SIGSTOP:
            assert running.pid("valkey") == broker  # nobody has helped it meanwhile
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(broker, signal.SIGCONT)
    state = "SELECT r.state FROM whitelabel_outboundrecipient r WHERE r.mail_id = (SELECT max(id) FROM whitelabel_outboundmail)"
    wait_until(lambda: running.rows(state) == [("sent",)], 30, "the answer to be shown as sent")
    assert copies(sink, words) == 1


def copies(sink: Path, words: str) -> int:
    """How many mails the relay has that hold these words."""
    return sum(words.encode() in path.read_bytes() for path in sink.glob("*.eml"))
