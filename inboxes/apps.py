"""App configuration."""

from django.apps import AppConfig


class InboxesConfig(AppConfig):
    """See docs/architecture.md."""

    name = "inboxes"
    default_auto_field = "django.db.models.BigAutoField"
