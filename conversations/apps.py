"""App configuration."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """See docs/architecture.md."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what becomes of sent mail, and say who it is from when it leaves."""
        from conversations import deliveries, senders  # noqa: F401  (models are loaded now)
