"""What whitelabel tells the apps above it."""

from dataclasses import dataclass

from django.dispatch import Signal


@dataclass(frozen=True)
class DeliveryChange:
    """A recipient's new fate: its state (OutboundRecipient.State), enhanced status code (may be empty), and whether it is
    `hard`: people must act, because the mail will not arrive, or nobody can tell whether it has."""

    mail_id: int
    recipient_id: int
    address: str
    state: str
    status: str
    hard: bool


departing = Signal()
"""A mail leaves that was planned, or that has lost its sender (`whitelabel.departure`): who sends it now?

Sent inside the organization's scope, in the transaction that gives the mail its last octets, with the row locked. Argument:
`mail`. The app it belongs to answers with the identity.Identity, and stores it where it shows it; others with None. `sender`
is OutboundMail.
"""

delivery_changed = Signal()
"""Fates of recipients changed. Sent inside the organization's scope, in the transaction that stores them.

Arguments: `organization_id` and `changes`, a tuple of DeliveryChange. `sender` is OutboundRecipient.
"""
