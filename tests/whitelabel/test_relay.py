"""The SMTP client against a real server, well-behaved and otherwise."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.outgoing import within
from tests.support.relay import HANG_UP, SILENCE, FakeRelay, Misbehaviour, fake_relay
from whitelabel import relay
from whitelabel.relay import Envelope, Outcome, Relay, RelayUnavailable
from whitelabel.relay_session import RelayAddress

MAIL = b"From: a@b.se\r\n\r\nHej\r\n.\r\n..x\r\n"
SENDER, RECIPIENT = "b.abc@mail.kundo.se", "barry@example.org"


@pytest.fixture(params=[False, True], ids=["one by one", "pipelining"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeRelay]:
    """A relay that wants commands one by one, and one that takes them together."""
    with fake_relay() as running:
        running.pipelining = request.param
        yield running


def test_octets_arrive_as_they_are_with_dots_at_the_start_of_lines(server: FakeRelay) -> None:
    client = server.client()
    assert client.send(SENDER, RECIPIENT, MAIL).outcome is Outcome.ACCEPTED
    client.close()
    [taken] = server.taken
    assert (taken.envelope_sender, taken.recipient, taken.content) == (SENDER, RECIPIENT, MAIL)


def test_one_connection_carries_many_mails_and_is_renewed_after_its_share(server: FakeRelay) -> None:
    client = server.client(mails_per_connection=3)
    assert all(client.send(SENDER, RECIPIENT, MAIL).outcome is Outcome.ACCEPTED for _ in range(7))
    client.close()
    assert len(server.taken) == 7
    assert server.connections == 3


def test_a_connection_idle_for_too_long_is_not_trusted() -> None:
    with fake_relay() as server:
        client = server.client(idle_seconds=0.05)
        client.send(SENDER, RECIPIENT, MAIL)
        time.sleep(0.1)
        client.send(SENDER, RECIPIENT, MAIL)
        client.close()
    assert server.connections == 2


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize(
    ("reply", "outcome", "status"),
    [
        (b"550 5.1.1 no such user", Outcome.REFUSED, "5.1.1"),
        (b"554 go away", Outcome.REFUSED, "5.0.0"),
        (b"451 4.7.1 try later", Outcome.LATER, "4.7.1"),
    ],
)
def test_a_refusal_at_any_stage_is_about_this_mail_only(
    server: FakeRelay, stage: str, reply: bytes, outcome: Outcome, status: str
) -> None:
    client = server.client()
    server.answer = lambda at, line: reply if at == stage else None
    answer = client.send(SENDER, RECIPIENT, MAIL)
    server.answer = lambda at, line: None
    assert client.send(SENDER, RECIPIENT, MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert (answer.outcome, answer.status, answer.trouble) == (outcome, status, False)
    assert answer.text == reply.decode()
    assert server.connections == 1


@pytest.mark.parametrize("reply", [b"421 4.3.2 shutting down", b"530 5.7.0 log in first", b"454 4.7.0 no"])
def test_replies_about_the_session_never_give_a_mail_up(server: FakeRelay, reply: bytes) -> None:
    server.answer = lambda at, line: reply if at == "mail" else None
    answer = server.client().send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.trouble) == (Outcome.LATER, True)


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [("mail", Outcome.LATER), ("rcpt", Outcome.LATER), ("data", Outcome.LATER), ("dot", Outcome.UNKNOWN)],
)
@pytest.mark.parametrize("fault", [HANG_UP, SILENCE])
def test_only_a_break_after_the_final_dot_leaves_the_outcome_unknown(
    server: FakeRelay, stage: str, outcome: Outcome, fault: Misbehaviour
) -> None:
    server.answer = lambda at, line: fault if at == stage else None
    answer = server.client(timeout_seconds=0.3, dot_seconds=0.3).send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.trouble) == (outcome, True)


def test_the_reply_to_the_final_dot_is_awaited_longer_than_others(server: FakeRelay) -> None:
    server.answer = lambda at, line: Misbehaviour("late", 1) if at == "dot" else None
    beats: list[float] = []
    client = server.client(timeout_seconds=0.3, dot_seconds=5, beat_seconds=0.2)
    answer = client.send(SENDER, RECIPIENT, MAIL, waiting=lambda: beats.append(time.monotonic()))
    client.close()
    assert answer.outcome is Outcome.ACCEPTED
    assert 3 <= len(beats) <= 5


LARGE = b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 6000


@pytest.mark.slow
def test_a_relay_that_reads_slowly_gets_the_content_in_a_time_of_its_own() -> None:
    with fake_relay() as server:
        server.octets_a_second = len(LARGE) / 3
        client = server.client(timeout_seconds=0.5, envelope_seconds=1, content_seconds=20)
        answer = client.send(SENDER, RECIPIENT, LARGE)
        client.close()
    assert answer.outcome is Outcome.ACCEPTED
    assert [taken.content for taken in server.taken] == [LARGE]


@pytest.mark.parametrize(("octets_a_second", "longest"), [(1, 1.5), (100_000, 4)], ids=["stuck", "slow"])
def test_a_relay_that_reads_too_slowly_is_left_before_the_dot(octets_a_second: float, longest: float) -> None:
    with fake_relay() as server:
        server.octets_a_second = octets_a_second
        begun = time.monotonic()
        answer = server.client(timeout_seconds=0.5, content_seconds=2).send(SENDER, RECIPIENT, LARGE)
    assert (answer.outcome, answer.trouble) == (Outcome.LATER, True)
    assert time.monotonic() - begun < longest
    assert server.taken == []


class _BreaksAfterTheDot:
    """A socket whose connection is reset when the dot has left and what comes after it has not."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def send(self, octets: bytes) -> int:
        end = bytes(octets).find(b"\r\n.\r\n")
        if end < 0:
            return self._socket.send(octets)
        self._socket.sendall(octets[: end + 5])
        raise ConnectionResetError("reset")

    sendall = send


def test_a_break_while_the_next_mail_is_announced_leaves_the_outcome_unknown() -> None:
    with fake_relay() as server:
        server.pipelining = True
        client = server.client()
        session = client.open()
        session.sock = _BreaksAfterTheDot(session.sock)  # type: ignore[assignment]
        answer = client.send(SENDER, RECIPIENT, b"From: a@b.se\r\n\r\nHej\r\n", following=NEXT)
        within(5, lambda: server.taken)
    assert (answer.outcome, answer.trouble) == (Outcome.UNKNOWN, True)


def test_a_relay_that_sends_one_octet_at_a_time_is_cut_off(server: FakeRelay) -> None:
    server.answer = lambda at, line: Misbehaviour("slow", 0.2) if at == "rcpt" else None
    begun = time.monotonic()
    answer = server.client(timeout_seconds=5, envelope_seconds=0.5).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.LATER
    assert time.monotonic() - begun < 2


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["connect", "ehlo"])
def test_a_relay_that_greets_one_octet_a_second_is_given_up_after_its_time(server: FakeRelay, stage: str) -> None:
    server.answer = lambda at, line: Misbehaviour("slow", 1) if at == stage else None
    begun = time.monotonic()
    with pytest.raises(RelayUnavailable, match=r"timed out|too long"):
        server.client(timeout_seconds=5, session_seconds=1.5).send(SENDER, RECIPIENT, MAIL)
    assert time.monotonic() - begun < 4


def test_a_relay_that_never_says_goodbye_is_left(server: FakeRelay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "GOODBYE_SECONDS", 0.2)
    client = server.client(timeout_seconds=20)
    client.send(SENDER, RECIPIENT, MAIL)
    server.answer = lambda at, line: SILENCE if at == "quit" else None
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < 2


def test_a_server_that_asks_for_the_content_of_a_refused_mail_gets_none(server: FakeRelay) -> None:
    server.careless = True
    server.answer = lambda at, line: b"550 5.1.1 no such user" if at == "rcpt" else None
    client = server.client()
    answer = client.send(SENDER, RECIPIENT, MAIL)
    server.answer = lambda at, line: None
    assert client.send(SENDER, RECIPIENT, MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert (answer.outcome, answer.status) == (Outcome.REFUSED, "5.1.1")
    assert [taken.content for taken in server.taken] == [MAIL]
    assert server.connections == 1


def test_commands_are_given_together_where_the_relay_takes_them_so(server: FakeRelay) -> None:
    heard: list[str] = []
    server.answer = lambda at, line: heard.append(at) or (b"550 5.7.1 not you" if at == "mail" else None)
    server.client().send(SENDER, RECIPIENT, MAIL)
    assert heard[2:] == (["mail", "rcpt", "data"] if server.pipelining else ["mail"])


NEXT = Envelope("b.def@mail.kundo.se", "anna@example.org", len(MAIL))


def test_the_next_mail_is_announced_together_with_the_content_of_this_one(server: FakeRelay) -> None:
    heard: list[str] = []
    server.answer = lambda at, line: heard.append(at)
    client = server.client()
    assert client.send(SENDER, RECIPIENT, MAIL, following=NEXT).outcome is Outcome.ACCEPTED
    within(5, lambda: heard.count("data") == 1 + server.pipelining)
    assert client.send(NEXT.sender, NEXT.recipient, MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert heard.count("mail") == heard.count("data") == heard.count("dot") == 2
    assert [taken.recipient for taken in server.taken] == [RECIPIENT, NEXT.recipient]
    assert {taken.content for taken in server.taken} == {MAIL}
    assert server.connections == 1


@pytest.mark.parametrize("instead", ["another", "nothing"])
def test_a_mail_that_was_announced_and_not_sent_leaves_no_trace(server: FakeRelay, instead: str) -> None:
    client = server.client()
    client.send(SENDER, RECIPIENT, MAIL, following=NEXT)
    if instead == "another":
        assert client.send(SENDER, "cecilia@example.org", MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert [taken.recipient for taken in server.taken] == [RECIPIENT, "cecilia@example.org"][
        : 1 + (instead == "another")
    ]
    assert {taken.content for taken in server.taken} == {MAIL}


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_refusal_of_the_announced_mail_is_about_that_one_only(server: FakeRelay, stage: str) -> None:
    server.answer = lambda at, line: b"550 5.1.1 no" if at == stage and server.taken else None
    client = server.client()
    assert client.send(SENDER, RECIPIENT, MAIL, following=NEXT).outcome is Outcome.ACCEPTED
    answer = client.send(NEXT.sender, NEXT.recipient, MAIL)
    server.answer = lambda at, line: None
    assert client.send(SENDER, "cecilia@example.org", MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert (answer.outcome, answer.trouble) == (Outcome.REFUSED, False)
    assert [taken.recipient for taken in server.taken] == [RECIPIENT, "cecilia@example.org"]
    assert server.connections == 1


def test_a_break_after_the_dot_is_unknown_for_that_mail_and_not_for_the_announced_one(server: FakeRelay) -> None:
    server.answer = lambda at, line: HANG_UP if at == "dot" and line == RECIPIENT.encode() else None
    client = server.client()
    assert client.send(SENDER, RECIPIENT, MAIL, following=NEXT).outcome is Outcome.UNKNOWN
    assert client.send(NEXT.sender, NEXT.recipient, MAIL).outcome is Outcome.ACCEPTED
    client.close()
    assert [taken.recipient for taken in server.taken] == [RECIPIENT, NEXT.recipient]  # what it took, not what it said


def test_a_connection_is_renewed_after_its_share_of_announced_mails_too(server: FakeRelay) -> None:
    client = server.client(mails_per_connection=3)
    for _ in range(7):
        assert client.send(SENDER, RECIPIENT, MAIL, following=Envelope(SENDER, RECIPIENT, len(MAIL))).text[:3] == "250"
    client.close()
    assert len(server.taken) == 7
    assert server.connections == 3


@pytest.mark.parametrize("fault", [HANG_UP, b"554 5.7.1 not you", b"421 4.7.0 later"])
def test_a_relay_that_does_not_greet_is_unavailable(fault: bytes | Misbehaviour) -> None:
    with fake_relay() as server:
        server.answer = lambda at, line: fault if at == "connect" else None
        with pytest.raises(RelayUnavailable):
            server.client().send(SENDER, RECIPIENT, MAIL)


def test_nobody_listening_is_unavailable() -> None:
    with fake_relay() as server:
        port = server.port
    with pytest.raises(RelayUnavailable, match=str(port)):
        Relay(RelayAddress("smtp", "127.0.0.1", port, timeout_seconds=1)).send(SENDER, RECIPIENT, MAIL)


@pytest.mark.parametrize("address", ["a b@c.se", "a@b.se>\r\nRCPT TO:<x@y.se", "å@b.se", "a@b.se\0"])
def test_an_address_that_could_break_the_protocol_never_reaches_the_relay(address: str) -> None:
    with fake_relay() as server:
        assert server.client().send(SENDER, address, MAIL).outcome is Outcome.REFUSED
        assert server.client().send(address, RECIPIENT, MAIL).outcome is Outcome.REFUSED
    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "user", "password"),
    [
        ("smtp://127.0.0.1:2526", "smtp", "127.0.0.1", 2526, "", ""),
        ("smtp+starttls://us%40er:p%2Fw@relay.example", "smtp+starttls", "relay.example", 587, "us@er", "p/w"),
        ("smtps://relay.example", "smtps", "relay.example", 465, "", ""),
    ],
)
def test_the_relay_is_named_by_one_url(settings, url, scheme, host, port, user, password) -> None:
    settings.RELAY_URL = url
    address = RelayAddress.from_settings()
    assert (address.scheme, address.host, address.port) == (scheme, host, port)
    assert (address.user, address.password) == (user, password)
    assert not password or password not in repr(address)


@pytest.mark.parametrize("url", ["http://x", "smtp://", "relay.example:25"])
def test_a_relay_url_that_names_no_relay_is_refused(settings, url: str) -> None:
    settings.RELAY_URL = url
    with pytest.raises(ValueError, match="RELAY_URL"):
        RelayAddress.from_settings()
