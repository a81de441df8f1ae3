"""Delivery confirmations: the one automatic mail we send, when an inbox asks for it and nothing can come of it but good.

It is written for the first mail of a conversation only, to the person who wrote, in words of the inbox: nothing of the
sender's own text goes back, so it cannot be used to send mail in our name (RFC 3834). It is a row in the conversation, and
changes no state: a person still has to answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from conversations import addressees, timeline
from conversations.composer import reserve_message_id, thread_of
from conversations.copies import copies_elsewhere
from conversations.correspondence import ThreadHeaders
from conversations.models import Contact, Conversation, Message
from conversations.outgoing_html import outgoing_html
from inboxes.models import Inbox
from whitelabel import identity, mime, mime_text, outbox
from whitelabel.identity import Identity
from whitelabel.mime_headers import Mailbox

log = logging.getLogger(__name__)

MAIL_CLASS = "confirmation"
"""Message.mail_class of a confirmation."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('confirmation'), hashtext(%s))"


@dataclass(frozen=True)
class Facts:
    """What decides about one confirmation. Addresses are in lower case; the counts are of confirmations sent before.

    `obstacle` is what forbids an answer in the mail itself (forwarding.classifying.auto_answer_obstacle), "" for nothing.
    `complained`: the writer or the recipient called mail of ours unwanted. `confirmed_elsewhere`: the same mail came to
    another inbox of the organization too, which has confirmed it.
    """

    obstacle: str
    writer: str
    recipient: str
    names_inbox: bool
    is_first: bool
    own_domains: frozenset[str]
    own_addresses: frozenset[str]
    complained: bool = False
    confirmed_elsewhere: bool = False
    to_recipient_in_day: int = 0
    to_recipient_in_week: int = 0
    of_inbox_in_hour: int = 0
    of_organization_in_hour: int = 0


def refusal(facts: Facts) -> str:
    """Why no confirmation may be sent; "" when it may. Pure."""
    ours = {facts.writer, facts.recipient} & facts.own_addresses or any(
        address.rpartition("@")[2] in facts.own_domains for address in (facts.writer, facts.recipient)
    )
    reasons = (
        (bool(facts.obstacle), facts.obstacle),
        (not facts.is_first, "the conversation has begun already"),
        (not facts.names_inbox, "it was not written to the inbox"),
        (bool(ours), "the sender is one of our own addresses"),
        (facts.complained, "the sender has complained about mail of ours"),
        (facts.confirmed_elsewhere, "another inbox has confirmed the same mail"),
        (facts.to_recipient_in_day >= settings.CONFIRMATIONS_A_DAY, "the sender got one today"),
        (facts.to_recipient_in_week >= settings.CONFIRMATIONS_A_WEEK, "the sender got enough this week"),
        (facts.of_inbox_in_hour >= settings.CONFIRMATIONS_AN_HOUR, "the inbox has sent too many this hour"),
        (
            facts.of_organization_in_hour >= settings.ORGANIZATION_CONFIRMATIONS_AN_HOUR,
            "the organization has sent too many this hour",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")


def confirm(message: Message, *, obstacle: str, names_inbox: bool) -> Message | None:
    """Send the inbox's confirmation of a mail just filed, if it has one and it may be sent; gives the confirmation.

    `obstacle` is what forbids an answer in the mail itself ("" for nothing), `names_inbox` whether To, Cc or the way it
    came names the inbox. Call inside the organization's scope.
    """
    inbox = message.inbox
    if not inbox.confirmation_at(message.received_at):
        return None
    recipient = _recipient(message)
    if recipient is None:
        return None
    with connection.cursor() as cursor:
        # Two mails of one sender at once, or one mail to two inboxes: the second must see the confirmation of the first.
        cursor.execute(_LOCK, [f"{inbox.pk} {recipient['address'].lower()}"])
        cursor.execute(_LOCK, [f"{message.organization_id} {message.message_id}"])
    facts = _facts(message, recipient["address"], obstacle=obstacle, names_inbox=names_inbox)
    if refusal(facts):
        return None
    try:
        with transaction.atomic():
            return _send(message, recipient)
    except Exception:
        # Whatever is wrong with a confirmation, the mail it confirms must be filed.
        log.exception("no confirmation of message %s", message.pk)
        return None


def _recipient(message: Message) -> addressees.Person | None:
    """Where an answer would go: one address, once."""
    own = addressees.own_addresses(message.inbox)
    try:
        people = addressees.checked(addressees.addressees_of(message, "reply", own).to, own)
    except addressees.InvalidRecipient:
        return None
    return people[0] if len(people) == 1 else None


def _facts(message: Message, recipient: str, *, obstacle: str, names_inbox: bool) -> Facts:
    now = timezone.now()
    people = {message.from_address.lower(), recipient.lower()}
    confirmations = Message.objects.filter(kind=Message.Kind.OUTBOUND, mail_class=MAIL_CLASS)
    of_inbox = confirmations.filter(inbox=message.inbox_id)
    to_recipient = of_inbox.filter(to__0__address__iexact=recipient)
    elsewhere = [copy.number for copy in copies_elsewhere([message], message.inbox)[message.pk]]
    others = Message.objects.filter(conversation=message.conversation_id).exclude(pk=message.pk)
    return Facts(
        obstacle=obstacle,
        writer=message.from_address.lower(),
        recipient=recipient.lower(),
        names_inbox=names_inbox,
        is_first=not others.exists(),
        own_domains=frozenset({settings.MAIL_DOMAIN}),
        own_addresses=frozenset(Inbox.objects.values_list("address", flat=True)),
        complained=Contact.objects.filter(address__in=people, complained_at__isnull=False).exists(),
        confirmed_elsewhere=confirmations.filter(conversation__number__in=elsewhere).exists(),
        to_recipient_in_day=_since(to_recipient, now - timedelta(days=1)),
        to_recipient_in_week=_since(to_recipient, now - timedelta(days=7)),
        of_inbox_in_hour=_since(of_inbox, now - timedelta(hours=1)),
        of_organization_in_hour=_since(confirmations, now - timedelta(hours=1)),
    )


def _since(messages: QuerySet[Message], moment: datetime) -> int:
    return messages.filter(received_at__gte=moment).count()


def _send(message: Message, recipient: addressees.Person) -> Message:
    conversation, inbox, now = message.conversation, message.inbox, timezone.now()
    who = identity.choose(inbox.address, inbox.service_address, inbox.name)
    with translation.override(settings.LANGUAGE_CODE):
        subject = _("We have received your mail (#%(number)s)") % {"number": conversation.number}
    words = inbox.confirmation_at(message.received_at)
    text = mime_text.clean(words.replace("{number}", str(conversation.number))).strip("\n")
    confirmation_pk = reserve_message_id()
    thread = thread_of(conversation, message, confirmation_pk, who, subject=subject, at=now)
    letter = _letter(who, recipient, subject, text, thread, now)
    mail = outbox.enqueue(who, letter, [recipient["address"]], automatic=True)
    confirmation = Message(
        pk=confirmation_pk,
        kind=Message.Kind.OUTBOUND,
        mail_class=MAIL_CLASS,
        from_name=who.from_name[:300],
        from_address=who.from_address,
        to=[recipient],
        subject=subject,
        text=text,
        ranges=[[0, len(text), "visible"]],
        message_id=thread.message_id.strip("<>"),
        in_reply_to=[thread.in_reply_to.strip("<>")] if thread.in_reply_to else [],
        references=[reference.strip("<>") for reference in thread.references],
        thread_index=thread.guid,
        outbound=mail,
        received_at=now,
        date_header=now,
    )
    return timeline.add_automatic(Conversation(pk=conversation.pk), confirmation)


def _letter(
    who: Identity, recipient: addressees.Person, subject: str, text: str, thread: ThreadHeaders, at: datetime
) -> mime.Letter:
    return mime.Letter(
        sender=Mailbox("", who.from_address),
        # Without the name: it is the sender's own words too.
        to=(Mailbox("", recipient["address"]),),
        subject=subject,
        text=text,
        html=outgoing_html(text, "", "", thread.marker),
        date=timezone.localtime(at),
        message_id=thread.message_id,
        in_reply_to=thread.in_reply_to,
        references=thread.references,
        extra=(
            ("Auto-Submitted", "auto-replied"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "bulk"),
            *thread.own_fields,
        ),
    )
