"""Mail that is about our own mail: delivery reports, receipts, complaints, and copies of what we sent that come back.

A report is believed when it came to a return path we signed, or holds an identifier or a loop header we signed. Any other
report (backscatter of a forged sender, a report about what somebody sent in another program) is mail like any other.
"""

from __future__ import annotations

from django.utils import timezone

from conversations import live
from conversations.models import Contact, Message
from forwarding.bounces import Bounce
from forwarding.classifying import MailClass
from forwarding.duplicates import VARIANT_SIMILARITY, similarity
from forwarding.incoming import Incoming, Outcome
from forwarding.models import Delivery
from inboxes import sample_mail
from organizations.models import record
from whitelabel import fate
from whitelabel.keys import token_keys
from whitelabel.models import OutboundRecipient
from whitelabel.tokens import LoopToken, VerpToken, read_loop, read_message_id, read_verp

LOOP_HEADER = "X-Kundo-Loop"
DISPLAYED = "displayed"
"""The one disposition (RFC 8098 section 3.2.6.2) that says that a person saw the mail."""


def return_path(delivery: Delivery) -> VerpToken | None:
    """The sent mail and recipient that the delivery's recipient names, if we signed it for this organization."""
    token = read_verp(token_keys(), delivery.recipient.rpartition("@")[0])
    return token if token and token.organization_id == delivery.organization_id else None


def reported_message(delivery: Delivery) -> Message | None:
    """The sent message whose return path this came to."""
    token = return_path(delivery)
    return Message.objects.select_related("inbox").filter(outbound_id=token.message_id).first() if token else None


def settle(letter: Incoming) -> Outcome | None:
    """Carry out what a report about our mail says, or recognise a copy of it; None for all other mail.

    Call inside the organization's scope.
    """
    if letter.bounces:
        known = [told for bounce in letter.bounces if (told := _bounced(letter, bounce))]
        reasons = "; ".join(reason for reason, _sent in known)
        return Outcome(Delivery.State.FEEDBACK, known[0][1], reasons) if known else None
    if letter.mail_class is MailClass.MDN:
        return _receipt(letter)
    if letter.mail_class is MailClass.ARF:
        return _complaint(letter)
    sent = _own_copy(letter)
    return Outcome(Delivery.State.OWN_COPY, sent) if sent or _is_test_mail(letter) else None


def _bounced(letter: Incoming, bounce: Bounce) -> tuple[str, Message | None] | None:
    """Store one recipient's fate; gives it in words with the message sent, None when it is not about mail of ours."""
    token = return_path(letter.delivery)
    sent = _reported(letter, bounce.original_message_id, bounce.original_loop)
    mail_id = token.message_id if token else sent.outbound_id if sent else None
    if mail_id is None:
        return None
    recipient = fate.record_bounce(
        letter.delivery.organization_id,
        mail_id=mail_id,
        recipient_id=token.recipient_id if token else None,
        address=_recipient(letter, mail_id, bounce.original_recipient, bounce.recipient),
        action=bounce.action,
        status=bounce.status,
        diagnostic=bounce.diagnostic,
    )
    return (f"{bounce.action} {bounce.status}".strip(), sent) if recipient else None


def _receipt(letter: Incoming) -> Outcome | None:
    """The mail was read, says the program of the recipient (RFC 8098)."""
    disposition = letter.understood.disposition
    sent = _reported(letter, disposition.original_message_id if disposition else "")
    if disposition is None or sent is None:
        return None
    if disposition.kind == DISPLAYED:
        reader = _recipient(letter, sent.outbound_id, disposition.recipient)
        record("message.read", sent.conversation, message=sent.pk, by=reader)
        live.announce(sent.conversation, "delivery")
    return Outcome(Delivery.State.FEEDBACK, sent, disposition.kind)


def _complaint(letter: Incoming) -> Outcome | None:
    """A recipient calls our mail unwanted (RFC 5965): nothing automatic goes there any more."""
    complaint = letter.understood.complaint
    sent = _reported(letter, complaint.original_message_id if complaint else "")
    if complaint is None or sent is None:
        return None
    named = [_recipient(letter, sent.outbound_id, address) for address in complaint.recipients or ("",)]
    addresses = [address for address in named if address]
    if complaint.kind != "not-spam":
        Contact.objects.filter(address__in=addresses, complained_at=None).update(complained_at=timezone.now())
    record("message.complained", sent.conversation, message=sent.pk, by=addresses, complaint=complaint.kind)
    return Outcome(Delivery.State.FEEDBACK, sent, complaint.kind)


def _own_copy(letter: Incoming) -> Message | None:
    """The message of this very inbox that has come back to it, signed and with the content it was sent with."""
    inbox = letter.delivery.inbox
    for value in letter.mail.all_headers(LOOP_HEADER):
        token = read_loop(token_keys(), value)
        if inbox and token and token.organization_id == letter.delivery.organization_id:
            sent = Message.objects.filter(pk=token.message_id, inbox=inbox, kind=Message.Kind.OUTBOUND).first()
            if sent and similarity(sent.text, letter.mail.text) >= VARIANT_SIMILARITY:
                return sent
    return None


def _is_test_mail(letter: Incoming) -> bool:
    """Whether it is a test mail of this very inbox that has come back; then the page of its sender address shows it."""
    inbox = letter.delivery.inbox
    tokens = [read_loop(token_keys(), value) for value in letter.mail.all_headers(LOOP_HEADER)]
    number = LoopToken(letter.delivery.organization_id, sample_mail.LOOP_NUMBER)
    return (
        inbox is not None
        and number in tokens
        and sample_mail.note_returned(
            inbox, letter.mail.header("Message-ID").strip(), letter.mail.all_headers("Authentication-Results")
        )
    )


def _reported(letter: Incoming, original_message_id: str, original_loop: str = "") -> Message | None:
    """The sent message that a report is about, proved by a return path, an identifier or a loop header of ours."""
    by_path = reported_message(letter.delivery)
    if by_path is not None:
        return by_path
    organization_id = letter.delivery.organization_id
    token = read_message_id(token_keys(), organization_id, original_message_id)
    loop = read_loop(token_keys(), original_loop) if original_loop else None
    pk = token.message_id if token else loop.message_id if loop and loop.organization_id == organization_id else None
    sent = Message.objects.select_related("conversation").filter(kind=Message.Kind.OUTBOUND)
    return sent.filter(pk=pk).first() if pk else None


def _recipient(letter: Incoming, mail_id: int | None, *named: str) -> str:
    """Which recipient of the sent mail a report speaks of: the one of its return path, one it names, the only one.

    An only recipient may go by another name there: where the mail was forwarded to, or a redacted one.
    """
    token = return_path(letter.delivery)
    recipients = OutboundRecipient.objects.filter(mail=mail_id)
    by_pk = {recipient.pk: recipient.address.lower() for recipient in recipients}
    if token and token.recipient_id in by_pk:
        return by_pk[token.recipient_id]
    known = [address.lower() for address in named if address.lower() in by_pk.values()]
    only = list(by_pk.values()) if len(by_pk) == 1 else []
    return next(iter([*known, *only]), "")
