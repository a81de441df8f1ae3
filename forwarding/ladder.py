"""The ladder: how much of a mail is read for filing. All of it at first; less and less of it when that has gone wrong."""

from __future__ import annotations

from django.conf import settings

from forwarding.queue import Claim
from forwarding.reading.mail import Stage

READING_STOPPED = "reading_stopped"
"""The defect of a mail that stopped its reader (forwarding.reading.child)."""


def strikes(claim: Claim) -> int:
    """How often filing this mail has gone wrong before, as far as it may be the mail's own fault.

    Its errors are. A worker may end with any mail in its hands (a new release, a database that is down), so only
    deaths beyond FILING_DEATHS_FORGIVEN count.
    """
    deaths = claim.attempts - 1 - claim.failures
    return claim.failures + max(0, deaths - settings.FILING_DEATHS_FORGIVEN)


def last() -> int:
    """The strikes with which a mail has its last try, by its envelope alone. With more it is parked."""
    return len(settings.FILING_RETRY_MINUTES)


def stage(claim: Claim) -> Stage:
    """Where the reading of a mail begins: in full; by its headers before its last try, and by its envelope in that."""
    match last() - strikes(claim):
        case 0:
            return "envelope"
        case 1:
            return "headers"
    return "full"
