"""Mail services as relay, against a server on loopback that answers as their APIs do."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dkim
import pytest

from organizations import scope
from tests.support import builders
from tests.support.outgoing import activated, age, fate, publishing, queued, some_key_pair, verdict
from whitelabel import keys, relays, signing
from whitelabel.delivery import Courier
from whitelabel.relay import Outcome, RelayUnavailable
from whitelabel.relay_api import ApiAddress, ApiRelay
from whitelabel.tokens import read_verp

pytest.importorskip("anymail", reason="django-anymail is missing: make dev")

SERVICES = ("mailgun", "amazon-ses")
SENDER, RECIPIENT = "b.abc@mgeu.lillestad.se", "barry@example.org"
MAIL = b"From: a@b.se\r\nDate: Thu, 12 Mar 2026 10:42:00 +0100\r\nMessage-ID: <1@b.se>\r\n\r\n.Hej\r\n\xc3\xa5\r\n"
MAILGUN_TOOK = (200, {"id": "<20260312.1@mg.example.se>", "message": "Queued. Thank you."})
SES_TOOK = (200, {"MessageId": "0102018f-000000"})


@dataclass
class Asked:
    """One request the service took: where, with which credentials, for whom, from whom, and the mail's octets."""

    path: str
    authorization: str
    recipient: str
    return_path: str
    content: bytes
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """A mail service. `answer` is its next answers' status and JSON; `pause` how long it takes for them, in seconds."""

    name: str
    url: str = ""
    answer: tuple[int, dict[str, Any]] | None = None
    pause: float = 0
    asked: list[Asked] = field(default_factory=list)
    requests: int = 0

    @property
    def relay_url(self) -> str:
        if self.name == "mailgun":
            return f"anymail+mailgun://key-abc@mg.example.se?endpoint={self.url}/v3"
        return f"anymail+amazon-ses://AKIAEXAMPLE:se%2Fcret@eu-north-1?endpoint={self.url}"

    def relay(self) -> ApiRelay:
        return ApiRelay(ApiAddress.of(self.relay_url))


def _mailgun(path: str, headers: Any, body: bytes) -> Asked:
    form = message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    # The octets as they came: a parser of mail would read the attached mail.
    start = body.index(b"\r\n\r\n", body.index(b'name="message"')) + 4
    content = body[start : body.index(b"\r\n--" + form.get_boundary("").encode(), start)]
    parts = {p.get_param("name", header="content-disposition"): p for p in form.get_payload()}  # type: ignore[union-attr]
    fields = {str(name): str(part.get_payload()) for name, part in parts.items() if name != "message"}  # type: ignore[union-attr]
    return Asked(path, headers["Authorization"], fields["to"], "", content, fields)


def _ses(path: str, headers: Any, body: bytes) -> Asked:
    request = json.loads(body)
    [recipient] = request["Destination"]["ToAddresses"]
    content = base64.b64decode(request["Content"]["Raw"]["Data"])
    return Asked(path, headers["Authorization"], recipient, request["FeedbackForwardingEmailAddress"], content)


@contextmanager
def serving(name: str) -> Iterator[Service]:
    service = Service(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            read, took = (_mailgun, MAILGUN_TOOK) if name == "mailgun" else (_ses, SES_TOOK)
            status, answer = service.answer or took
            service.requests += 1
            if status == 200:
                service.asked.append(read(self.path, self.headers, body))
            time.sleep(service.pause)
            octets = json.dumps(answer).encode()
            self.send_response(status)
            if "__type" in answer:
                self.send_header("x-amzn-ErrorType", answer["__type"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with serving(request.param) as running:
        yield running


def test_the_octets_arrive_unchanged_for_one_recipient_with_the_credentials(service: Service) -> None:
    relay = service.relay()
    answer = relay.send(SENDER, RECIPIENT, MAIL)
    relay.close()
    [asked] = service.asked
    assert (answer.outcome, asked.content, asked.recipient) == (Outcome.ACCEPTED, MAIL, RECIPIENT)
    assert "queued as" in answer.text
    if service.name == "mailgun":
        assert asked.path == "/v3/mg.example.se/messages.mime"
        assert base64.b64decode(asked.authorization.removeprefix("Basic ")) == b"api:key-abc"
        assert asked.fields["o:tracking"] == "no"
    else:
        assert asked.path == "/v2/email/outbound-emails"
        assert "Credential=AKIAEXAMPLE/" in asked.authorization
        assert asked.return_path == SENDER


@pytest.mark.parametrize(
    ("name", "answer", "outcome", "trouble"),
    [
        ("mailgun", (400, {"message": "to parameter is not a valid address"}), Outcome.REFUSED, False),
        ("mailgun", (413, {"message": "too large"}), Outcome.REFUSED, False),
        ("mailgun", (401, {"message": "Forbidden"}), Outcome.LATER, True),
        ("mailgun", (404, {"message": "Domain not found: mg.example.se"}), Outcome.LATER, True),
        ("mailgun", (429, {"message": "Slow down"}), Outcome.LATER, True),
        ("mailgun", (503, {"message": "Busy"}), Outcome.LATER, True),
        ("mailgun", (502, {"message": "Bad gateway"}), Outcome.UNKNOWN, True),
        ("mailgun", (200, {"strange": "answer"}), Outcome.UNKNOWN, True),
        ("amazon-ses", (400, {"__type": "MessageRejected", "message": "Not allowed"}), Outcome.REFUSED, False),
        ("amazon-ses", (400, {"__type": "SendingPausedException", "message": "Paused"}), Outcome.LATER, True),
        ("amazon-ses", (403, {"__type": "AccessDeniedException", "message": "No"}), Outcome.LATER, True),
        ("amazon-ses", (429, {"__type": "TooManyRequestsException", "message": "Rate"}), Outcome.LATER, True),
        ("amazon-ses", (500, {"__type": "InternalServiceErrorException", "message": "?"}), Outcome.UNKNOWN, True),
    ],
)
def test_what_the_service_says_decides_what_becomes_of_the_mail(
    name: str, answer: tuple[int, dict[str, Any]], outcome: Outcome, trouble: bool
) -> None:
    with serving(name) as service:
        service.answer = answer
        reply = service.relay().send(SENDER, RECIPIENT, MAIL)
    assert (reply.outcome, reply.trouble) == (outcome, trouble), reply.text
    assert name == "mailgun" or str(answer[1]["message"]) in reply.text


def test_a_service_that_is_silent_may_have_the_mail_and_is_asked_once(service: Service, settings: Any) -> None:
    settings.RELAY_TIMEOUT_SECONDS = 1
    service.pause = 3
    reply = service.relay().send(SENDER, RECIPIENT, MAIL)
    assert (reply.outcome, reply.trouble) == (Outcome.UNKNOWN, True)
    assert len(service.asked) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_cannot_be_reached_costs_no_attempt(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(RelayUnavailable):
        Service(name, f"http://127.0.0.1:{port}").relay().send(SENDER, RECIPIENT, MAIL)


@pytest.mark.parametrize("service_name", ["postmark", "sendgrid", "resend", "anything"])
def test_a_service_that_builds_mail_anew_is_refused_in_words(settings: Any, service_name: str) -> None:
    settings.RELAY_URL = f"anymail+{service_name}://key@example.se"
    with pytest.raises(ValueError, match="breaks its signature"):
        relays.from_settings()


@pytest.mark.parametrize("url", ["anymail+mailgun://", "anymail+amazon-ses:"])
def test_a_url_without_a_place_is_refused(settings: Any, url: str) -> None:
    settings.RELAY_URL = url
    with pytest.raises(ValueError, match="RELAY_URL is"):
        relays.from_settings()


def test_the_key_is_not_shown() -> None:
    address = ApiAddress.of("anymail+amazon-ses://AKIAEXAMPLE:secret@eu-north-1")
    assert "secret" not in repr(address)
    assert "AKIAEXAMPLE" not in repr(address)


@pytest.mark.django_db
def test_an_answer_leaves_through_the_service_with_a_signature_that_holds(service: Service, settings: Any) -> None:
    settings.RELAY_URL = service.relay_url
    town = builders.town()
    with scope.organization(town.organization):
        activated(town.inbox, [verdict("dkim-k1")])
        mail = queued(town.inbox, RECIPIENT, "anna@example.org")
    courier = Courier()
    assert courier.step() == 1
    courier.close()
    assert fate(town.organization, mail) == ("sent", {RECIPIENT: "sent", "anna@example.org": "sent"})
    assert [asked.recipient for asked in service.asked] == [RECIPIENT, "anna@example.org"]
    for asked in service.asked:
        assert asked.content == bytes(mail.content)
        assert dkim.verify(asked.content, dnsfunc=publishing("k1._domainkey.mgeu.lillestad.se"))
        if service.name == "amazon-ses":
            token = read_verp(keys.token_keys(), asked.return_path.partition("@")[0])
            assert token is not None
            assert token.message_id == mail.pk


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("trouble", ["a gateway", "silence"])
def test_a_service_whose_answers_never_come_gets_a_mail_so_many_times(
    service: Service, settings: Any, trouble: str
) -> None:
    settings.RELAY_URL, settings.RELAY_QUESTION = service.relay_url, ""
    settings.RELAY_PAUSE_SECONDS = settings.RELAY_LONGEST_PAUSE_SECONDS = 0
    if trouble == "silence":
        settings.RELAY_TIMEOUT_SECONDS, service.pause = 1, 2
    else:
        service.answer = (502, {"message": "Bad gateway"})
    town = builders.town()
    with scope.organization(town.organization):
        mail = queued(town.inbox, RECIPIENT)
    courier = Courier()
    for _ in range(10):
        courier.step()
        age(mail, timedelta(minutes=75))
    courier.close()
    assert service.requests == settings.OUTBOX_UNSURE_TRIES
    assert fate(town.organization, mail) == ("failed", {RECIPIENT: "unsure"})


def test_a_signature_holds_where_the_relay_writes_message_id_and_date_anew(settings: Any) -> None:
    settings.RELAY_REWRITES = ("Message-ID", "Date")
    key = signing.SigningKey("mgeu.lillestad.se", "k1", keys.encrypt(some_key_pair().private_pem))
    signed = signing.sign(MAIL, key)
    rewritten = signed.replace(b"<1@b.se>", b"<0102@eu-north-1.amazonses.com>").replace(b"10:42:00", b"10:42:07")
    assert rewritten != signed
    assert dkim.verify(rewritten, dnsfunc=publishing("k1._domainkey.mgeu.lillestad.se"))
    assert not dkim.verify(b"From: x@y.se\r\n" + rewritten, dnsfunc=publishing("k1._domainkey.mgeu.lillestad.se"))
