"""Celery tasks: each calls one function that is idempotent by row state."""

from celery import shared_task

from forwarding import reconciling


@shared_task
def reconcile_ledger() -> int:
    """Check that every accepted mail is accounted for; returns in how many organizations one is not."""
    return sum(not balance.is_whole for balance in reconciling.reconcile_all())


@shared_task
def watch_waiting_mail() -> int:
    """Raise the alarm where accepted mail waits too long; returns how many mails do."""
    return sum(reconciling.watch_waiting().values())
