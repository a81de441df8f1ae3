"""Tasks about people and their log-ins."""

from celery import shared_task
from django.core.management import call_command


@shared_task
def clear_sessions() -> None:
    """Forget log-ins whose time is over."""
    call_command("clearsessions")
