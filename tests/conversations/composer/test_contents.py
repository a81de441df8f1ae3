"""What a mail says: text, signature, quote, subject and files."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from conversations import composer
from conversations.models import Attachment, Blob, Conversation, Message
from conversations.outgoing_files import TooLarge
from tests.conversations.composer.writing import CECILIA, on_the_wire, rewrite, send
from whitelabel.models import OutboundMail

pytestmark = pytest.mark.django_db


def test_the_answer_is_text_then_signature_then_the_mail_answered(conversation, town) -> None:
    town.agent.signature = "Med vänlig hälsning\n{name}\n{title}"
    town.inbox.signature = "Lillestads kommun"
    town.inbox.save()
    conversation = Conversation.objects.get(pk=conversation.pk)
    message = send(conversation, town)
    parts = {kind: message.text[start:end].strip() for start, end, kind in message.ranges}
    assert parts["visible"] == "Hej Barry!\n\nJobbet är ledigt."
    assert parts["signature"] == "-- \nMed vänlig hälsning\nLillestad Agent\n\nLillestads kommun"
    assert parts["quoted"].endswith("skrev Barry Berg <barry@example.org>:\n> Hej, är jobbet ledigt?")
    assert [message.ranges[0][0], message.ranges[-1][1]] == [0, len(message.text)]
    assert on_the_wire(message).text.rstrip() == message.text


def test_what_the_reader_of_the_answer_sees_is_what_was_written(conversation, town) -> None:
    read = on_the_wire(send(conversation, town))
    assert read.visible_text.strip() == "Hej Barry!\n\nJobbet är ledigt."
    assert "är jobbet ledigt?" in read.quoted_text


def test_history_is_left_out_when_asked(conversation, town) -> None:
    assert "är jobbet ledigt?" not in send(conversation, town, include_history=False).text


def test_the_quote_is_in_the_language_of_the_service_whoever_answers(conversation, town) -> None:
    with translation.override("en"):
        filled = composer.prefill(conversation, "reply", town.agent)
    assert filled.quoted.startswith("Den ")


def test_prefill_shows_what_will_be_sent(conversation, town) -> None:
    filled = composer.prefill(conversation, "reply", town.agent)
    message = send(conversation, town, text="x", to=filled.to)
    assert (
        message.text == f"x\n\n-- \n{filled.signature}\n\n{filled.quoted}"
        if filled.signature
        else f"x\n\n{filled.quoted}"
    )
    assert message.subject == filled.subject == "Re: Fråga om jobbet"
    assert message.from_address == filled.identity.from_address


@pytest.mark.parametrize(
    ("subject", "reply", "forward"),
    [
        ("Fråga", "Re: Fråga", "Fwd: Fråga"),
        ("Re: Fråga", "Re: Fråga", "Fwd: Re: Fråga"),
        ("SV: Fråga", "SV: Fråga", "Fwd: SV: Fråga"),
        ("VB: Fråga", "Re: VB: Fråga", "VB: Fråga"),
        ("", "Re: Fråga om jobbet", "Fwd: Fråga om jobbet"),
    ],
)
def test_the_subject_gets_one_prefix_and_stays_the_same_afterwards(conversation, town, subject, reply, forward) -> None:
    rewrite(conversation, subject=subject)
    assert composer.prefill(conversation, "reply", town.agent).subject == reply
    assert composer.prefill(conversation, "forward", town.agent).subject == forward


def test_files_are_sent_and_kept(conversation, town) -> None:
    upload = SimpleUploadedFile("Ansökan åäö.pdf", b"%PDF-1", "application/pdf")
    message = send(conversation, town, attachments=[upload])
    [kept] = Attachment.objects.filter(message=message)
    assert (kept.name, kept.content_type, kept.size, bytes(kept.blob.content)) == (
        "Ansökan åäö.pdf",
        "application/pdf",
        6,
        b"%PDF-1",
    )
    assert [(a.name, a.content) for a in on_the_wire(message).attachments] == [("Ansökan åäö.pdf", b"%PDF-1")]


def test_the_same_file_twice_is_stored_once(conversation, town) -> None:
    for _ in range(2):
        send(conversation, town, attachments=[SimpleUploadedFile("a.pdf", b"%PDF-same")] * 2)
    assert Attachment.objects.count() == 4
    assert Blob.objects.count() == 1


def test_a_forwarded_mail_takes_its_files_and_says_whose_it_was(conversation, town) -> None:
    original = Message.objects.get(conversation=conversation)
    blob = Blob.objects.create(sha256="0" * 64, size=3, content=b"PDF")
    Attachment.objects.create(message=original, blob=blob, name="cv.pdf", content_type="application/pdf", size=3)
    filled = composer.prefill(conversation, "forward", town.agent)
    message = send(
        conversation,
        town,
        text="För kännedom",
        to=[CECILIA],
        attachments=filled.attachments,
        action="forward",
        subject=None,
    )
    read = on_the_wire(message)
    assert [(a.name, a.content) for a in read.attachments] == [("cv.pdf", b"PDF")]
    assert message.subject == "Fwd: Fråga om jobbet"
    assert "Från: Barry Berg <barry@example.org>" in message.text
    assert "Hej, är jobbet ledigt?" in message.text


def test_files_beyond_the_limit_are_refused_with_sizes(conversation, town, settings) -> None:
    settings.ATTACHMENT_UPLOAD_OCTETS = 1000
    with pytest.raises(TooLarge, match=r"2[.,]0"):
        send(conversation, town, attachments=[SimpleUploadedFile("a.bin", bytes(2048))])
    settings.OUTGOING_MESSAGE_OCTETS = 1000
    with pytest.raises(TooLarge):
        send(conversation, town, text="x" * 2000)
    assert not OutboundMail.objects.exists()
