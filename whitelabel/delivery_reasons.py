"""Why a mail did not arrive, in words, by its enhanced status code (RFC 3463 and the IANA registry of such codes)."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from whitelabel.models import OutboundRecipient

State = OutboundRecipient.State

# Without the class (4 or 5): subject.detail. What is not listed is explained by its subject alone.
_BY_CODE: dict[str, str | Promise] = {
    "1.1": _("The address does not exist. Check how it is spelled, or ask for another one."),
    "1.2": _("The domain of the address does not receive mail. Check how it is spelled."),
    "1.3": _("The address is not written as an address should be. Check how it is spelled."),
    "1.6": _("The person has moved and the address is no longer used."),
    "1.10": _("The domain of the address does not receive mail. Check how it is spelled."),
    "2.1": _("The mailbox is closed."),
    "2.2": _("The mailbox is full. Try again later, or reach the person in another way."),
    "2.3": _("The mail is too large for the mailbox. Send smaller files, or a link to them."),
    "3.4": _("The mail is too large for the receiving server. Send smaller files, or a link to them."),
    "4.1": _("The receiving server does not answer."),
    "4.2": _("The connection broke before the receiving server had answered."),
    "4.4": _("No way to the receiving server was found. Check the part after the @."),
    "4.7": _("The receiving server did not take the mail within the time we try."),
    "7.1": _("The receiving server refuses mail from us to this address."),
    "7.26": _("The receiving server could not verify the sender. Ask an admin to look at the sender address."),
}
_BY_SUBJECT: dict[str, str | Promise] = {
    "1": _("There is something wrong with the address. Check how it is spelled."),
    "2": _("The mailbox does not take the mail."),
    "3": _("The receiving server cannot take the mail."),
    "4": _("The mail could not be carried to the receiving server."),
    "5": _("The receiving server did not understand the delivery."),
    "6": _("The receiving server cannot handle the content of the mail."),
    "7": _("The receiving server refused the mail for reasons of security or policy."),
}
_UNKNOWN = _("The receiving server refused the mail and gave no reason we know.")
_MAY_HAVE_ARRIVED = _(
    "Our mail server was given the mail but never confirmed it, so it may have arrived. We have stopped trying: "
    "ask the recipient, or send it again."
)
_AGAIN = _("We go on trying for up to five days.")
_WAITING = _("Our own mail server does not take mail at the moment. The mail is kept and leaves by itself.")


def reason(state: str, status: str, *, waiting: bool = False) -> str:
    """A few sentences for a recipient that is delayed, bounced, failed or unsure; "" for one that is not.

    `waiting`: the mail has not been tried, because there is no session with the relay.
    """
    if waiting and state == State.QUEUED:
        return str(_WAITING)
    if state == State.UNSURE:
        return str(_MAY_HAVE_ARRIVED)
    if state not in (State.DELAYED, State.BOUNCED, State.FAILED):
        return ""
    subject_and_detail = status.partition(".")[2]
    subject = subject_and_detail.partition(".")[0]
    why = str(_BY_CODE.get(subject_and_detail) or _BY_SUBJECT.get(subject) or _UNKNOWN)
    return f"{why} {_AGAIN}" if state == State.DELAYED else why
