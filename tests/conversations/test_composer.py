"""Writing an answer: recipients, signature, quote, sending once, taking back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from conversations import composer, drafts, pictures, timeline
from conversations.models import Attachment, Blob, Conversation, Draft, Message
from forwarding.reading import read_mail
from forwarding.reading.mail import ReadMail
from inboxes.models import Inbox
from organizations import scope
from tests.support import builders
from whitelabel import outbox_queue
from whitelabel.keys import token_keys
from whitelabel.models import OutboundMail, OutboundRecipient
from whitelabel.tokens import read_reply

pytestmark = pytest.mark.django_db

BARRY = {"name": "Barry Berg", "address": "barry@example.org"}
CECILIA = {"name": "Cecilia", "address": "cecilia@example.org"}
DAVID = {"name": "", "address": "david@example.org"}


@pytest.fixture
def town() -> builders.Town:
    return builders.town()


@pytest.fixture
def conversation(town: builders.Town) -> Iterator[Conversation]:
    """A conversation with one mail from Barry, in the open organization."""
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
        conversation.refresh_from_db()
        yield conversation


def send(conversation: Conversation, town: builders.Town, **changes: Any) -> Message:
    arguments: dict[str, Any] = {
        "author": town.agent,
        "text": "Hej Barry!\n\nJobbet är ledigt.",
        "to": [BARRY],
        "submission_key": uuid.uuid4(),
        "version": None,
        "include_history": True,
    }
    return composer.send(conversation, **{**arguments, **changes})


def on_the_wire(message: Message) -> ReadMail:
    assert message.outbound is not None
    return read_mail(bytes(message.outbound.content))


def rewrite(conversation: Conversation, **values: Any) -> None:
    """Change the mail that is answered."""
    Message.objects.filter(conversation=conversation, kind="inbound").update(**values)


# --- Who it is from -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names_author", "author", "shown"),
    [
        (False, "Åsa Öberg, 1:e handläggare", "Jobb"),
        (True, "Åsa Öberg, 1:e handläggare", "Åsa Öberg, 1:e handläggare via Jobb"),
        (True, "", "Jobb"),
    ],
)
def test_an_inbox_names_itself_or_who_answers(conversation, town, names_author, author, shown) -> None:
    Inbox.objects.filter(pk=town.inbox.pk).update(names_author=names_author, name="Jobb")
    conversation.inbox.refresh_from_db()
    town.agent.name = author
    message = send(conversation, town)
    mail = on_the_wire(message)
    assert mail.sender is not None
    assert (mail.sender.name, mail.sender.address) == (shown, town.inbox.service_address)
    assert message.from_name == shown


# --- Who gets it --------------------------------------------------------------------------------------------------


def test_a_reply_goes_to_who_wrote(conversation, town) -> None:
    filled = composer.prefill(conversation, "reply", town.agent)
    assert (filled.to, filled.cc, filled.bcc) == ((BARRY,), (), ())


def test_a_reply_goes_where_the_writer_asked_for_it(conversation, town) -> None:
    rewrite(conversation, reply_to=[CECILIA])
    assert composer.prefill(conversation, "reply", town.agent).to == (CECILIA,)


def test_a_reply_to_that_is_our_own_address_is_not_followed(conversation, town) -> None:
    rewrite(conversation, reply_to=[{"name": "Jobb", "address": "Jobb@lillestad.se"}])
    assert composer.prefill(conversation, "reply", town.agent).to == (BARRY,)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("ansokan@lillestad.se", ("barry@example.org", "anna@lillestad.se")),  # forwarded into the inbox
        ("", ("barry@example.org", "ansokan@lillestad.se", "anna@lillestad.se")),  # nothing says how it came here
        # A trace can be forged, or be of a forwarding before ours: no stranger is dropped for it.
        ("barry@example.org", ("barry@example.org", "ansokan@lillestad.se", "anna@lillestad.se")),
    ],
)
def test_the_address_by_which_a_mail_came_is_ours_and_is_not_written_to(conversation, town, way, expected) -> None:
    to = [{"name": "", "address": "Ansokan@lillestad.se"}, {"name": "", "address": "anna@lillestad.se"}]
    Message.objects.update(to=to, addressed_to=way)
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert tuple(person["address"].lower() for person in filled.to) == expected
    assert filled.cc == ()


def test_an_answer_asked_for_at_the_address_by_which_the_mail_came_goes_to_its_sender(conversation, town) -> None:
    Message.objects.update(
        addressed_to="ansokan@lillestad.se", reply_to=[{"name": "", "address": "ansokan@lillestad.se"}]
    )
    filled = composer.prefill(conversation, "reply", town.agent)
    assert [person["address"] for person in filled.to] == ["barry@example.org"]


def test_reply_all_drops_nobody_and_adds_nobody(conversation, town) -> None:
    ours = {"name": "", "address": "JOBB@lillestad.se"}
    service = {"name": "", "address": town.inbox.service_address}
    rewrite(conversation, to=[ours, CECILIA], cc=[DAVID, service, {**BARRY, "name": "B"}])
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((BARRY, CECILIA), (DAVID,))


def test_only_the_mail_answered_decides_not_older_ones(conversation, town) -> None:
    rewrite(conversation, cc=[DAVID])
    builders.received(town.inbox, conversation=conversation, sender=("Cecilia", "cecilia@example.org"))
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((CECILIA,), ())


def test_an_out_of_office_reply_is_not_what_one_answers(conversation, town) -> None:
    automatic = builders.received(town.inbox, conversation=conversation, sender=("David", "david@example.org"))
    Message.objects.filter(pk=automatic.pk).update(mail_class="auto_reply")
    assert composer.prefill(conversation, "reply", town.agent).to == (BARRY,)


def test_a_mail_is_forwarded_to_nobody_until_one_is_chosen(conversation, town) -> None:
    filled = composer.prefill(conversation, "forward", town.agent)
    assert (filled.to, filled.cc, filled.bcc) == ((), (), ())


def test_where_only_we_have_written_the_next_mail_goes_to_the_same_people(town) -> None:
    with scope.organization(town.organization):
        conversation = timeline.open_conversation(
            town.inbox, subject="Hej", normal_subject="hej", contact=None, sender_label="", at=timezone.now()
        )
        send(conversation, town, to=[CECILIA], cc=[DAVID])
        filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((CECILIA,), (DAVID,))


@pytest.mark.parametrize(
    "address", ["", "barry", "barry@", "b@c", "å@example.org", "a b@example.org", "a@b.se\nBcc: x@y.se"]
)
def test_an_address_nobody_can_be_reached_at_is_named(conversation, town, address: str) -> None:
    with pytest.raises(composer.InvalidRecipient, match=re.escape(f"”{' '.join(address.split())}”")):
        send(conversation, town, to=[{"name": "", "address": address}])
    assert not OutboundMail.objects.exists()


def test_the_inbox_does_not_write_to_itself(conversation, town) -> None:
    for address in ("jobb@lillestad.se", town.inbox.service_address.upper()):
        with pytest.raises(composer.InvalidRecipient):
            send(conversation, town, to=[{"name": "", "address": address}])


def test_a_mail_needs_a_recipient(conversation, town) -> None:
    with pytest.raises(composer.InvalidRecipient):
        send(conversation, town, to=[])


def test_a_domain_with_swedish_letters_is_written_as_mail_servers_know_it(conversation, town) -> None:
    message = send(conversation, town, to=[{"name": "Åsa", "address": "asa@räksmörgås.se"}])
    assert message.to == [{"name": "Åsa", "address": "asa@xn--rksmrgs-5wao1o.se"}]


def test_a_hidden_copy_is_sent_and_shown_to_nobody(conversation, town) -> None:
    message = send(conversation, town, bcc=[DAVID])
    assert OutboundRecipient.objects.filter(mail=message.outbound, address="david@example.org").exists()
    assert b"david" not in bytes(message.outbound.content)
    assert message.bcc == [DAVID]


def test_to_and_cc_are_in_the_mail_as_they_were_chosen(conversation, town) -> None:
    mail = message_from_bytes(
        bytes(send(conversation, town, to=[BARRY, CECILIA], cc=[DAVID]).outbound.content), policy=policy.default
    )
    assert mail["To"] == "Barry Berg <barry@example.org>, Cecilia <cecilia@example.org>"
    assert mail["Cc"] == "david@example.org"
    assert mail["Bcc"] is None


# --- What it says -------------------------------------------------------------------------------------------------


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
    with pytest.raises(composer.TooLarge, match=r"2[.,]0"):
        send(conversation, town, attachments=[SimpleUploadedFile("a.bin", bytes(2048))])
    settings.OUTGOING_MESSAGE_OCTETS = 1000
    with pytest.raises(composer.TooLarge):
        send(conversation, town, text="x" * 2000)
    assert not OutboundMail.objects.exists()


# --- Once, and only if nothing has changed ------------------------------------------------------------------------


def test_pressing_twice_sends_once(conversation, town) -> None:
    key = uuid.uuid4()
    first = send(conversation, town, submission_key=key, version=conversation.version)
    second = send(conversation, town, submission_key=key, version=conversation.version)
    assert first.pk == second.pk
    assert OutboundMail.objects.count() == 1


def test_an_answer_to_an_older_state_is_not_sent(conversation, town) -> None:
    builders.received(town.inbox, conversation=conversation, text="Glöm det.")
    with pytest.raises(composer.ConversationChanged):
        send(conversation, town, version=conversation.version)
    assert not OutboundMail.objects.exists()
    assert send(conversation, town, version=None).pk


def test_sending_moves_the_conversation(conversation, town) -> None:
    send(conversation, town, then="done")
    conversation.refresh_from_db()
    assert (conversation.status, conversation.message_count, conversation.unanswered_since) == ("done", 2, None)


def test_an_answer_in_a_merged_conversation_goes_to_where_it_was_merged(conversation, town) -> None:
    target = builders.received(town.inbox, "Annat ärende").conversation
    Conversation.objects.filter(pk=conversation.pk).update(merged_into=target.pk)
    assert send(conversation, town).conversation_id == target.pk


def test_message_and_outbox_share_one_fate(conversation, town, monkeypatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("database gone")

    monkeypatch.setattr(timeline, "add_outbound", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        send(conversation, town)
    assert not OutboundMail.objects.exists()


# --- Taking back --------------------------------------------------------------------------------------------------


def test_a_mail_taken_back_is_a_draft_again_and_the_conversation_as_before(conversation, town) -> None:
    before = (conversation.status, conversation.unanswered_since, conversation.message_count)
    message = send(conversation, town, then="done", cc=[DAVID], not_before=timezone.now() + timedelta(seconds=10))
    assert drafts.undo(message, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since, conversation.message_count) == before
    draft = Draft.objects.get(conversation=conversation, author=town.agent)
    assert (draft.text, draft.to, draft.cc) == ("Hej Barry!\n\nJobbet är ledigt.", [BARRY], [DAVID])
    assert not Message.objects.filter(pk=message.pk).exists()


def test_a_mail_that_came_since_stays_unanswered_when_the_answer_is_taken_back(conversation, town) -> None:
    timeline.set_status(conversation, Conversation.Status.DONE, actor=town.agent)
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    newer = builders.received(town.inbox, "Tillägg", "En sak till.", conversation=conversation)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", newer.received_at)


def test_the_first_unanswered_mail_counts_when_the_answer_is_taken_back(conversation, town) -> None:
    since = conversation.unanswered_since
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    builders.received(town.inbox, "Tillägg", "En sak till.", conversation=conversation)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("unanswered", since)


def test_what_a_colleague_decided_since_stands_when_the_answer_is_taken_back(conversation, town) -> None:
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    timeline.set_status(conversation, Conversation.Status.WAITING, actor=town.admin)
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert conversation.status == "waiting"


def test_a_comment_is_no_activity_when_the_answer_is_taken_back(conversation, town) -> None:
    active = conversation.last_activity_at
    planned = send(conversation, town, not_before=timezone.now() + timedelta(days=1))
    timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    assert drafts.undo(planned, town.agent)
    conversation.refresh_from_db()
    assert (conversation.status, conversation.last_activity_at) == ("unanswered", active)


def test_a_mail_a_worker_has_taken_is_not_taken_back(conversation, town) -> None:
    message = send(conversation, town)
    OutboundMail.objects.filter(pk=message.outbound_id).update(state="sending", attempts=1)
    assert not drafts.undo(message, town.agent)
    assert Message.objects.filter(pk=message.pk).exists()


def test_taking_back_twice_is_harmless(conversation, town) -> None:
    message = send(conversation, town, not_before=timezone.now() + timedelta(seconds=10))
    assert drafts.undo(message, town.agent)
    assert not drafts.undo(message, town.agent)


def test_a_mail_taken_back_is_never_sent(town) -> None:
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
        message = send(conversation, town, not_before=timezone.now() + timedelta(seconds=10))
        drafts.undo(message, town.agent)
        OutboundMail.objects.update(next_attempt_at=timezone.now() - timedelta(days=1))
    assert outbox_queue.claim(10) == []


def test_a_note_has_no_way_out(conversation, town) -> None:
    note = timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    assert note.outbound_id is None
    assert not OutboundMail.objects.exists()


def test_the_database_gives_no_note_a_mail(conversation, town) -> None:
    note = timeline.add_note(conversation, author=town.agent, text="Ring Barry")
    mail = send(conversation, town).outbound
    Message.objects.filter(outbound=mail).update(outbound=None)
    with pytest.raises(IntegrityError, match="note_has_no_mail"), transaction.atomic():
        Message.objects.filter(pk=note.pk).update(outbound=mail)
    note.pk, note.outbound = None, mail
    with pytest.raises(IntegrityError, match="note_has_no_mail"), transaction.atomic():
        note.save(force_insert=True)


@pytest.mark.parametrize("answered", ["är jobbet ledigt?", "Jobbet är ledigt."])
@pytest.mark.parametrize("action", ["reply", "reply_all", "forward"])
def test_the_words_of_a_note_are_in_no_mail(conversation, town, action, answered) -> None:
    """Neither where the customer's mail is answered nor where only ours is there to follow."""
    timeline.add_note(conversation, author=town.agent, text="Sekretess: ring Gun-Britt")
    send(conversation, town)
    timeline.add_note(conversation, author=town.agent, text="Sekretess: ring Gun-Britt")
    if answered.startswith("J"):
        Message.objects.filter(kind="inbound").delete()
    filled = composer.prefill(conversation, action, town.agent)
    assert answered in filled.quoted
    message = send(conversation, town, text="Se nedan.", action=action, attachments=filled.attachments)
    mail = on_the_wire(message)
    assert answered in mail.text
    octets = bytes(message.outbound.content)
    for words in (mail.text, mail.html, octets.decode(), message.text, message.subject):
        assert "Sekretess" not in words
        assert "Gun-Britt" not in words


# --- Pictures in the text -------------------------------------------------------------------------------------------

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc0000001249444154789c6360f8cf"
    "8015c3c4280000ae8a0ffb33c2a30000000049454e44ae426082"
)


def picture(name: str = "karta.png", content: bytes = PNG) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def shown_in(read: ReadMail) -> list[str]:
    """Content-IDs in the order in which the HTML shows them."""
    return re.findall(r'<img src="cid:([^"]+)"', read.html)


def test_a_picture_stands_where_the_text_names_it(conversation, town) -> None:
    text = "Hit:\n[karta.png: Vägen till <badet>]\nVälkommen! [ingen.png]"
    message = send(conversation, town, text=text, attachments=[picture(), picture("annan.png", PNG + b"x")])
    read = on_the_wire(message)
    [shown] = shown_in(read)
    inline = {a.content_id.strip("<>"): a for a in read.attachments if a.inline}
    assert (inline[shown].name, inline[shown].content) == ("karta.png", PNG)
    assert [a.name for a in read.attachments if not a.inline] == ["annan.png"]
    assert 'alt="Vägen till &lt;badet&gt;"' in read.html
    assert read.html.index("Hit:") < read.html.index("cid:") < read.html.index("Välkommen!")
    assert "[ingen.png]" in read.html
    assert "[karta.png: Vägen till <badet>]" in read.text
    assert b"multipart/related" in bytes(message.outbound.content)
    stored = {a.name: (a.inline, a.content_id) for a in message.attachments.all()}
    assert stored == {"karta.png": (True, shown), "annan.png": (False, "")}


def test_a_sent_picture_is_shown_in_the_conversation(conversation, town, client) -> None:
    send(conversation, town, text="Hit: [karta.png]", attachments=[picture()])
    client.force_login(town.agent)
    page = client.get(reverse("conversations:conversation", args=[town.organization.slug, conversation.number]))
    [frame] = re.findall(r'class="message-frame"[^>]* src="([^"]+)"', page.content.decode())
    framed = client.get(frame).content.decode()
    [image] = re.findall(r'<img src="([^"]+)" alt="karta.png"', framed)
    answer = client.get(image)
    assert (answer.headers["Content-Type"], answer.content) == ("image/png", PNG)


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"<svg/>", b""])
def test_a_file_that_is_no_picture_is_only_attached(conversation, town, content: bytes) -> None:
    read = on_the_wire(send(conversation, town, text="[karta.png]", attachments=[picture(content=content)]))
    assert shown_in(read) == []
    assert [(a.name, a.inline) for a in read.attachments] == [("karta.png", False)]


def test_a_picture_too_large_for_the_text_is_refused_with_the_limit(conversation, town, settings) -> None:
    settings.INLINE_PICTURE_OCTETS = len(PNG) - 1
    with pytest.raises(composer.TooLarge, match=r"karta\.png"):
        send(conversation, town, text="[karta.png]", attachments=[picture()])
    send(conversation, town, text="Se karta.png", attachments=[picture()])


@pytest.mark.parametrize(
    ("text", "placed"), [("Se bilden:\n[cid:bild1@barry]\nTack", "at its place"), ("Hej", "below")]
)
@pytest.mark.parametrize("action", ["reply", "forward"])
def test_pictures_of_the_quoted_mail_keep_their_content_id(conversation, town, text, placed, action) -> None:
    rewrite(conversation, text=text)
    original = Message.objects.get(conversation=conversation, kind="inbound")
    kept = builders.attached(original, "bild.png", PNG, "image/png", content_id="<bild1@barry>")
    files = [kept] if action == "forward" else []
    message = send(conversation, town, action=action, text="Se nedan", attachments=files, to=[CECILIA])
    read = on_the_wire(message)
    assert shown_in(read) == ["bild1@barry"]
    assert [(a.content_id.strip("<>"), a.content) for a in read.attachments] == [("bild1@barry", PNG)]
    assert (read.html.index("cid:bild1") < read.html.rindex("Tack")) if placed == "at its place" else True
    assert message.attachments.count() == (action == "forward")


def test_quoted_pictures_beyond_their_limit_and_without_history_are_left_out(conversation, town, settings) -> None:
    original = Message.objects.get(conversation=conversation, kind="inbound")
    builders.attached(original, "bild.png", PNG, "image/png", content_id="<bild1@barry>")
    assert on_the_wire(send(conversation, town, include_history=False)).attachments == ()
    settings.QUOTED_PICTURES_OCTETS = len(PNG) - 1
    assert on_the_wire(send(conversation, town, include_history=True)).attachments == ()


def test_a_picture_that_nobody_attached_is_asked_about() -> None:
    assert pictures.lost("[karta.png: vägen] [1] [se bilaga.pdf] [b.JPG]", ["b.JPG"]) == ["karta.png"]


# --- Where the address is ours ----------------------------------------------------------------------------------------


def test_answers_to_an_address_of_ours_carry_the_conversation(conversation, town, settings) -> None:
    Inbox.objects.filter(pk=town.inbox.pk).update(address=f"postmaster@{settings.MAIL_DOMAIN}")
    conversation = Conversation.objects.get(pk=conversation.pk)
    message = send(conversation, town)
    [reply_to] = on_the_wire(message).reply_to
    key, _plus, tag = reply_to.address.partition("@")[0].partition("+")
    assert reply_to.address.endswith(f"@{settings.MAIL_DOMAIN}")
    token = read_reply(token_keys(), town.organization.pk, key, tag)
    assert token is not None
    assert token.conversation_id == conversation.pk
    rewrite(conversation, to=[{"name": "", "address": reply_to.address}, CECILIA])
    assert composer.prefill(conversation, "reply_all", town.agent).to == (BARRY, CECILIA)


def test_answers_to_the_customers_own_address_carry_nothing(conversation, town) -> None:
    [reply_to] = on_the_wire(send(conversation, town)).reply_to
    assert reply_to.address == "jobb@lillestad.se"
