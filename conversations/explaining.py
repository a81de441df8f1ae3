"""What the service knows about a mail, in words: why it is in its conversation, whether its sender is proven, its kind.

Rules are named by forwarding.threading, classes by forwarding.classifying; a name unknown here is shown as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.models import Message
from conversations.plain_text import visible_controls
from whitelabel import delivery_reasons
from whitelabel.models import OutboundRecipient
from whitelabel.organizational_domains import domain_of, of_one_company

THREAD_RULES: dict[str, str | Promise] = {
    "new": _("It began this conversation."),
    "reply_tag": _("It was sent to the reply address of this conversation."),
    "token": _("It answers a mail sent from this conversation."),
    "message_id": _("It answers a mail in this conversation, and its sender takes part in it."),
    "references": _("It refers to a mail in this conversation, and its sender takes part in it."),
    "report": _("It is a report about a mail sent from this conversation."),
    "marker": _("It quotes a mail sent from this conversation."),
    "thread_index": _("Outlook says that it continues this conversation, and its sender takes part in it."),
    "subject": _("It has the same subject and the same sender as the mail before it."),
    "number": _("Its subject holds this conversation’s number, and its sender takes part in it."),
    "moved": _("A colleague moved it here."),
    "storm": _("Very much mail of this kind came within a few minutes. To keep the lists usable it is gathered here."),
}

# Why a mail is not in the conversation it points at, but beside it.
THREAD_OBSTACLES: dict[str, str | Promise] = {
    "stranger": _(
        "It answers a mail in the related conversation, but its sender does not take part in that one. So it got a "
        "conversation of its own."
    ),
    "old_subject": _(
        "It answers a mail in the related conversation, but about something else and after a long time. So it got a "
        "conversation of its own."
    ),
    "other_inbox": _("It answers a mail in another inbox. So it got a conversation of its own here."),
}
NEW_PARTICIPANT = _("Its sender was not part of this conversation before.")
SUBJECT_CHANGED = _("Its subject is another than the conversation’s.")

MAIL_CLASSES: dict[str, str | Promise] = {
    "auto_reply": _("Automatic reply"),
    "auto_generated": _("Sent by a machine"),
    "list": _("Mailing list"),
    "dsn": _("Delivery report"),
    "mdn": _("Read receipt"),
    "arf": _("Complaint"),
    "calendar": _("Calendar"),
    "confirmation": _("Delivery confirmation"),
}

# Level → state symbol and sentence.
AUTHENTICITY: dict[str, tuple[str, str | Promise]] = {
    "verified": ("right", _("The sender is verified.")),
    "verified_upstream": ("right", _("The sender was verified by the mail service that forwarded the mail.")),
    "unverified": ("unchecked", _("The sender could not be verified.")),
    "unknown": ("unasked", _("The sender could not be checked.")),
    "warning": ("wrong", _("Be careful: the sender may be forged.")),
}

# Why the level is what it is, by the reason stored with the message.
AUTHENTICITY_REASONS: dict[str, str | Promise] = {
    "signed": _("The sender’s own domain has signed the mail, and the signature is right."),
    "vouched": _("The mail service that forwarded the mail checked the sender before it passed the mail on."),
    "no_signature": _("The mail is not signed by the sender’s domain. Many honest mails are not."),
    "broken_signature": _("The mail was changed after it was signed, for example by a footer added on the way."),
    "weak_signature": _("The signature is of a kind that is too easy to imitate."),
    "other_signer": _("The mail is signed, but by another domain than the sender’s."),
    "not_examinable": _("The mail is built in such a way that its signature could not be checked."),
    "no_author": _("The mail does not say who wrote it."),
    "no_answer": _("The sender’s domain could not be asked just now. We will try again."),
    "several_authors": _("The mail names several senders. Honest mail programs do not do that."),
    "name_of_another": _("The sender’s name is written like another email address than the one the mail is from."),
    "own_domain": _("The mail says that it comes from your own domain, but nothing proves it."),
    "rejected_upstream": _(
        "Your mail service found that the mail does not come from the sender’s domain, and the domain asks that such mail "
        "be refused."
    ),
}

PROTECTIONS: dict[str, str | Promise] = {
    "signed": _("Signed by the sender; the signature has not been checked."),
    "encrypted": _("Encrypted: it can only be read in the program it was written for. The original is below."),
}


# What is missing of a mail, by its reading stage.
UNREAD: dict[str, str | Promise] = {
    "headers": _("The text of this mail could not be read. All of it is in the original."),
    "envelope": _("This mail could not be read. All of it is in the original."),
}

ADDRESSES_NAMED = 3
"""Of those that did not get a mail, in a sentence about it."""

# Kinds of events of conversations.detaching.
DETACHING = ("message.detached", "conversation.detached", "message.detach_undone")


def detached(kind: str, actor: str, number: int) -> str:
    """Who took a mail out of a conversation, or put it back; `number` is the other conversation's."""
    sentences = {
        "message.detached": gettext("%(actor)s gave a mail a conversation of its own, #%(number)s"),
        "conversation.detached": gettext("%(actor)s took the mail out of #%(number)s"),
        "message.detach_undone": gettext("%(actor)s moved the mail back from #%(number)s"),
    }
    return sentences[kind] % {"actor": actor, "number": number}


def undelivered(addresses: Sequence[str], state: str, status: str) -> str:
    """Who will not get a mail, or perhaps not, and why."""
    sentence = (
        gettext("It is not certain that the mail to %(people)s arrived.")
        if state == OutboundRecipient.State.UNSURE
        else gettext("The mail to %(people)s did not arrive.")
    )
    return f"{sentence % {'people': few(addresses)}} {delivery_reasons.reason(state, status)}"


def few(addresses: Sequence[str]) -> str:
    """The first addresses, and how many there are besides: "anna@…, barry@…, cecilia@… +2"."""
    shown = ", ".join(visible_controls(address) for address in addresses[:ADDRESSES_NAMED])
    more = len(addresses) - ADDRESSES_NAMED
    return f"{shown} +{more}" if more > 0 else shown


def replies_elsewhere(message: Message) -> list[str]:
    """Addresses that a received mail wants answered instead of its sender's, and that are not of the sender's company."""
    sender = message.from_address.lower()
    answered = [person.get("address", "").lower() for person in message.reply_to]
    if message.kind != Message.Kind.INBOUND or not sender:
        return []
    others = [address for address in answered if address and address != sender]
    return [address for address in others if not of_one_company(domain_of(address), domain_of(sender))]


def why_here(message: Message) -> list[str | Promise]:
    """Why a mail is in its conversation and what is unusual about that, as sentences; empty when nothing is known."""
    rule = THREAD_OBSTACLES.get(message.thread_obstacle) or THREAD_RULES.get(message.thread_rule)
    flags = ((message.new_participant, NEW_PARTICIPANT), (message.subject_changed, SUBJECT_CHANGED))
    return [*([rule] if rule else []), *(sentence for present, sentence in flags if present)]
