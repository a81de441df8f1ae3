"""A mail without an author's header: its author is the person whom the envelope names, also behind a forwarding server."""

from __future__ import annotations

import re

import pytest

from forwarding.srs import unwrapped
from tests.support.builders import Town
from tests.support.forwarders import m365_redirect, m365_rule, postsrsd
from tests.support.mails import Pipeline, conversations, deliveries, mail, messages

WRAPPED = [
    ("SRS0=Ab1C=2E=example.org=barry@lillestad.se", "barry@example.org"),
    ("srs0+Ab1C=2E=example.org=barry@lillestad.se", "barry@example.org"),
    ("SRS0-Ab1C=2E=example.org=barry=berg+x@lillestad.se", "barry=berg+x@example.org"),
    ("SRS1=Xy9Z=mx.first.example==Ab1C=2E=example.org=barry@lillestad.se", "barry@example.org"),
    ("SRS1=Xy9Z=mx.first.example=-Ab1C=2E=example.org=barry@lillestad.se", "barry@example.org"),
    ("jobb+SRS=Ab1cD=2E=example.org=barry@lillestad.se", "barry@example.org"),
    ("bounces+SRS=Ab1cD=2E@lillestad.onmicrosoft.com", ""),
    ("", ""),
    ("barry@example.org", "barry@example.org"),
    ("srs0-fan@example.org", "srs0-fan@example.org"),
    ("barry+news=x=y=example.com=z@example.org", "barry+news=x=y=example.com=z@example.org"),
    ("a,b@c@d", "a,b@c@d"),
]


@pytest.mark.parametrize(("mail_from", "author"), WRAPPED)
def test_the_address_in_an_envelope_sender(mail_from: str, author: str) -> None:
    assert unwrapped(mail_from) == author


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forward", [postsrsd, m365_rule])
def test_the_author_of_a_forwarded_mail_without_from(post: Pipeline, lillestad: Town, forward: type[postsrsd]) -> None:
    anonymous = re.sub(rb"From: [^\r]*\r\n", b"", mail("Fråga"), count=1)
    forwarded = forward(anonymous, "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se", "barry@example.org")
    assert "SRS" in forwarded.mail_from
    post.receive(
        re.sub(rb"Resent-From: [^\r]*\r\n", b"", forwarded.octets), lillestad.inbox, mail_from=forwarded.mail_from
    )
    [message], [conversation], [delivery] = (
        messages(lillestad.inbox),
        conversations(lillestad),
        deliveries(lillestad.inbox),
    )
    assert (message.from_name, message.from_address) == ("", "barry@example.org")
    assert conversation.sender_label == "barry@example.org"
    assert conversation.contact is not None
    assert conversation.contact.address == "barry@example.org"
    assert delivery.sender == "barry@example.org"


@pytest.mark.django_db(transaction=True)
def test_an_envelope_that_names_nobody_gives_no_author(post: Pipeline, lillestad: Town) -> None:
    anonymous = re.sub(rb"From: [^\r]*\r\n", b"", mail("Fråga"), count=1)
    forwarded = m365_redirect(anonymous, "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se", "barry@example.org")
    post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    [message], [conversation] = messages(lillestad.inbox), conversations(lillestad)
    assert (message.from_address, conversation.sender_label) == ("", "")
