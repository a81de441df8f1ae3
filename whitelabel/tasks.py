"""Celery tasks: each calls one function that is idempotent by row state."""

from celery import shared_task

from whitelabel import checking


@shared_task
def check_due_domains() -> int:
    """Check the sender domains that are due."""
    return checking.check_due()
