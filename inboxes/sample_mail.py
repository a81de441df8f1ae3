"""A test mail to the person who asks for it: it leaves exactly as an answer from the inbox would leave now.

Where the customer's mail server forwards to us already, one goes to the inbox's own address too. It comes back with what that
server says about SPF, DKIM and DMARC, and the page shows it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from inboxes.models import Inbox
from organizations import scope
from organizations.models import Event, User, record
from whitelabel import claims, identity, outbox, receiver_results, tokens
from whitelabel.keys import token_keys
from whitelabel.mime import Letter
from whitelabel.mime_headers import Mailbox
from whitelabel.models import OutboundMail, SenderDomain
from whitelabel.receiver_results import METHODS

SENT, RETURNED = "sender_address.test_mail", "sender_address.test_mail_returned"
LOOP_NUMBER = 0
"""In the place of a message's number in the loop header: no message of a conversation."""


def send_sample(inbox: Inbox, person: User) -> OutboundMail:
    """Queue the mail, in the active language. Call inside the organization's scope."""
    who = identity.choose(inbox.address, inbox.service_address, inbox.name)
    names = {"inbox": inbox.name, "address": who.from_address, "signer": who.signing.domain if who.signing else "–"}
    lines = (
        _("This is a test mail from %(inbox)s in KundoMail. %(person)s asked for it on the page of the sender address.")
        % (names | {"person": person.display_name}),
        _("It left from %(address)s, signed by %(signer)s. Answers to your customers leave in the same way.") % names,
        _("Look for Authentication-Results in its source: spf, dkim and dmarc should say pass."),
    )
    recipients = [person.email, *([inbox.address] if inbox.last_received_at else [])]
    letter = Letter(
        sender=Mailbox(who.from_name, who.from_address),
        to=tuple(Mailbox("", address) for address in recipients),
        subject=_("Test mail from %(address)s") % names,
        text="\n\n".join(lines),
        date=timezone.localtime(),
        message_id=f"<{secrets.token_hex(16)}@{who.return_path_domain}>",
        extra=(("X-Kundo-Loop", tokens.sign_loop(token_keys(), tokens.LoopToken(scope.current_id(), LOOP_NUMBER))),),
    )
    mail = outbox.enqueue(who, letter, recipients, automatic=True)
    awaited = len(recipients) > 1
    record(SENT, inbox, actor=person, address=who.from_address, message_id=mail.header_message_id, awaited=awaited)
    return mail


def note_returned(inbox: Inbox, message_id: str, authentication_results: Sequence[str]) -> bool:
    """Keep what the receiving server said of a test mail that came back; False when it is none of this inbox.

    `message_id` in angle brackets. Call inside the organization's scope.
    """
    tests = Event.objects.filter(kind=SENT, subject_type="inbox", subject_id=inbox.pk, data__message_id=message_id)
    if not tests.exists():
        return False
    said = receiver_results.read(authentication_results)
    record(RETURNED, inbox, message_id=message_id, server=said.server, results=dict(said.results))
    claim = SenderDomain.objects.filter(domain=inbox.domain).first()
    if claim is not None:
        claims.announce(claim)
    return True


@dataclass(frozen=True)
class Sample:
    """The latest test mail of an inbox: when it was sent and came back, who judged it, and (symbol, words) of each method."""

    sent_at: datetime
    returned_at: datetime | None = None
    server: str = ""
    results: tuple[tuple[str, str], ...] = ()


def latest_sample(inbox: Inbox) -> Sample | None:
    """The latest test mail that was to come back; None when there is none. Call inside the organization's scope."""
    about = Event.objects.filter(subject_type="inbox", subject_id=inbox.pk).order_by("-pk")
    sent = about.filter(kind=SENT, data__awaited=True).first()
    if sent is None:
        return None
    back = about.filter(kind=RETURNED, data__message_id=sent.data["message_id"]).first()
    if back is None:
        return Sample(sent.at)
    told = back.data["results"]
    results = tuple((_symbol(told.get(name, "")), f"{name.upper()}: {told.get(name, '–')}") for name in METHODS)
    return Sample(sent.at, back.at, back.data["server"], results if told else ())


def _symbol(result: str) -> str:
    """Of a result of RFC 8601 section 2.7, for the eye."""
    if result in ("pass", "bestguesspass"):
        return "right"
    return "wrong" if result in ("fail", "softfail", "permerror", "policy") else "unasked"
