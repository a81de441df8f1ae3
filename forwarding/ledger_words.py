"""What became of a mail, in words: for the ledger page."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from forwarding.ledger import REFUSED, SPAM, Entry, State

STATE_LABELS: dict[str, str | Promise] = {
    **{str(state): state.label for state in State},
    SPAM: gettext_lazy("Spam"),
    REFUSED: gettext_lazy("Refused"),
}
SYMBOLS = {
    State.ACCEPTED: "waiting",
    State.FILED: "right",
    State.DUPLICATE: "right",
    State.OWN_COPY: "right",
    State.FEEDBACK: "right",
    State.PARKED: "wrong",
    SPAM: "right",
    REFUSED: "wrong",
}

# What a gap is, by its kind in forwarding.reconciling.
GAPS: dict[str, str | Promise] = {
    "octets_without_delivery": gettext_lazy("Received, but meant for nobody"),
    "unknown_state": gettext_lazy("In a state that does not exist"),
    "filed_without_message": gettext_lazy("Filed, but not to be found in the inbox"),
    "one_message_for_several": gettext_lazy("Filed together with another mail"),
    "waiting_too_long": gettext_lazy("Waiting too long to be filed"),
}


@dataclass(frozen=True)
class Line:
    """An entry as the page shows it: a state symbol, its word, and a sentence."""

    entry: Entry
    symbol: str
    label: str
    sentence: str

    @property
    def again(self) -> str:
        """What the button says that has the mail filed anew; "" when nothing is gained by that."""
        if self.entry.state == State.PARKED:
            return _("Try again")
        return _("Read again") if self.entry.state == State.FILED and self.entry.read_in_part else ""

    @property
    def is_refusal(self) -> bool:
        """Whether there is nothing but the answer that the sender's server got."""
        return self.entry.state == REFUSED


def line(entry: Entry) -> Line:
    """Words for an entry, in the active language."""
    return Line(entry, SYMBOLS[entry.state], str(STATE_LABELS[entry.state]), sentence(entry))


def sentence(entry: Entry) -> str:
    """What happened, why, and what comes next. The page links the conversation beside it."""
    match entry.state:
        case State.ACCEPTED:
            return _waiting(entry)
        case State.FILED:
            return _filed(entry)
        case "spam":
            return _("It is in a conversation that somebody has marked as spam.")
        case State.DUPLICATE:
            return _("The same mail was here already, so it is shown once.")
        case State.OWN_COPY:
            return _("It was sent from here and came back to the inbox.")
        case State.FEEDBACK:
            return _("It tells what became of a mail sent from here, and is shown with that one.")
        case State.PARKED:
            return _("It is kept whole, but could not be shown in the inbox. Nothing is lost: it can be tried again.")
    return _refused(entry)


def gaps(found: dict[str, int]) -> list[tuple[str, int]]:
    """Kinds of gap in words, with their numbers."""
    return [(str(GAPS.get(kind, kind)), number) for kind, number in found.items()]


def _filed(entry: Entry) -> str:
    if not entry.conversation:
        return _("The mail has been removed from the inbox since.")
    if entry.read_in_part:
        return _("Not all of it could be read. The original is attached.")
    if entry.stands_alone:
        return _("It was taken for a copy of another mail. Somebody here chose to have it shown.")
    return ""


def _waiting(entry: Entry) -> str:
    if entry.attempts:
        return _("It is kept, but could not be filed the first time. It is tried again by itself.")
    return _("It has arrived and is filed within seconds.")


def _refused(entry: Entry) -> str:
    """Why, and whether the sender's server tries again: replies that begin with 4 ask for that (RFC 5321 4.2.1)."""
    if entry.reply.startswith("4") and "too large" not in entry.reply:
        then = _("The sender’s server tries again by itself.")
    else:
        then = _("The sender’s server was told so at once, and normally tells the person who wrote.")
    often = _("It happened %(number)s times that day.") % {"number": entry.times} if entry.times > 1 else ""
    return " ".join(part for part in (_cause(entry.reply), then, often) if part)


def _cause(reply: str) -> str:
    enhanced = reply[4:9]
    if "too large" in reply:
        limit = filesizeformat(settings.SMTP_MESSAGE_OCTETS)
        return _("The mail is larger than what we take, %(limit)s.") % {"limit": limit}
    match enhanced:
        case "4.2.1":
            return _("The address was closed for the time being.")
        case "4.7.1":
            return _("Too much mail came to the inbox within a minute.")
        case "4.3.0":
            return _("Something failed on our side just then.")
        case "5.1.1":
            return _("The address is not in use any more.")
        case "5.4.6":
            return _("The mail had gone in circles between servers.")
    return ""
