"""A test mail to the person who asks for it: it leaves exactly as an answer from the inbox would leave now."""

from __future__ import annotations

import secrets

from django.utils import timezone
from django.utils.translation import gettext as _

from inboxes.models import Inbox
from organizations.models import User, record
from whitelabel import identity, outbox
from whitelabel.mime import Letter
from whitelabel.mime_headers import Mailbox
from whitelabel.models import OutboundMail


def send_sample(inbox: Inbox, person: User) -> OutboundMail:
    """Queue the mail, in the active language. Call inside the organization's scope."""
    who = identity.choose(inbox.address, inbox.service_address, inbox.name)
    names = {"inbox": inbox.name, "address": who.from_address, "signer": who.signing.domain if who.signing else "–"}
    lines = (
        _("This is a test mail from %(inbox)s in KundoMail. You asked for it, and only you get it.") % names,
        _("It left from %(address)s, signed by %(signer)s. Answers to your customers leave in the same way.") % names,
        _("Look for Authentication-Results in its source: spf, dkim and dmarc should say pass."),
    )
    letter = Letter(
        sender=Mailbox(who.from_name, who.from_address),
        to=(Mailbox(person.name, person.email),),
        subject=_("Test mail from %(address)s") % names,
        text="\n\n".join(lines),
        date=timezone.localtime(),
        message_id=f"<{secrets.token_hex(16)}@{who.return_path_domain}>",
    )
    mail = outbox.enqueue(who, letter, [person.email], automatic=True)
    record("sender_address.test_mail", inbox, actor=person, address=who.from_address)
    return mail
