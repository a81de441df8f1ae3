"""Mail that is about our own mail: delivery reports, and copies of what we sent that come back."""

from __future__ import annotations

from conversations.models import Message
from forwarding.bounces import Bounce, is_delivery_report, read_bounces
from forwarding.models import Delivery
from forwarding.reading import ReadMail
from whitelabel import fate
from whitelabel.keys import token_keys
from whitelabel.models import OutboundMail
from whitelabel.tokens import VerpToken, read_loop, read_verp

LOOP_HEADER = "X-Kundo-Loop"


def return_path(delivery: Delivery) -> VerpToken | None:
    """The sent mail and recipient that the delivery's recipient names, if we signed it for this organization."""
    token = read_verp(token_keys(), delivery.recipient.rpartition("@")[0])
    return token if token and token.organization_id == delivery.organization_id else None


def of_our_mail(delivery: Delivery, raw: bytes, mail: ReadMail) -> str | None:
    """Store what a delivery report says about mail of ours; returns it in short, or None when the mail is no report.

    A report about mail we did not send (backscatter of a forged sender) changes nothing, but is told apart.
    """
    bounces = read_bounces(raw, mail, delivery.mail_from)
    if not bounces:
        return None
    token = return_path(delivery)
    known = [text for bounce in bounces if (text := _store(delivery, bounce, token))]
    if known:
        return "; ".join(known)
    return "backscatter" if is_delivery_report(mail, delivery.mail_from) else None


def is_own_copy(delivery: Delivery, mail: ReadMail) -> bool:
    """Whether this is a mail that this very inbox sent, come back to it."""
    for value in mail.all_headers(LOOP_HEADER):
        token = read_loop(token_keys(), value)
        if token and token.organization_id == delivery.organization_id:
            return Message.objects.filter(pk=token.message_id, inbox_id=delivery.inbox_id, kind="outbound").exists()
    return False


def reported_message(delivery: Delivery) -> Message | None:
    """The sent message whose return path this came to."""
    token = return_path(delivery)
    return Message.objects.filter(outbound_id=token.message_id).first() if token else None


def _store(delivery: Delivery, bounce: Bounce, token: VerpToken | None) -> str:
    """Store one recipient's fate; "" when the report is not about mail of ours."""
    mail_id = token.message_id if token else _sent_mail(bounce)
    if mail_id is None:
        return ""
    recipient = fate.record_bounce(
        delivery.organization_id,
        mail_id=mail_id,
        recipient_id=token.recipient_id if token else None,
        address=bounce.original_recipient or bounce.recipient,
        action=bounce.action,
        status=bounce.status,
        diagnostic=bounce.diagnostic,
    )
    return f"{bounce.action} {bounce.status}".strip() if recipient else ""


def _sent_mail(bounce: Bounce) -> int | None:
    if not bounce.original_message_id:
        return None
    sent = OutboundMail.objects.filter(
        header_message_id__in=[bounce.original_message_id, f"<{bounce.original_message_id}>"]
    )
    return sent.values_list("pk", flat=True).first()
