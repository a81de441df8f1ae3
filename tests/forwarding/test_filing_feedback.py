"""What comes back about mail we sent: reports, receipts, complaints, through the real pipeline."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from conversations.models import Contact, Conversation, Message
from forwarding.models import Delivery
from inboxes.models import Inbox
from organizations import scope
from organizations.models import Event
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, answered, conversations, deliveries, field_of, mail, octets_of, return_path
from whitelabel.keys import token_keys
from whitelabel.models import OutboundRecipient
from whitelabel.tokens import VerpToken, sign_verp

pytestmark = pytest.mark.django_db(transaction=True)

JOBB = "jobb.lillestad.se@mail.kundo.se"
BARRY = "barry@example.org"


@pytest.fixture
def sent(post: Pipeline, lillestad: Town) -> Message:
    """An answer to Barry, which the relay has taken over."""
    post.receive(mail(message_id="first@example.org"), lillestad.inbox)
    message = answered(lillestad)
    with scope.organization(lillestad.organization):
        OutboundRecipient.objects.update(state="sent")
    return message


def report(
    kind: str, part: str, original: bytes, *, subject: str = "Undeliverable", sender: str = "MAILER-DAEMON@example.org"
) -> bytes:
    """A multipart/report (RFC 6522) with the header of the original."""
    header = original.partition(b"\r\n\r\n")[0].decode()
    lines = [
        f"From: Mail Delivery System <{sender}>", "To: jobb@lillestad.se", f"Subject: {subject}",
        "Message-ID: <report.1@example.org>", "MIME-Version: 1.0", "Date: Mon, 2 Nov 2026 08:00:00 +0100",
        f'Content-Type: multipart/report; report-type={kind}; boundary="b1"', "",
        "--b1", "Content-Type: text/plain", "", "This is a report.", "",
        "--b1", f"Content-Type: message/{kind}", "", part, "",
        "--b1", "Content-Type: text/rfc822-headers", "", header, "", "--b1--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def bounce(original: bytes, *, action: str = "failed", status: str = "5.1.1", recipient: str = BARRY) -> bytes:
    fields = ["Reporting-MTA: dns; mx.example.org", "", f"Final-Recipient: rfc822; {recipient}"]
    return report("delivery-status", "\r\n".join([*fields, f"Action: {action}", f"Status: {status}"]), original)


def receipt(original: bytes, kind: str = "displayed") -> bytes:
    identifier = f"Original-Message-ID: {field_of(original, 'Message-ID')}"
    fields = [f"Final-Recipient: rfc822; {BARRY}", identifier, f"Disposition: manual-action/MDN-sent-manually; {kind}"]
    return report("disposition-notification", "\r\n".join(fields), original, subject="Read: Sv", sender=BARRY)


def complaint(original: bytes, recipient: str = BARRY) -> bytes:
    fields = f"Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: Feedback/1\r\nOriginal-Rcpt-To: {recipient}"
    return report("feedback-report", fields, original, subject="complaint", sender="fbl@example.org")


def recipient_state(of: Town) -> str:
    with scope.organization(of.organization):
        return str(OutboundRecipient.objects.get().state)


def last(of: Town) -> Delivery:
    return deliveries(of.inbox)[-1]


def finish(of: Town) -> None:
    """An agent is done with everything."""
    with scope.organization(of.organization):
        Conversation.objects.update(status="done", unanswered_since=None)


# --- delivery reports ------------------------------------------------------------------------------------------------


def test_a_hard_bounce_to_the_return_path_fails_the_mail_and_reopens(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    finish(lillestad)
    post.send(bounce(b"Subject: without any identifier\r\n\r\n"), return_path(sent), mail_from="")
    post.file()
    assert (last(lillestad).state, last(lillestad).reason) == ("feedback", "failed 5.1.1")
    assert last(lillestad).message_id == sent.pk
    assert recipient_state(lillestad) == "bounced"
    [conversation] = conversations(lillestad)
    assert (conversation.status, conversation.has_failed_delivery) == ("unanswered", True)
    assert conversation.contact.undeliverable_since is not None


@pytest.mark.parametrize("kept", ["Message-ID", "X-Kundo-Loop"])
def test_a_bounce_to_the_inbox_is_known_by_what_we_signed_in_the_original(
    post: Pipeline, lillestad: Town, sent: Message, kept: str
) -> None:
    raw = octets_of(sent)
    original = f"{kept}: {field_of(raw, kept)}\r\nFrom: jobb@lillestad.se\r\nTo: {BARRY}\r\n\r\n".encode()
    post.receive(bounce(original), lillestad.inbox, mail_from="")
    assert (last(lillestad).state, recipient_state(lillestad)) == ("feedback", "bounced")
    assert last(lillestad).message_id == sent.pk


def test_a_bounce_to_the_inbox_that_names_where_the_only_recipient_forwards_to_is_about_that_recipient(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    raw = octets_of(sent)
    original = f"Message-ID: {field_of(raw, 'Message-ID')}\r\nFrom: jobb@lillestad.se\r\nTo: {BARRY}\r\n\r\n".encode()
    post.receive(bounce(original, recipient="bberg@private.example"), lillestad.inbox, mail_from="")
    assert (last(lillestad).state, recipient_state(lillestad)) == ("feedback", "bounced")
    [conversation] = conversations(lillestad)
    assert (conversation.status, conversation.has_failed_delivery) == ("unanswered", True)


def test_a_bounce_to_the_inbox_that_names_nobody_of_several_recipients_blames_none_of_them(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    raw = octets_of(sent)
    with scope.organization(lillestad.organization):
        recipient = OutboundRecipient.objects.get()
        OutboundRecipient.objects.create(mail_id=recipient.mail_id, address="anna@example.org", state="sent")
    original = f"Message-ID: {field_of(raw, 'Message-ID')}\r\nFrom: jobb@lillestad.se\r\nTo: {BARRY}\r\n\r\n".encode()
    post.receive(bounce(original, recipient="bberg@private.example"), lillestad.inbox, mail_from="")
    with scope.organization(lillestad.organization):
        assert set(OutboundRecipient.objects.values_list("state", flat=True)) == {"sent"}


def test_a_delay_changes_no_state_of_the_conversation(post: Pipeline, lillestad: Town, sent: Message) -> None:
    finish(lillestad)
    post.send(bounce(octets_of(sent), action="delayed", status="4.4.1"), return_path(sent), mail_from="")
    post.file()
    assert recipient_state(lillestad) == "delayed"
    assert [c.status for c in conversations(lillestad)] == ["done"]


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_changes_nothing_and_is_accounted_for(
    post: Pipeline, lillestad: Town, sent: Message, action: str
) -> None:
    finish(lillestad)
    post.send(bounce(octets_of(sent), action=action, status="2.0.0"), return_path(sent), mail_from="")
    post.file()
    assert (last(lillestad).state, last(lillestad).reason) == ("feedback", f"{action} 2.0.0")
    assert recipient_state(lillestad) == "sent"
    assert [(c.status, c.message_count) for c in conversations(lillestad)] == [("done", 2)]


@pytest.mark.parametrize(("status", "bad"), [("5.1.1", True), ("5.1.2", True), ("5.2.1", True), ("5.2.2", False)])
def test_only_what_is_said_of_the_address_itself_marks_it(
    post: Pipeline, lillestad: Town, sent: Message, status: str, bad: bool
) -> None:
    post.send(bounce(octets_of(sent), status=status), return_path(sent), mail_from="")
    post.file()
    [conversation] = conversations(lillestad)
    assert (conversation.contact.undeliverable_since is not None) == bad
    assert conversation.has_failed_delivery


def test_a_report_that_names_another_address_marks_the_one_we_wrote_to(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    with scope.organization(lillestad.organization):
        Contact.objects.create(address="other@example.org")
    post.send(bounce(octets_of(sent), recipient="other@example.org"), return_path(sent), mail_from="")
    post.file()
    with scope.organization(lillestad.organization):
        marked = Contact.objects.filter(undeliverable_since__isnull=False).values_list("address", flat=True)
        assert list(marked) == [BARRY]


def test_a_report_in_words_to_the_return_path_is_understood(post: Pipeline, lillestad: Town, sent: Message) -> None:
    text = (
        "Hi. This is the qmail-send program at example.org.\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{BARRY}>:\nSorry, no mailbox here by that name. (#5.1.1)\n"
    )
    raw = mail("failure notice", text, sender="MAILER-DAEMON@example.org")
    post.send(raw, return_path(sent), mail_from="")
    post.file()
    assert (last(lillestad).state, recipient_state(lillestad)) == ("feedback", "bounced")


def test_a_bounce_with_a_forged_identifier_fails_no_mail_and_is_shown_quietly(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    identifier = field_of(octets_of(sent), "Message-ID")
    mac_end = identifier.index("@") - 1
    forged = identifier[:mac_end] + ("a" if identifier[mac_end] != "a" else "b") + identifier[mac_end + 1 :]
    delivery = post.receive(
        bounce(f"Message-ID: {forged}\r\nTo: {BARRY}\r\n\r\n".encode()), lillestad.inbox, mail_from=""
    )
    assert delivery.state == "filed"
    assert recipient_state(lillestad) == "sent"


def test_a_bounce_for_another_organizations_mail_changes_nothing(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    post.receive(bounce(octets_of(sent)), storstad.inbox, mail_from="")
    assert recipient_state(lillestad) == "sent"
    assert deliveries(storstad.inbox)[-1].state == "filed"


def test_backscatter_is_shown_without_contact_and_disturbs_nobody(post: Pipeline, lillestad: Town) -> None:
    original = b"Message-ID: <spam@botnet.example>\r\nFrom: jobb@lillestad.se\r\nTo: a@example.org\r\n\r\n"
    delivery = post.receive(bounce(original, recipient="a@example.org"), lillestad.inbox, mail_from="")
    assert delivery.message is not None
    conversation = delivery.message.conversation
    assert (delivery.message.mail_class, conversation.status, conversation.contact) == ("dsn", "done", None)
    assert conversation.folder == "bounces"


def test_a_report_about_a_mail_that_is_gone_is_accounted_for(post: Pipeline, lillestad: Town, sent: Message) -> None:
    gone = sign_verp(token_keys(), VerpToken(lillestad.organization.pk, 987654, 1))
    post.send(bounce(b"Subject: x\r\n\r\n"), f"{gone}@mail.kundo.se", mail_from="")
    post.file()
    assert (last(lillestad).state, last(lillestad).reason) == ("feedback", "the mail it is about is no longer here")


# --- receipts and complaints -----------------------------------------------------------------------------------------


def test_a_receipt_marks_the_sent_mail_as_read(post: Pipeline, lillestad: Town, sent: Message) -> None:
    delivery = post.receive(receipt(octets_of(sent)), lillestad.inbox, mail_from="")
    assert (delivery.state, delivery.message_id, delivery.reason) == ("feedback", sent.pk, "displayed")
    with scope.organization(lillestad.organization):
        event = Event.objects.get(kind="message.read")
    assert (event.subject_id, event.data) == (sent.conversation_id, {"message": sent.pk, "by": BARRY})


def test_the_conversation_tells_who_has_read_the_answer(
    post: Pipeline, lillestad: Town, sent: Message, client: Client
) -> None:
    post.receive(receipt(octets_of(sent)), lillestad.inbox, mail_from="")
    client.force_login(lillestad.agent, backend=settings.AUTHENTICATION_BACKENDS[0])
    page = client.get(reverse("conversations:conversation", args=[lillestad.organization.slug, 1]))
    assert "barry@example.org har läst svaret" in page.content.decode()


def test_a_receipt_of_a_mail_that_was_deleted_unread_marks_nothing(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    post.receive(receipt(octets_of(sent), "deleted"), lillestad.inbox, mail_from="")
    with scope.organization(lillestad.organization):
        assert not Event.objects.filter(kind="message.read").exists()


def test_a_receipt_for_what_we_did_not_send_is_shown_quietly(post: Pipeline, lillestad: Town) -> None:
    delivery = post.receive(receipt(b"Message-ID: <x@outlook.example>\r\n\r\n"), lillestad.inbox, mail_from="")
    assert delivery.message is not None
    assert (delivery.message.mail_class, delivery.message.conversation.status) == ("mdn", "done")
    assert delivery.message.conversation.folder == "autoreplies"


def test_after_a_complaint_nothing_automatic_goes_to_the_address(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    post.receive(complaint(octets_of(sent)), lillestad.inbox, mail_from="fbl@example.org")
    assert (last(lillestad).state, last(lillestad).reason) == ("feedback", "abuse")
    with scope.organization(lillestad.organization):
        assert Contact.objects.get(address=BARRY).complained_at is not None
        Inbox.objects.update(confirmation="Tack, vi svarar snart.")
    other = "Anna <anna@example.org>"
    post.receive(mail("En annan fråga"), lillestad.inbox)
    post.receive(mail("Fråga med svar till Barry", sender=other, Reply_To="Barry@example.org"), lillestad.inbox)
    post.receive(mail("Ännu en fråga", sender=other), lillestad.inbox)
    with scope.organization(lillestad.organization):
        confirmed = Message.objects.filter(mail_class="confirmation").values_list("to", flat=True)
        assert [[person["address"] for person in people] for people in confirmed] == [["anna@example.org"]]


def test_a_complaint_names_the_only_recipient_where_it_hides_the_address(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    post.receive(complaint(octets_of(sent), "redacted@example.org"), lillestad.inbox, mail_from="fbl@example.org")
    with scope.organization(lillestad.organization):
        assert Contact.objects.get(address=BARRY).complained_at is not None


def test_word_that_a_mail_was_welcome_after_all_suppresses_nobody(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    raw = complaint(octets_of(sent)).replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")
    post.receive(raw, lillestad.inbox, mail_from="fbl@example.org")
    assert (last(lillestad).state, last(lillestad).reason) == ("feedback", "not-spam")
    with scope.organization(lillestad.organization):
        assert Contact.objects.get(address=BARRY).complained_at is None


def test_a_complaint_about_what_we_did_not_send_suppresses_nobody(
    post: Pipeline, lillestad: Town, sent: Message
) -> None:
    delivery = post.receive(complaint(b"Message-ID: <x@botnet.example>\r\n\r\n"), lillestad.inbox)
    assert delivery.state == "filed"
    with scope.organization(lillestad.organization):
        assert Contact.objects.get(address=BARRY).complained_at is None
