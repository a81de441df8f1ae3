"""Whatever server forwards a mail, the inbox shows the same: metamorphic tests with the forwarder simulator."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Attachment, Message
from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town
from tests.support.forwarders import FORWARDERS, TENANT, Forwarded, Forwarder, gmail_filter
from tests.support.mails import Pipeline, address_of, mail, messages, states

pytestmark = pytest.mark.django_db(transaction=True)

FAITHFUL = [forwarder for forwarder in FORWARDERS if forwarder.faithful]
TEXT = "Hej!\n\nJag söker jobbet på badet, ref 2026-17.\n\nMed vänlig hälsning\nÅsa Öberg\n"
HTML = "<html><body><p>Hej!</p><p>Jag söker jobbet på badet, ref 2026-17.</p><p>Åsa Öberg</p></body></html>"
PLAIN = mail(
    "Ansökan: badvärd", TEXT, sender="=?utf-8?q?=C3=85sa_=C3=96berg?= <asa@example.net>", message_id="plain@example.net"
)
LATIN = PLAIN.replace(b'charset="utf-8"', b'charset="iso-8859-1"').replace(TEXT.encode(), TEXT.encode("latin-1"))
QUOTED = (
    PLAIN.partition(b"\r\n\r\n")[0].replace(b"8bit", b"quoted-printable")
    + b"\r\n\r\nHej!\r\n\r\nJag s=C3=B6ker jobbet p=C3=A5 badet, ref 2026-17.\r\n"
)
SAMPLES = {
    "plain": PLAIN,
    "latin-1": LATIN,
    "quoted-printable": QUOTED,
    "html": mail("Ansökan: badvärd", TEXT, html=HTML, message_id="html@example.net"),
    "answer": mail(
        "Sv: Badvärd", TEXT, In_Reply_To="<nobody@example.net>", References="<root@example.net> <nobody@example.net>"
    ),
    "automatic": mail(
        "Autosvar: Badvärd", "Jag är ledig.\n", Auto_Submitted="auto-replied", message_id="auto@example.net"
    ),
    "without identifier": mail("Ansökan: badvärd", TEXT, message_id=None),
}


def through(forwarder: Forwarder, raw: bytes, inbox: Inbox) -> Forwarded:
    return forwarder.forward(raw, inbox.address, address_of(inbox), "barry@example.org")


def facts(message: Message) -> dict[str, Any]:
    """All that people see of a mail, without what differs between inboxes and times."""
    names = ("from_name", "from_address", "reply_to", "to", "cc", "subject", "text", "html", "ranges", "content_hash")
    more = ("in_reply_to", "references", "mail_class", "thread_rule", "reading_stage", "date_header", "message_id")
    with scope.organization(message.organization_id):
        files = list(
            Attachment.objects.filter(message=message).values_list("name", "content_type", "blob__sha256", "inline")
        )
    conversation = message.conversation
    state = (conversation.status, conversation.snippet, conversation.sender_label, conversation.normal_subject)
    return {name: getattr(message, name) for name in (*names, *more)} | {"files": files, "state": state}


@pytest.fixture
def inboxes(lillestad: Town) -> list[Inbox]:
    """One inbox for each faithful forwarder."""
    with scope.organization(lillestad.organization):
        return [create_inbox(f"f{n}@lillestad.se", f"F{n}", actor=lillestad.admin) for n, _ in enumerate(FAITHFUL)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_faithful_forwarder_gives_the_same_message(
    post: Pipeline, lillestad: Town, inboxes: list[Inbox], sample: str
) -> None:
    raw = SAMPLES[sample]
    post.send(raw, address_of(lillestad.inbox))
    for forwarder, inbox in zip(FAITHFUL, inboxes, strict=True):
        forwarded = through(forwarder, raw, inbox)
        post.send(forwarded.octets, address_of(inbox), mail_from=forwarded.mail_from)
    post.file()
    [direct] = messages(lillestad.inbox)
    for forwarder, inbox in zip(FAITHFUL, inboxes, strict=True):
        [message] = messages(inbox)
        assert facts(message) == facts(direct), forwarder.name
        if forwarder.tells_mailbox:
            assert message.addressed_to == inbox.address, forwarder.name


@pytest.mark.parametrize("sample", SAMPLES)
def test_all_forwarders_of_one_mail_into_one_inbox_give_one_message(
    post: Pipeline, lillestad: Town, sample: str
) -> None:
    raw = SAMPLES[sample]
    post.send(raw, address_of(lillestad.inbox))
    for forwarder in FAITHFUL:
        forwarded = through(forwarder, raw, lillestad.inbox)
        post.send(forwarded.octets, address_of(lillestad.inbox), mail_from=forwarded.mail_from)
        post.file()
    assert len(messages(lillestad.inbox)) == 1
    assert states(lillestad.inbox) == ["filed", *["duplicate"] * len(FAITHFUL)]


@pytest.mark.parametrize("forwarder", FORWARDERS, ids=lambda forwarder: forwarder.name)
def test_a_person_stays_a_person_behind_every_forwarder(post: Pipeline, lillestad: Town, forwarder: Forwarder) -> None:
    raw = mail("Ansökan: badvärd", TEXT, sender="Asa <asa@example.net>")
    forwarded = through(forwarder, raw, lillestad.inbox)
    delivery = post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    message = delivery.message
    assert message is not None
    assert (message.mail_class, message.conversation.status) == ("human", "unanswered")
    assert message.conversation.contact.address == "asa@example.net"
    assert "Jag söker jobbet på badet" in message.text
    assert message.text.startswith("Hej!")


@pytest.mark.parametrize("forwarder", FORWARDERS, ids=lambda forwarder: forwarder.name)
def test_a_person_gets_the_inboxes_confirmation_behind_every_forwarder_that_does_not_forbid_it(
    post: Pipeline, lillestad: Town, forwarder: Forwarder
) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(confirmation="Tack, ditt mail har kommit fram.")
    forwarded = through(forwarder, mail("Ansökan: badvärd", TEXT), lillestad.inbox)
    post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    # An inbox rule of Microsoft 365 writes X-Auto-Response-Suppress itself; nobody can tell it from the author's.
    expected = 0 if b"X-Auto-Response-Suppress: DR, OOF, AutoReply" in forwarded.octets else 1
    with scope.organization(lillestad.organization):
        assert Message.objects.filter(mail_class="confirmation").count() == expected


def test_whoever_wrote_to_another_address_that_is_forwarded_gets_the_confirmation_too(
    post: Pipeline, lillestad: Town
) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.filter(pk=lillestad.inbox.pk).update(confirmation="Tack, ditt mail har kommit fram.")
    raw = mail(To="ansokan@lillestad.se")
    forwarded = gmail_filter(raw, "ansokan@lillestad.se", address_of(lillestad.inbox), "barry@example.org")
    post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    with scope.organization(lillestad.organization):
        assert Message.objects.filter(mail_class="confirmation").count() == 1


@pytest.mark.parametrize("forwarder", FORWARDERS, ids=lambda forwarder: forwarder.name)
def test_an_answer_finds_its_conversation_behind_every_forwarder(
    post: Pipeline, lillestad: Town, forwarder: Forwarder
) -> None:
    post.receive(mail(message_id="first@example.org"), lillestad.inbox)
    forwarded = through(forwarder, mail("Sv: Sommarjobb", In_Reply_To="<first@example.org>"), lillestad.inbox)
    delivery = post.receive(forwarded.octets, lillestad.inbox, mail_from=forwarded.mail_from)
    assert delivery.message is not None
    assert (delivery.message.thread_rule, delivery.message.conversation.message_count) == ("message_id", 2)


def test_the_forwarders_tenant_is_no_address(post: Pipeline, lillestad: Town) -> None:
    [redirect] = [forwarder for forwarder in FORWARDERS if forwarder.name == "Microsoft 365 redirect"]
    delivery = post.receive(through(redirect, PLAIN, lillestad.inbox).octets, lillestad.inbox)
    assert delivery.message is not None
    assert TENANT not in delivery.message.addressed_to
