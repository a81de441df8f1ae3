"""Line breaks where none belong: in what colleagues type and in mail that is passed on. What leaves is read octet by octet.

A CR or LF that survives into a header is a header of the writer's choice; a bare one in the body is where the next server
may see the end of the mail and the beginning of another (SMTP smuggling).
"""

from __future__ import annotations

import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from conversations.models import Message
from inboxes.models import Inbox
from organizations import scope
from organizations.models import User
from tests.support import builders
from tests.support.builders import Town
from tests.support.relay import fake_relay

pytestmark = pytest.mark.django_db

BREAKS = ["\r\n", "\n", "\r", "\x00", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"]
INJECTED = "Bcc: offer@example.org"
SMUGGLED = ["\r.\r\n", "\n.\n", "\r\n.\r\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n\x00.\r\n"]
NEXT_MAIL = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<offer@example.org>\r\nDATA\r\nSubject: x\r\n\r\nsmugglat\r\n.\r\n"
HEADERS = frozenset(
    """
    DKIM-Signature Date From Reply-To To Cc Subject Message-ID In-Reply-To References Thread-Topic Thread-Index X-Kundo-Msg
    X-Kundo-Loop MIME-Version Content-Type
    """.split()
)


def send(agent: Client, town: Town, message: Message, **form: object) -> bytes:
    """Write a mail through the page; gives the octets that leave, or b"" when the page refuses."""
    url = reverse("conversations:reply", args=[town.organization.slug, message.conversation.number])
    data = {
        "mode": "reply", "to": "barry@example.org", "text": "Hej", "submission_key": str(uuid.uuid4()), "version": "9",
        "anyway": "on", "include_history": "on", **form,
    }  # fmt: skip
    agent.post(url, data)
    with scope.organization(town.organization):
        sent = Message.objects.filter(kind="outbound").select_related("outbound").order_by("-pk").first()
        return bytes(sent.outbound.content) if sent and sent.outbound else b""


def arrived(town: Town, **mail: str) -> Message:
    with scope.organization(town.organization):
        return builders.received(town.inbox, **mail)  # type: ignore[arg-type]


def is_clean(octets: bytes) -> bool:
    """CRLF only, lines of at most 998 octets, and no header that we do not write, each once."""
    head = octets.partition(b"\r\n\r\n")[0]
    names = [name.decode() for name in re.findall(rb"^([!-9;-~]+):", head, re.MULTILINE)]
    return (
        not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", octets)
        and max(map(len, octets.split(b"\r\n"))) <= 998
        and set(names) <= HEADERS
        and len(names) == len(set(names))
    )


@pytest.mark.slow
@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
@pytest.mark.parametrize("field", ["subject", "to", "cc", "bcc", "text", "file", "inbox", "person", "signature"])
def test_no_field_that_a_colleague_fills_in_makes_a_header(
    agent: Client, lillestad: Town, field: str, line_break: str
) -> None:
    message = arrived(lillestad)
    hostile = f"Hej{line_break}{INJECTED}{line_break}{line_break}Text"
    form: dict[str, object] = {}
    match field:
        case "file":
            form["attachments"] = SimpleUploadedFile("a.txt", b"x")
            form["attachments"].name = f"a{line_break}{INJECTED}.txt"  # type: ignore[attr-defined]  # past its cleaning
        case "to" | "cc" | "bcc":
            form[field] = f'"{hostile}" <barry@example.org>, eva@example.org{line_break}{INJECTED}'
            if not send(agent, lillestad, message, **form):
                form[field] = f'"{hostile}" <barry@example.org>'
        case "inbox":
            with scope.organization(lillestad.organization):
                Inbox.objects.filter(pk=lillestad.inbox.pk).update(name=hostile.replace("\x00", " "))
        case "person" | "signature":
            User.objects.filter(pk=lillestad.agent.pk).update(
                **{{"person": "name"}.get(field, field): hostile.replace("\x00", " ")}
            )
        case _:
            form[field] = hostile
    octets = send(agent, lillestad, message, **form)
    refused = not octets  # a page may also refuse, and then nothing leaves
    assert refused or is_clean(octets)
    assert refused or b"\r\nBcc" not in octets.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("field", ["subject", "name", "text"])
@pytest.mark.parametrize("line_break", [each for each in BREAKS if each != "\x00"], ids=ascii)
def test_what_a_stranger_wrote_makes_no_header_when_it_is_answered(
    agent: Client, lillestad: Town, field: str, line_break: str
) -> None:
    hostile = f"Hej{line_break}{INJECTED}"
    mail = {"sender": (hostile, "barry@example.org")} if field == "name" else {field: hostile}
    message = arrived(lillestad, **mail)  # type: ignore[arg-type]
    for mode in ("reply", "forward"):
        octets = send(agent, lillestad, message, mode=mode, to=f'"{hostile}" <barry@example.org>')
        assert not octets or is_clean(octets)


@pytest.mark.parametrize("sequence", SMUGGLED, ids=ascii)
def test_a_mail_that_is_passed_on_smuggles_no_second_one(agent: Client, lillestad: Town, sequence: str) -> None:
    text = f"Före{sequence}{NEXT_MAIL}".replace("\x00", "")
    message = arrived(lillestad, text=text)
    octets = send(agent, lillestad, message, mode="forward", to="barry@example.org", text=text)
    assert b"smugglat" in octets
    assert is_clean(octets)
    with fake_relay() as relay:
        assert relay.client().send("a@mail.kundo.se", "barry@example.org", octets).outcome == "accepted"
        assert [taken.content for taken in relay.taken] == [octets]
