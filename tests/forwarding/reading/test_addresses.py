"""Mailboxes, as they should be and as they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.reading import Address, addresses
from forwarding.reading.addresses import parse_addresses


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        (b"anna@example.se", "", "anna@example.se"),
        (b"Anna Karlsson <anna@example.se>", "Anna Karlsson", "anna@example.se"),
        (b'"Karlsson, Anna" <anna@example.se>', "Karlsson, Anna", "anna@example.se"),
        (b"Karlsson, Anna <anna@example.se>", "Karlsson, Anna", "anna@example.se"),
        (b'"Anna \\"Ankan\\" Karlsson" <anna@example.se>', 'Anna "Ankan" Karlsson', "anna@example.se"),
        (b"'Anna' <anna@example.se>", "Anna", "anna@example.se"),
        (b"anna@example.se (Anna Karlsson)", "Anna Karlsson", "anna@example.se"),
        (b"=?iso-8859-1?q?=C5sa?= <asa@example.se>", "Åsa", "asa@example.se"),
        (b'"=?utf-8?q?=C3=85sa?=" <asa@example.se>', "Åsa", "asa@example.se"),
        (b"=?utf-8?q?=C3=85sa_=3Casa=40example=2Ese=3E?=", "Åsa", "asa@example.se"),
        ("Åsa <åsa@exämple.se>".encode(), "Åsa", "åsa@exämple.se"),
        (b"\xc5sa <asa@example.se>", "Åsa", "asa@example.se"),
        (b"Anna anna@example.se", "Anna", "anna@example.se"),
        (b'"Anna <anna@example.se>', "Anna", "anna@example.se"),
        (b"Anna <anna@example.se", "Anna", "anna@example.se"),
        (b"<@relay.example:anna@example.se>", "", "anna@example.se"),
        (b"<mailto:anna@example.se>", "", "anna@example.se"),
        (b"anna@example.se <anna@example.se>", "anna@example.se", "anna@example.se"),
        (b"MAILER-DAEMON (Mail Delivery System)", "Mail Delivery System", "MAILER-DAEMON"),
        (b"Anna Karlsson (anna@example.se)", "Anna Karlsson", "anna@example.se"),
        (b"<<anna@example.se>>", "", "anna@example.se"),
        (b"Anna [anna@example.se]", "Anna", "anna@example.se"),
        (b"anna@[192.0.2.1]", "", "anna@[192.0.2.1]"),
        (b"anna @ example.se", "", "anna@example.se"),
        (b"MAILER-DAEMON", "", "MAILER-DAEMON"),
        (b"Anna", "Anna", ""),
        (b"Anna <>", "Anna", ""),
        (b'"anna karlsson"@example.se', "", '"anna karlsson"@example.se'),
        (b"Anna (in (nested) comments) <anna@example.se>", "Anna", "anna@example.se"),
    ],
)
def test_one_mailbox_is_read(written: bytes, name: str, address: str) -> None:
    assert parse_addresses(written) == (Address(name, address),)


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        (b"a@x.se, b@x.se", ["a@x.se", "b@x.se"]),
        (b"a@x.se; b@x.se;", ["a@x.se", "b@x.se"]),
        (b"a@x.se,", ["a@x.se"]),
        (b"undisclosed-recipients:;", []),
        (b"Friends: a@x.se, B <b@x.se>;, c@x.se", ["a@x.se", "b@x.se", "c@x.se"]),
        (b"A <a@x.se> B <b@x.se>", ["a@x.se", "b@x.se"]),
        (b"", []),
    ],
)
def test_lists_and_groups_are_read(written: bytes, addresses: list[str]) -> None:
    assert [address.address for address in parse_addresses(written)] == addresses


def test_a_list_is_cut_at_its_limit() -> None:
    assert len(parse_addresses(b"a@x.se, " * 50, maximum=10)) == 10


@given(
    st.lists(
        st.sampled_from([b'"', b"<", b">", b" ", b"Anna", b"a@b.se", b".", b"-", b"_", b",", b"(", b")", b"'", b"@"])
    )
)
def test_the_short_way_reads_what_the_scanner_does(pieces: list[bytes]) -> None:
    for raw in (b"".join(pieces), b'"' + b"".join(pieces) + b'" <a@b.se>', b"".join(pieces) + b" <a@b.se>"):
        short = parse_addresses(raw)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(addresses, "_PLAIN", re.compile(rb"(?!)()()()()"))
            assert parse_addresses(raw) == short, raw
