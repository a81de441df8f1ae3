"""Which of the customer's addresses a mail was sent to, behind every kind of forwarder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarding.paths import addressed_to, find_trace
from forwarding.reading import read_mail

OURS = "mail.kundo.se"
JOBB, ANSOKAN = "jobb@lillestad.se", "ansokan@lillestad.se"


def sent_to(*headers: str, registered: tuple[str, ...] = (JOBB, ANSOKAN)) -> str:
    return addressed_to(read_mail("\n".join([*headers, "", "Hej"]).encode()), *registered, mail_domain=OURS)


FORWARDERS = {
    "Microsoft 365": ["X-MS-Exchange-ForwardingLoop: ansokan@lillestad.se;6f1c0a5e-0000-4000-8000-000000000000"],
    "Gmail": ["X-Forwarded-For: ansokan@lillestad.se jobb.lillestad.se@mail.kundo.se"],
    "Google routing": ["X-Gm-Original-To: ansokan@lillestad.se"],
    "Postfix": ["X-Original-To: ansokan@lillestad.se"],
    "Postfix in front of us too": [
        "X-Original-To: jobb.lillestad.se@mail.kundo.se",
        "Delivered-To: jobb.lillestad.se@mail.kundo.se",
        "X-Original-To: ansokan@lillestad.se",
    ],
    "Delivered-To twice": ["Delivered-To: x@forwarder.example", "Delivered-To: ansokan@lillestad.se"],
    "Exchange redirect": ["Resent-To: jobb.lillestad.se@mail.kundo.se", "Resent-From: Ansökan <ansokan@lillestad.se>"],
    "Exim": ["Envelope-To: ansokan@lillestad.se"],
}


@pytest.mark.parametrize("headers", FORWARDERS.values(), ids=FORWARDERS)
def test_each_forwarder_leaves_the_address_it_forwarded_from(headers):
    assert sent_to(*headers, "To: nyheter@example.com") == ANSOKAN


@pytest.mark.parametrize("headers", FORWARDERS.values(), ids=FORWARDERS)
def test_what_a_forwarder_says_goes_before_what_the_author_wrote(headers):
    assert sent_to(*headers, "To: jobb@lillestad.se") == ANSOKAN


def test_the_order_of_evidence():
    headers = [
        "X-MS-Exchange-ForwardingLoop: a1@x.se;t",
        "X-Forwarded-For: a2@x.se",
        "X-Gm-Original-To: a3@x.se",
        "X-Original-To: a4@x.se",
        "Delivered-To: a5@x.se",
        "Resent-From: a6@x.se",
        "To: a7@x.se",
    ]
    registered = tuple(f"a{n}@x.se" for n in range(1, 8))
    for strongest in range(7):
        assert sent_to(*reversed(headers[strongest:]), registered=registered) == f"a{strongest + 1}@x.se"


def test_without_a_trace_the_author_may_have_named_it():
    assert sent_to("To: Bo <bo@x.se>", "Cc: Ansökan <ANSOKAN@Lillestad.se>") == ANSOKAN


def test_a_registered_address_goes_before_a_stronger_trace_of_another():
    assert sent_to("X-Forwarded-For: old@x.se", "X-Original-To: ansokan@lillestad.se") == ANSOKAN


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("X-MS-Exchange-ForwardingLoop: praktik@lillestad.se;t", "praktik@lillestad.se"),
        ("X-Original-To: praktik@Lillestad.se", "praktik@lillestad.se"),
        ("Delivered-To: jobb-intern@server.local", JOBB),
        ("Delivered-To: x@mail.kundo.se", JOBB),
    ],
)
def test_a_neighbour_of_the_registered_address_goes_before_what_the_author_wrote(trace, expected):
    assert sent_to(trace, "To: jobb@lillestad.se, praktik@lillestad.se") == expected


def test_without_a_registered_address_the_strongest_trace_is_shown():
    read = read_mail(b"X-Original-To: Info@lillestad.se\nTo: bo@x.se\n\nHej")
    trace = find_trace(read, (JOBB,), OURS)
    assert trace is not None
    assert (trace.address, trace.header, trace.registered) == ("info@lillestad.se", "x-original-to", False)


@pytest.mark.parametrize(
    "headers",
    [
        ["To: bo@x.se"],
        ["Delivered-To: jobb.lillestad.se@MAIL.kundo.se"],
        ["X-Forwarded-For: 192.0.2.1, 192.0.2.2"],
        ["X-Original-To: @"],
        [],
    ],
)
def test_nothing_is_made_up(headers):
    assert sent_to(*headers) == ""


def test_international_domains_and_tags_are_matched():
    assert sent_to("X-Original-To: jobb@xn--stersund-m4a.se", registered=("jobb@östersund.se",)) == "jobb@östersund.se"
    assert sent_to("X-Original-To: jobb+sommar@lillestad.se") == JOBB


@given(
    st.lists(
        st.sampled_from(["X-Original-To: ", "Delivered-To: ", "Resent-From: ", "\x00", "<a@b>", "a@b.se;", " \n", '"'])
    ).map("".join)
)
def test_any_headers_give_an_answer(headers):
    assert isinstance(sent_to(headers), str)
