"""MAIL and RCPT: which addresses are taken, which are refused, and what is stored of them."""

from __future__ import annotations

import pytest

from forwarding.smtpd import replies
from forwarding.smtpd.limits import Limits
from tests.support.smtp import OURS, RECIPIENT, RawSession, Running, TableDirectory, receiving, stock_server

DATA = b"Subject: x\r\n\r\nx\r\n."
FORBIDDEN = [b"<a\r@b.c>", b'<"a\rX: y"@b>', b"<a\0@b.c>", "<\u202e@b.c>".encode(), b"<a\x7f@b.c>", b"<\xff@b.c>"]
RELAYS = [
    "a@evil.org",
    f"a%evil.org@{OURS}",
    f"evil.org!a@{OURS}",
    f'"a@evil.org"@{OURS}',
    f"@{OURS}:a@evil.org",
    "a@[127.0.0.1]",
]


@pytest.mark.parametrize("path", FORBIDDEN)
def test_recipient_with_forbidden_characters_is_refused(server: Running, session: RawSession, path: bytes) -> None:
    session.command(b"MAIL FROM:<a@b.c> SMTPUTF8")
    assert session.command(b"RCPT TO:" + path).startswith(b"553 5.1.3 ")
    assert server.directory.asked == []


@pytest.mark.parametrize("path", FORBIDDEN[:-1])
def test_sender_with_forbidden_characters_is_refused(session: RawSession, path: bytes) -> None:
    assert session.command(b"MAIL FROM:" + path).startswith(b"553 5.1.3 ")


@pytest.mark.parametrize("path", [b"<a\r@b.c>", "<\u202e@b.c>".encode()])
def test_stock_server_keeps_forbidden_characters(path: bytes) -> None:
    with stock_server(enable_SMTPUTF8=True) as stock, stock.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"RCPT TO:" + path).startswith(b"250")


@pytest.mark.parametrize(
    "path",
    [
        f"<@r1,@r2:{RECIPIENT}>",
        f"<{RECIPIENT}",
        f"<(c){RECIPIENT}>",
        f"{RECIPIENT}",
        f" <{RECIPIENT.upper()}>",
        f"<{RECIPIENT}.>",
        f'<"jobb.lillestad.se"@{OURS}>',
    ],
)
def test_sloppy_path_is_looked_up_and_stored_as_given(server: Running, session: RawSession, path: str) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b"RCPT TO:" + path.encode()).startswith(b"250")
    session.command(b"DATA")
    assert session.command(DATA).startswith(b"250")
    [recipient] = server.spool.mails[0].envelope.recipients
    assert recipient.argument == path.strip(" ").removeprefix("<").removesuffix(">")
    assert recipient.address == RECIPIENT


def test_unterminated_quote_is_not_found(session: RawSession) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b'RCPT TO:<"a\\').startswith((b"550 5.1.1", b"553 5.1.3"))


def test_empty_recipient_is_refused(session: RawSession) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b"RCPT TO:<>").startswith(b"501 5.1.3 ")


@pytest.mark.parametrize("recipient", RELAYS)
def test_nothing_is_relayed(session: RawSession, recipient: str) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b"RCPT TO:<%s>" % recipient.encode()).startswith((b"550 5.7.1 ", b"550 5.1.1 "))


def test_stock_server_is_an_open_relay(stock: Running) -> None:
    with stock.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"RCPT TO:<a@evil.org>").startswith(b"250")


@pytest.mark.parametrize("recipient", ["postmaster", "Postmaster", f"POSTMASTER@{OURS}", f"abuse@{OURS}"])
def test_operator_addresses_are_accepted(session: RawSession, recipient: str) -> None:
    session.command(b"MAIL FROM:<>")
    assert session.command(b"RCPT TO:<%s>" % recipient.encode()).startswith(b"250")


def test_null_sender_is_stored_as_empty(server: Running, session: RawSession) -> None:
    session.envelope(sender="")
    assert session.command(DATA).startswith(b"250")
    assert server.spool.mails[0].envelope.mail_from == ""


@pytest.mark.parametrize(
    "sender",
    [
        "a,b@b.se",
        "bounces+SRS=x=y@x.onmicrosoft.com",
        "SRS0=ab=cd=x.se=anna@y.se",
        '"a b"@b.se',
        "åsa@östersund.se",
        "utan-domän",
    ],
)
def test_odd_sender_is_stored_as_text(server: Running, session: RawSession, sender: str) -> None:
    session.envelope(sender=sender)
    assert session.command(DATA).startswith(b"250")
    assert server.spool.mails[0].envelope.mail_from == sender


def test_sender_in_latin_1_is_stored_as_text(server: Running, session: RawSession) -> None:
    assert session.command(b"MAIL FROM:<\xe5sa@b.se>").startswith(b"250")
    session.command(b"RCPT TO:<%s>" % RECIPIENT.encode())
    session.command(b"DATA")
    assert session.command(DATA).startswith(b"250")
    assert server.spool.mails[0].envelope.mail_from == "åsa@b.se"


@pytest.mark.parametrize("recipient", ["jobb.östersund.se", "jobb.xn--stersund-m4a.se"])
@pytest.mark.parametrize("parameter", [b"", b" SMTPUTF8"])
def test_recipient_with_swedish_letters_is_accepted_if_it_resolves(recipient: str, parameter: bytes) -> None:
    directory = TableDirectory({"jobb.xn--stersund-m4a.se": 3})
    with receiving(directory=directory) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>" + parameter)
        assert session.command(b"RCPT TO:<%s>" % f"{recipient}@{OURS}".encode()).startswith(b"250")
        assert session.command(b"RCPT TO:<%s>" % f"ansökan@{OURS}".encode()).startswith(b"550 5.1.1 ")


@pytest.mark.parametrize("local_part", ["a" * 65, "a" * 400])
def test_overlong_recipient_is_not_found(session: RawSession, local_part: str) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b"RCPT TO:<%s>" % f"{local_part}@{OURS}".encode())[:3] in (b"550", b"553")


@pytest.mark.parametrize("parameter", [b"RET=FULL", b"ENVID=x", b"AUTH=<>", b"NOTIFY=NEVER", b"X"])
def test_unknown_parameter_of_mail_is_refused(session: RawSession, parameter: bytes) -> None:
    assert session.command(b"MAIL FROM:<a@b.c> " + parameter).startswith(b"555 5.5.4 ")


@pytest.mark.parametrize("parameter", [b"NOTIFY=NEVER", b"ORCPT=rfc822;a@b.c"])
def test_unknown_parameter_of_rcpt_is_refused(session: RawSession, parameter: bytes) -> None:
    session.command(b"MAIL FROM:<a@b.c>")
    assert session.command(b"RCPT TO:<%s> %s" % (RECIPIENT.encode(), parameter)).startswith(b"555 5.5.4 ")


@pytest.mark.parametrize(
    "parameter", [b"BODY=8BITMIME", b"body=7bit", b"SIZE=100", b"SMTPUTF8", b"SIZE=1 BODY=8BITMIME"]
)
def test_offered_parameter_is_accepted_and_stored(server: Running, session: RawSession, parameter: bytes) -> None:
    assert session.command(b"MAIL FROM:<a@b.c> " + parameter).startswith(b"250")
    session.command(b"RCPT TO:<%s>" % RECIPIENT.encode())
    session.command(b"DATA")
    assert session.command(DATA).startswith(b"250")
    names = [option.partition("=")[0] for option in server.spool.mails[0].envelope.mail_options]
    assert names == [word.partition("=")[0].upper() for word in parameter.decode().split()]


@pytest.mark.parametrize("parameter", [b"BODY=BINARYMIME", b"SIZE=x", b"SIZE", b"SIZE=\xd9\xa1", b"SMTPUTF8=1"])
def test_parameter_with_a_wrong_value_is_a_syntax_error(session: RawSession, parameter: bytes) -> None:
    assert session.command(b"MAIL FROM:<a@b.c> " + parameter).startswith(b"501 5.5.4 ")


@pytest.mark.parametrize("line", [b"MAIL", b"MAIL FROM:", b"MAIL a@b.c", b"MAIL TO:<a@b.c>"])
def test_mail_without_a_path_is_a_syntax_error(session: RawSession, line: bytes) -> None:
    assert session.command(line).startswith(b"501 5.5.4 ")


def test_envelope_tells_everything_about_the_session(server: Running, session: RawSession) -> None:
    session.envelope(f"jobb.lillestad.se+abc@{OURS}")
    assert session.command(DATA).startswith(b"250")
    envelope = server.spool.mails[0].envelope
    assert (envelope.peer_ip, envelope.peer_port) == session.socket.getsockname()
    assert (envelope.helo, envelope.tls) == ("client.example", "")
    assert envelope.recipients[0].tag == "abc"
    assert envelope.received_at.tzinfo is not None


def test_unprintable_helo_is_stored_without_harm(server: Running) -> None:
    with server.session() as session:
        session.reply()
        assert session.command(b"EHLO a\0b\xff\x1b").startswith(b"250")
        session.envelope()
        assert session.command(DATA).startswith(b"250")
    assert server.spool.mails[0].envelope.helo == "a?b??"


@pytest.mark.parametrize(
    ("reply", "expected"), [(replies.SUSPENDED, b"450 4.2.1 "), (replies.UNKNOWN_RECIPIENT, b"550 5.1.1 ")]
)
def test_state_of_an_address_decides_the_reply(reply: replies.Reply, expected: bytes) -> None:
    directory = TableDirectory({"jobb.lillestad.se": reply})
    with receiving(directory=directory) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"RCPT TO:<%s>" % RECIPIENT.encode()).startswith(expected)


def test_flood_of_one_inbox_is_put_off_and_others_are_not() -> None:
    directory = TableDirectory({"jobb.lillestad.se": 1, "info.lillestad.se": 2})
    with receiving(Limits(flood_per_minute=3), directory=directory) as server, server.session().greet() as session:
        session.command(b"MAIL FROM:<a@b.c>")
        taken = [session.command(b"RCPT TO:<%s>" % RECIPIENT.encode())[:10] for _ in range(4)]
        assert taken == [b"250 2.1.5 "] * 3 + [b"450 4.7.1 "]
        assert session.command(b"RCPT TO:<%s>" % f"info.lillestad.se@{OURS}".encode()).startswith(b"250")


def test_commands_out_of_order_are_refused(server: Running) -> None:
    with server.session() as session:
        session.reply()
        assert session.command(b"MAIL FROM:<a@b.c>").startswith(b"503 5.5.1 ")
        session.command(b"EHLO x")
        assert session.command(b"RCPT TO:<%s>" % RECIPIENT.encode()).startswith(b"503 5.5.1 ")
        assert session.command(b"DATA").startswith(b"503 5.5.1 ")
        session.command(b"MAIL FROM:<a@b.c>")
        assert session.command(b"MAIL FROM:<a@b.c>").startswith(b"503 5.5.1 ")
        assert session.command(b"DATA").startswith(b"503 5.5.1 ")
        session.command(b"RSET")
        assert session.command(b"RCPT TO:<%s>" % RECIPIENT.encode()).startswith(b"503 5.5.1 ")
