"""A conversation's messages, turned into what the page shows of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, Func, IntegerField, Value, When
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from conversations import circle, explaining, frames
from conversations.addressees import own_addresses
from conversations.copies import Copy, copies_elsewhere
from conversations.models import Attachment, Conversation, Message
from conversations.plain_text import Part, parts, visible_controls
from conversations.recipients import label
from inboxes.models import Inbox
from organizations import scope
from organizations.models import User
from whitelabel import delivery_reasons
from whitelabel.models import OutboundMail, OutboundRecipient

# What a frame holds besides its lines of text (templates/conversations/message_frame.html), and how high it can be.
FRAME_ABOVE_AND_BELOW_PX = 28
FRAME_NOTICE_PX = 70  # pictures on the web are not shown
FRAME_HIDDEN_PICTURE_PX, FRAME_HIDDEN_PICTURES = 40, 5  # each of these shows its description; most have none
FRAME_PICTURE_PX = 120  # a picture of the mail itself; its size is not known
FRAME_LINE_PX = 22.5
FRAME_BLOCK_PX = 11  # the least: elements lie inside each other
FRAME_CHARACTERS_A_LINE = 92
FRAME_PX = (96, 1600)
_DEFERRED = ("html", "other_text", "search_vector", "references", "in_reply_to", "calendar", "outbound__content")
_HAS_HTML = Case(When(html="", then=Value(False)), default=Value(True), output_field=BooleanField())


def _counted(pattern: str) -> Func:
    """How often a pattern is found in as much of the HTML as a frame can be high."""
    return Func(
        Left("html", 50_000),
        Value(pattern),
        Value(1),
        Value("i"),
        function="regexp_count",
        output_field=IntegerField(),
    )


_HTML_COUNTS = {
    "html_blocks": _counted("<(p|br|tr|li|div|h[1-6]|hr|blockquote)[ />]"),
    "html_pictures": _counted("""<img[^>]+src=["']?cid:"""),
    "html_remote": _counted("""<img[^>]+src=["']?(https?:)?//"""),
}
_DELIVERY_SYMBOLS = {
    "queued": "waiting",
    "sent": "right",
    "delayed": "waiting",
    "bounced": "wrong",
    "failed": "wrong",
    "unsure": "wrong",
}


@dataclass(frozen=True)
class Delivery:
    """One recipient of a sent mail and what became of it."""

    address: str
    symbol: str
    label: str
    reason: str
    reply: str
    at: datetime


@dataclass(frozen=True)
class FrameSize:
    """How high a frame should be, in px, as far as the server can know: it does not know the reader's window.

    `besides` is what stands above and below the text, `least` what the elements need even if there is little text, and
    `height` all of it in a wide window. static/conversations/thread.js measures the text in the window there is.
    """

    besides: int
    least: int
    height: int


@dataclass(frozen=True)
class Card:
    """One message as the page shows it."""

    message: Message
    sender: str
    summary: str
    parts: list[Part]
    frame_url: str = ""
    frame_size: FrameSize | None = None
    attachments: list[Attachment] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    undo_until: datetime | None = None
    planned: bool = False
    cut: bool = False
    is_latest: bool = False  # the newest mail: the one that is answered
    usual_action: str = "reply"  # what answering it usually is: reply or reply_all
    is_wider: bool = False  # reply_all reaches somebody whom reply does not
    copies: Sequence[Copy] = ()  # the same mail in other inboxes
    kind: str = "message"

    @property
    def at(self) -> datetime:
        """Where it stands in the conversation."""
        return self.message.received_at

    @property
    def rule(self) -> str:
        """Why it is in this conversation, and what is unusual about that, as sentences; "" when unknown."""
        return " ".join(str(sentence) for sentence in explaining.why_here(self.message))

    @property
    def mail_class(self) -> str | Promise:
        """What kind of mail, when no person wrote it."""
        return explaining.MAIL_CLASSES.get(self.message.mail_class, "")

    @property
    def authenticity(self) -> tuple[str, str | Promise] | None:
        """State symbol and sentence about the sender; None when nothing was checked."""
        return explaining.AUTHENTICITY.get(self.message.authenticity)

    @property
    def authenticity_reason(self) -> str | Promise:
        """Why the sender is proved or not; "" when unknown."""
        return explaining.AUTHENTICITY_REASONS.get(self.message.authenticity_reason, "")

    @property
    def replies_elsewhere(self) -> str:
        """The addresses an answer goes to when they belong to others than the sender; "" else."""
        return ", ".join(visible_controls(address) for address in explaining.replies_elsewhere(self.message))

    @property
    def unread(self) -> str | Promise:
        """What is missing of a mail that could not be read; "" when nothing is."""
        return explaining.UNREAD.get(self.message.reading_stage, "")

    @property
    def protection(self) -> str | Promise:
        """What is to be known of a signed or encrypted mail."""
        return explaining.PROTECTIONS.get(self.message.protection, "")

    @property
    def delivery_symbol(self) -> str:
        """The worst state of all recipients; "" when not sent by the outbox."""
        found = {each.symbol for each in self.deliveries}
        return next((symbol for symbol in ("wrong", "waiting", "right", "unchecked") if symbol in found), "")

    @property
    def delivery_label(self) -> str:
        """The fate of the mail in a word, with the number of recipients it holds for when they differ."""
        worst = [each for each in self.deliveries if each.symbol == self.delivery_symbol]
        if not worst or len(worst) == len(self.deliveries):
            return worst[0].label if worst else ""
        return _("%(state)s to %(number)s of %(all)s") % {
            "state": worst[0].label,
            "number": len(worst),
            "all": len(self.deliveries),
        }


def messages_of(conversation: Conversation, *, everything: bool) -> tuple[list[Message], int]:
    """The newest messages, oldest first, and how many earlier ones are folded. Bodies in HTML are not read."""
    folded = 0 if everything else max(0, conversation.message_count - settings.MESSAGES_SHOWN)
    if folded == 1:
        folded = 0  # a fold of one takes as much place as the message
    found = (
        Message.objects.filter(conversation=conversation)
        .select_related("author", "outbound")
        .defer(*_DEFERRED)
        .annotate(has_html=_HAS_HTML, **_HTML_COUNTS)
        .order_by("-received_at", "-id")
    )
    shown: list[Message] = list(found[: settings.MESSAGES_SHOWN] if folded else found)
    shown.reverse()
    return shown, folded


def cards(messages: Sequence[Message], inbox: Inbox, user: User) -> list[Card]:
    """Cards with files, delivery states and copies elsewhere; three queries for all of them."""
    copies = copies_elsewhere(messages, inbox)
    files = _attachments(messages)
    fates = _recipients(messages)
    made = [_card(message, inbox, user, files[message.pk], fates[message.outbound_id]) for message in messages]
    newest = max((place for place, card in enumerate(made) if card.message.kind == Message.Kind.INBOUND), default=None)
    if newest is not None:
        made[newest] = _answerable(made[newest], inbox)
    return [replace(card, copies=copies[card.message.pk]) for card in made]


def frame_size(visible: str, *, blocks: int, pictures: int = 0, remote: int = 0) -> FrameSize:
    """The size of a frame about `visible` (text without quoted parts), which has `blocks` elements that begin a line.

    `pictures` are of the mail itself; those on the web, `remote`, are not shown.
    """
    lines = sum(max(1, math.ceil(len(line) / FRAME_CHARACTERS_A_LINE)) for line in visible.strip().splitlines())
    hidden = FRAME_NOTICE_PX * (remote > 0) + FRAME_HIDDEN_PICTURE_PX * min(remote, FRAME_HIDDEN_PICTURES)
    besides = FRAME_ABOVE_AND_BELOW_PX + hidden + FRAME_PICTURE_PX * pictures
    low, high = FRAME_PX
    least = min(high, max(low, blocks * FRAME_BLOCK_PX + besides))
    return FrameSize(besides, least, min(high, max(least, math.ceil(lines * FRAME_LINE_PX) + besides)))


def _card(message: Message, inbox: Inbox, user: User, files: list[Attachment], fates: list[OutboundRecipient]) -> Card:
    framed = message.kind != Message.Kind.NOTE and message.has_html  # type: ignore[attr-defined]  # annotated
    limit = settings.MESSAGE_TEXT_CHARACTERS
    return Card(
        message=message,
        sender=_sender(message),
        summary=_summary(message, inbox),
        parts=parts(message.text, message.ranges, limit),
        frame_url=_frame_url(message, user) if framed else "",
        frame_size=_frame_size(message) if framed else None,
        attachments=[file for file in files if not (framed and file.inline)],
        deliveries=[_delivery(fate, message) for fate in fates],
        undo_until=_undo_until(message),
        planned=_is_planned(message),
        cut=len(message.text) > limit,
    )


def _answerable(card: Card, inbox: Inbox) -> Card:
    own = own_addresses(inbox)
    usual, is_wider = circle.usual_action(card.message, own), circle.is_wider(card.message, own)
    return replace(card, is_latest=True, usual_action=usual, is_wider=is_wider)


def _visible(message: Message) -> str:
    return "".join(message.text[start:end] for start, end, kind in message.ranges if kind == "visible") or message.text


def _frame_size(message: Any) -> FrameSize:
    visible = _visible(message)
    blocks = message.html_blocks * len(visible) // max(1, len(message.text))
    return frame_size(visible, blocks=blocks, pictures=message.html_pictures, remote=message.html_remote)


def _sender(message: Message) -> str:
    if message.author:
        return message.author.display_name
    return visible_controls(message.from_name or message.from_address) or _("Unknown sender")


def _frame_url(message: Message, user: User) -> str:
    return frames.address(frames.Content("message", scope.current_id(), user.pk, message.pk))


def _summary(message: Message, inbox: Inbox) -> str:
    """The recipients in a line: "to Jobb, Anna, Cc 2". The inbox's own address goes by the inbox's name."""
    own = {inbox.address: inbox.name}
    names = [own.get(person["address"].lower()) or visible_controls(label(person)) for person in message.to]
    shown = ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
    copies = len(message.cc) + len(message.bcc)
    if not shown:
        return _("Cc %(number)s") % {"number": copies} if copies else ""
    return (
        _("to %(people)s, Cc %(number)s") % {"people": shown, "number": copies}
        if copies
        else _("to %(people)s") % {"people": shown}
    )


def _undo_until(message: Message) -> datetime | None:
    mail = message.outbound
    waits = mail is not None and mail.state == OutboundMail.State.QUEUED and mail.attempts == 0
    return mail.not_before if waits and mail and mail.not_before > timezone.now() else None


def _is_planned(message: Message) -> bool:
    """Whether a waiting mail leaves at a chosen time, not just after the time to undo it."""
    until = _undo_until(message)
    return until is not None and until > timezone.now() + timedelta(seconds=settings.UNDO_SEND_SECONDS)


def _delivery(fate: OutboundRecipient, message: Message) -> Delivery:
    cancelled = message.outbound is not None and message.outbound.state == OutboundMail.State.CANCELLED
    return Delivery(
        address=fate.address,
        symbol="unchecked" if cancelled else _DELIVERY_SYMBOLS[fate.state],
        label=_("Cancelled") if cancelled else fate.get_state_display(),
        reason=delivery_reasons.reason(fate.state, fate.status, waiting=_waits_for_the_relay(message)),
        reply=visible_controls(fate.reply),
        at=fate.updated_at,
    )


def _waits_for_the_relay(message: Message) -> bool:
    """Whether the mail was due and could not even be tried: then its row tells what the relay said."""
    mail = message.outbound
    return mail is not None and mail.state == OutboundMail.State.QUEUED and bool(mail.last_reply)


def _attachments(messages: Sequence[Message]) -> dict[int, list[Attachment]]:
    found: dict[int, list[Attachment]] = defaultdict(list)
    for attachment in Attachment.objects.filter(message__in=messages).order_by("position", "id"):
        found[attachment.message_id].append(attachment)
    return found


def _recipients(messages: Sequence[Message]) -> dict[int | None, list[OutboundRecipient]]:
    found: dict[int | None, list[OutboundRecipient]] = defaultdict(list)
    mails = [message.outbound_id for message in messages if message.outbound_id]
    for recipient in OutboundRecipient.objects.filter(mail_id__in=mails).order_by("id") if mails else ():
        found[recipient.mail_id].append(recipient)
    return found
