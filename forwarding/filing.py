"""Filing: an accepted delivery becomes a message in a conversation, or is accounted for in another final state.

One delivery is one transaction. What is decided here is what happens; how mail is read, classified and threaded is
decided by pure modules from values.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from conversations import timeline
from conversations.models import Contact, Conversation, Message
from forwarding import duplicates, feedback, queue, storing, threads
from forwarding.classifying import MailClass, classify
from forwarding.models import Delivery, RawMail
from forwarding.paths import addressed_to
from forwarding.queue import Claim
from forwarding.reading import ReadMail, read_envelope, read_headers
from forwarding.reading.child import Reader
from forwarding.subjects import normal_subject
from inboxes.models import Inbox
from organizations import scope

log = logging.getLogger(__name__)

State = Delivery.State
# Mail no person wrote for us: it is shown, and changes no conversation's state.
QUIET_CLASSES = frozenset({MailClass.AUTO_REPLY, MailClass.DSN, MailClass.MDN, MailClass.ARF})


@dataclass(frozen=True)
class Outcome:
    """The one final state of a delivery. `reason` says why where the state alone does not."""

    state: str
    message: Message | None = None
    reason: str = ""


def file_due(reader: Reader) -> int:
    """File what is due; returns how many deliveries were handled."""
    claims = queue.claim(settings.FILING_BATCH)
    for claim in claims:
        file_claimed(claim, reader)
    return len(claims)


def file_claimed(claim: Claim, reader: Reader) -> None:
    """File one claimed delivery. A failure postpones it; after the last retry it is shown as well as it can be."""
    try:
        with scope.organization(claim.organization_id):
            raw = bytes(RawMail.objects.values_list("content", flat=True).get(deliveries=claim.delivery_id))
        mail = _read(raw, claim, reader)
        with scope.organization(claim.organization_id):
            delivery = _locked(claim)
            if delivery is not None:
                _close(delivery, mail, file(delivery, raw, mail))
    except Exception as error:
        log.exception("delivery %s could not be filed (attempt %s)", claim.delivery_id, claim.attempts)
        _give_up_or_postpone(claim, error)


def file(delivery: Delivery, raw: bytes, mail: ReadMail) -> Outcome:
    """Decide and carry out what becomes of a delivery. Call inside the organization's scope."""
    report = feedback.of_our_mail(delivery, raw, mail)
    if report is not None:
        return Outcome(State.FEEDBACK, reason=report)
    if feedback.is_own_copy(delivery, mail):
        return Outcome(State.OWN_COPY)
    # What comes to a return path and is no report (an absence notice, a person whose program answers the envelope
    # sender) belongs to the conversation of the mail it answers.
    answered = feedback.reported_message(delivery)
    inbox = answered.inbox if answered else delivery.inbox
    if inbox is None:
        return Outcome(State.FEEDBACK, reason="the mail it is about is no longer here")
    return _file_in_inbox(delivery, inbox, mail, answered.conversation_id if answered else None)


def _file_in_inbox(delivery: Delivery, inbox: Inbox, mail: ReadMail, reported_conversation: int | None) -> Outcome:
    identifier = duplicates.identifier(mail, settings.MAIL_DOMAIN)
    _lock_identifier(inbox.pk, identifier)
    judgement = duplicates.judge(mail, _known(inbox, identifier), delivery.received_at)
    if judgement.message_pk is not None:
        message = Message.objects.get(pk=judgement.message_pk)
        return Outcome(State.DUPLICATE, message, judgement.verdict)
    message = storing.message_of(delivery, mail, _unused(inbox, identifier, mail, delivery.received_at))
    message.mail_class = str(classify(mail, delivery.mail_from))
    message.addressed_to = addressed_to(mail, inbox.address, mail_domain=settings.MAIL_DOMAIN)[:320]
    conversation = _conversation_for(delivery, inbox, mail, message, reported_conversation)
    from_person = message.mail_class not in QUIET_CLASSES
    timeline.receive(conversation, message, storing.attachments_of(mail), from_person=from_person)
    Inbox.objects.filter(pk=inbox.pk).update(last_received_at=delivery.received_at)
    return Outcome(State.FILED, message)


def _conversation_for(
    delivery: Delivery, inbox: Inbox, mail: ReadMail, message: Message, reported_conversation: int | None
) -> Conversation:
    decision = threads.decide(delivery, inbox, mail, reported_conversation)
    message.thread_rule = decision.rule
    if decision.conversation_id is not None:
        return Conversation.objects.get(pk=decision.conversation_id)
    contact = _contact(mail)
    conversation = timeline.open_conversation(
        inbox,
        subject=mail.subject,
        normal_subject=normal_subject(mail.subject),
        contact=contact,
        sender_label=(mail.sender.name or mail.sender.address) if mail.sender else delivery.mail_from,
        at=delivery.received_at,
    )
    if decision.related_id is not None:
        Conversation.objects.filter(pk=conversation.pk).update(related_to_id=decision.related_id)
    return conversation


def _contact(mail: ReadMail) -> Contact | None:
    if mail.sender is None or not mail.sender.address:
        return None
    contact, _made = Contact.objects.get_or_create(
        address=mail.sender.address.lower()[:320], defaults={"name": mail.sender.name[:300]}
    )
    return contact


def _known(inbox: Inbox, identifier: str) -> list[duplicates.Known]:
    rows = Message.objects.filter(inbox=inbox, message_id=identifier, kind=Message.Kind.INBOUND).values_list(
        "pk", "content_hash", "from_address", "date_header", "text", "received_at"
    )
    return [duplicates.Known(*row) for row in rows]


def _unused(inbox: Inbox, identifier: str, mail: ReadMail, received_at: datetime) -> str:
    """The identifier to store: an equal mail without Message-ID from long ago keeps its own."""
    taken = Message.objects.filter(inbox=inbox, message_id=identifier, content_hash=mail.content_hash).exists()
    return f"{received_at:%Y%m%d%H%M%S}.{identifier}" if taken else identifier


def _lock_identifier(inbox_id: int, identifier: str) -> None:
    """Two workers with the same mail must not both find it new."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [inbox_id % 2**31, identifier])


def _locked(claim: Claim) -> Delivery | None:
    """The delivery, locked, unless another worker closed it after this one's lease ended."""
    return (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("inbox")
        .filter(pk=claim.delivery_id, state=State.ACCEPTED)
        .first()
    )


def _read(raw: bytes, claim: Claim, reader: Reader) -> ReadMail:
    """Full reading first; when filing the result failed before, less and less of it (the ladder)."""
    failures = claim.attempts - 1
    if failures >= len(settings.FILING_RETRY_MINUTES):
        return read_envelope(raw)
    if failures == len(settings.FILING_RETRY_MINUTES) - 1:
        return read_headers(raw)
    return reader.read(raw)


def _close(delivery: Delivery, mail: ReadMail, outcome: Outcome) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        state=outcome.state,
        message=outcome.message,
        reason=outcome.reason[:300],
        filed_at=timezone.now(),
        lease_until=None,
        sender=(mail.sender.address.lower() if mail.sender else "")[:320],
        header_message_id=mail.message_id[:998],
    )


def _give_up_or_postpone(claim: Claim, error: Exception) -> None:
    reason = type(error).__name__
    if claim.attempts <= len(settings.FILING_RETRY_MINUTES):
        queue.postpone(claim, reason)
        return
    log.error("delivery %s is parked after %s attempts", claim.delivery_id, claim.attempts)
    with scope.organization(claim.organization_id):
        Delivery.objects.filter(pk=claim.delivery_id, state=State.ACCEPTED).update(
            state=State.PARKED, reason=reason, filed_at=timezone.now(), lease_until=None
        )
