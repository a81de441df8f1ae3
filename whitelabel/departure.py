"""What is decided about a mail as it leaves, when the octets it was written with are not the ones to send.

Most mail leaves seconds after it was written, as it was written. Two kinds do not (`Claim.final` is false):

    planned     written long before: it gets its Date, its sender and its signature now
    not proved  it waited, for the relay perhaps, while the organization lost the right to its own address

The app that a mail belongs to says who the sender is now (`signals.departing`) and stores that with its own rows, in the
transaction that stores the new octets. A worker that dies before its commit leaves the mail claimed and not final: it goes
through here again when the lease ends.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import OperationalError
from django.db.models.functions import Now

from organizations import scope
from whitelabel import outbox, outbox_queue
from whitelabel.identity import Identity
from whitelabel.models import OutboundMail
from whitelabel.outbox_queue import Claim
from whitelabel.signals import departing

log = logging.getLogger(__name__)


def ready(claims: Sequence[Claim], *, can_ask: bool) -> list[Claim]:
    """The claims with the octets to send. Left out are mails that cannot be finished: their leases end by themselves.

    A mail that the relay may have already stays as it is while the relay can be asked, because the relay knows it by its
    envelope sender; the courier sends none that is not final.
    """
    tried = (claim if claim.final or (claim.unsure and can_ask) else _tried(claim) for claim in claims)
    return [claim for claim in tried if claim]


def _tried(claim: Claim) -> Claim | None:
    try:
        return finish(claim)
    except OperationalError:
        raise
    except Exception:
        log.exception("mail %s could not be finished", claim.mail_id)
        return None


def finish(claim: Claim) -> Claim | None:
    """Give a claimed mail the sender of now, and the Date it was planned for. None when it is not to be sent: another
    worker has it, or it belongs to nothing that could have another sender and is cancelled."""
    with scope.organization(claim.organization_id):
        held = outbox_queue.held(claim)
        mail = held.select_for_update().first()
        if mail is None:
            return None
        answers: list[Any] = [answer for _, answer in departing.send(OutboundMail, mail=mail)]
        who: Identity | None = next(filter(None, answers), None)
        if who is None:
            held.update(state=OutboundMail.State.CANCELLED, finished_at=Now(), lease_until=None, content=b"")
            return None
        outbox.finish(mail, who)
    return replace(claim, final=True, return_path_domain=mail.return_path_domain, content=bytes(mail.content))
