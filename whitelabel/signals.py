"""What whitelabel tells the apps above it."""

from django.dispatch import Signal

delivery_changed = Signal()
"""A recipient's fate changed. Sent inside the organization's scope, in the transaction that stores it.

Arguments: `organization_id`, `mail_id` (OutboundMail), `recipient_id`, `address`, `state` (OutboundRecipient.State),
`status` (enhanced status code, may be empty), `hard` (the mail will never arrive). `sender` is OutboundRecipient.
"""
