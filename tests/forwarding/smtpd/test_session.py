"""Commands, their limits, and peers that are no mail servers."""

from __future__ import annotations

import time

import pytest

from forwarding.smtpd.limits import Limits
from tests.support.smtp import RECIPIENT, RawSession, Running, TableDirectory, receiving

DATA = b"Subject: x\r\n\r\nx\r\n."


def test_offers_what_it_keeps_and_nothing_else(server: Running) -> None:
    with server.session() as session:
        session.reply()
        offered = {line[4:].split()[0] for line in session.command(b"EHLO x").splitlines()[1:]}
    assert offered == {b"SIZE", b"8BITMIME", b"SMTPUTF8", b"PIPELINING", b"ENHANCEDSTATUSCODES"}


def test_size_is_advertised(server: Running) -> None:
    with server.session() as session:
        session.reply()
        assert b"250-SIZE 52428800\r\n" in session.command(b"EHLO x")


def test_commands_may_end_with_a_bare_line_feed(either: Running) -> None:
    with either.session() as session:
        session.reply()
        session.send(b"EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<%s>\n" % RECIPIENT.encode())
        assert [reply[:3] for reply in session.replies(3)] == [b"250"] * 3


def test_bare_line_feeds_are_counted(server: Running, session: RawSession) -> None:
    session.send(b"NOOP\nNOOP\r\nNOOP\n")
    session.replies(3)
    assert server.service is not None
    assert server.service.bare_newlines == 2


@pytest.mark.parametrize("verb", [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"])
def test_web_client_is_sent_away(server: Running, verb: bytes) -> None:
    with server.session() as session:
        session.reply()
        session.send(verb + b" / HTTP/1.1\r\nHost: a\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.c>\r\n")
        assert session.reply().startswith(b"221 ")
        assert session.reply() == b""


def test_stock_server_goes_on_with_a_web_client(stock: Running) -> None:
    with stock.session() as session:
        session.reply()
        session.send(b"POST / HTTP/1.1\r\nHost: a\r\nEHLO x\r\n")
        assert [reply[:3] for reply in session.replies(3)] == [b"500", b"500", b"250"]


@pytest.mark.parametrize("line", [b"BDAT 5 LAST", b"ETRN x", b"XCLIENT ADDR=1.2.3.4", b"TURN", b"DEBUG", b"", b"\xff"])
def test_unknown_verb_is_refused(session: RawSession, line: bytes) -> None:
    assert session.command(line).startswith(b"500 5.5.2 ")


def test_fifth_unknown_verb_ends_the_session(session: RawSession) -> None:
    refused = [session.command(line)[:4] for line in (b"BDAT 5 LAST", b"ETRN", b"XCLIENT", b"TURN")]
    assert refused == [b"500 "] * 4
    assert session.command(b"DEBUG").startswith(b"502 5.5.1 ")
    assert session.reply() == b""


def test_authentication_is_refused(session: RawSession) -> None:
    assert session.command(b"AUTH PLAIN AGEAYg==").startswith(b"538 5.7.11 ")


def test_curious_commands_tell_nothing(session: RawSession) -> None:
    assert session.command(b"VRFY root").startswith(b"252 ")
    assert session.command(b"EXPN all").startswith(b"502 ")
    assert session.command(b"HELP") == b"214 2.0.0 See RFC 5321\r\n"


def test_repeated_ehlo_raises_no_limit(session: RawSession) -> None:
    for _ in range(15):
        session.command(b"EHLO x")
    assert session.command(b"MAIL FROM:<%s>" % (b"a" * 1_100)).startswith(b"500 5.5.2 ")
    assert session.command(b"MAIL FROM:<%s>" % (b"a" * 800)).startswith(b"500 5.5.2 ")
    assert session.command(b"MAIL FROM:<%s>" % (b"a" * 500)).startswith(b"250")


def test_stock_server_lets_ehlo_raise_the_limit(stock: Running) -> None:
    with stock.session().greet() as session:
        for _ in range(15):
            session.command(b"EHLO x")
        assert session.command(b"MAIL FROM:<%s>" % (b"a" * 800)).startswith(b"250")


@pytest.mark.parametrize("octets", [513, 5_000, 200_000])
def test_overlong_command_line_is_refused_and_the_session_goes_on(session: RawSession, octets: int) -> None:
    assert session.command(b"NOOP " + b"x" * (octets - 5)).startswith(b"500 5.5.2 ")
    assert session.command(b"NOOP").startswith(b"250")


def test_command_line_without_end_ends_the_session(session: RawSession) -> None:
    try:
        for _ in range(40):
            session.send(b"x" * 65_536)
    except ConnectionError:
        return
    assert session.reply()[:3] in (b"421", b"")


def test_101st_recipient_is_put_off_without_counting_as_error() -> None:
    with receiving(Limits(errors=0)) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        codes = [session.command(b"RCPT TO:<%s>" % RECIPIENT.encode())[:10] for _ in range(150)]
        assert codes == [b"250 2.1.5 "] * 100 + [b"452 4.5.3 "] * 50
        session.command(b"DATA")
        assert session.command(DATA).startswith(b"250")
        assert len(server.spool.mails[0].envelope.recipients) == 100


def test_stock_server_takes_any_number_of_recipients(stock: Running) -> None:
    with stock.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert [session.command(b"RCPT TO:<a@b.c>")[:3] for _ in range(150)] == [b"250"] * 150


def test_501st_command_ends_the_session(session: RawSession) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    session.send(b"RCPT TO:<%s>\r\n" % RECIPIENT.encode() * 600)
    codes = [session.reply()[:4] for _ in range(499)]
    assert codes == [b"250 "] * 100 + [b"452 "] * 398 + [b"421 "]
    assert session.is_closed()


def test_commands_of_delivered_messages_do_not_count() -> None:
    with receiving(Limits(commands=12)) as server, server.session().greet() as session:
        for _ in range(10):
            session.envelope()
            assert session.command(DATA).startswith(b"250")


def test_20_noops_are_answered(session: RawSession) -> None:
    assert [session.command(b"NOOP")[:4] for _ in range(20)] == [b"250 "] * 20
    assert session.command(b"NOOP").startswith(b"421 4.7.0 ")
    assert session.reply() == b""


def test_20_unknown_recipients_are_answered(session: RawSession) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    codes = [session.command(b"RCPT TO:<x%d@mail.kundo.se>" % number)[:10] for number in range(20)]
    assert codes == [b"550 5.1.1 "] * 20
    assert session.command(b"RCPT TO:<x@mail.kundo.se>").startswith(b"421 4.7.0 ")
    assert session.reply() == b""


def test_20_errors_are_answered(session: RawSession) -> None:
    assert [session.command(b"MAIL")[:4] for _ in range(20)] == [b"501 "] * 20
    assert session.command(b"MAIL").startswith(b"421 4.7.0 ")


def test_silent_peer_is_told_and_left() -> None:
    with receiving(Limits(command_seconds=0.3)) as server, server.session().greet() as session:
        began = time.monotonic()
        assert session.reply().startswith(b"421 4.4.2 ")
        assert session.reply() == b""
        assert 0.2 < time.monotonic() - began < 3


def test_busy_session_ends_after_its_time() -> None:
    with receiving(Limits(session_seconds=0.5, noops=10_000)) as server, server.session().greet() as session:
        deadline = time.monotonic() + 5
        reply = b""
        while not reply.startswith(b"421") and time.monotonic() < deadline:
            time.sleep(0.05)
            reply = session.command(b"NOOP")
        assert reply.startswith(b"421 4.7.0 ")


def test_quiet_session_ends_after_its_time() -> None:
    with receiving(Limits(session_seconds=0.4)) as server, server.session().greet() as session:
        assert session.reply().startswith(b"421 4.7.0 ")


def test_message_under_way_is_finished_after_the_session_time() -> None:
    with receiving(Limits(session_seconds=0.3)) as server, server.session().hello() as session:
        time.sleep(0.6)
        assert session.command(DATA).startswith(b"250")
        assert session.reply().startswith(b"421 4.7.0 ")


def test_peer_that_never_reads_is_left() -> None:
    limits = Limits(command_seconds=0.3, linger_seconds=0.3, commands=10**9)
    with receiving(limits) as server, server.session() as session:
        session.reply()
        session.socket.settimeout(0.5)
        with pytest.raises((TimeoutError, ConnectionError)):
            send_for_ever(session)
        assert_empty(server)


def send_for_ever(session: RawSession) -> None:
    """Write commands and never read a reply."""
    while True:
        session.send(b"EHLO x\r\n" * 10_000)


def assert_empty(server: Running) -> None:
    """Wait until no session is left."""
    assert server.service is not None
    deadline = time.monotonic() + 5
    while server.service.sessions:
        assert time.monotonic() < deadline, "a session is still open"
        time.sleep(0.02)


def test_half_closed_peer_still_gets_its_replies(server: Running) -> None:
    with server.session().hello() as session:
        session.send(DATA + b"\r\nQUIT\r\n")
        session.socket.shutdown(1)
        assert [reply[:3] for reply in session.replies(2)] == [b"250", b"221"]


def test_pipelined_commands_are_answered_in_order(server: Running) -> None:
    with server.session() as session:
        session.send(b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<%s>\r\nDATA\r\n" % RECIPIENT.encode())
        assert [reply[:3] for reply in session.replies(5)] == [b"220", b"250", b"250", b"250", b"354"]
        assert session.command(DATA).startswith(b"250")


def test_message_sent_before_354_ends_the_session(server: Running) -> None:
    with server.session() as session:
        commands = b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<%s>\r\nDATA\r\n" % RECIPIENT.encode()
        session.send(commands + DATA + b"\r\nQUIT\r\n")
        assert [reply[:3] for reply in session.replies(5)] == [b"220", b"250", b"250", b"250", b"503"]
        assert session.reply() == b""
    assert server.spool.mails == []


def test_flood_of_pipelined_recipients_does_not_delay_others() -> None:
    directory = TableDirectory({"jobb.lillestad.se": 1})
    with receiving(directory=directory) as server, server.session().greet() as flooding, server.session() as other:
        flooding.command(b"MAIL FROM:<a@b.c>")
        other.greet()
        flooding.send(b"RCPT TO:<%s>\r\n" % RECIPIENT.encode() * 5_000)
        began = time.monotonic()
        assert other.command(b"NOOP").startswith(b"250")
        assert time.monotonic() - began < 0.2
