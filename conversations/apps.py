"""App configuration."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """See docs/architecture.md."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"
