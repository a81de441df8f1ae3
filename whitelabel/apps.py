"""App configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WhitelabelConfig(AppConfig):
    """See docs/architecture.md."""

    name = "whitelabel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the database's own copy of the settings that its triggers ask up to date."""
        from whitelabel.sender_lock import write_settings

        post_migrate.connect(write_settings, sender=self)
