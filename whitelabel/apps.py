"""App configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WhitelabelConfig(AppConfig):
    """See docs/architecture.md."""

    name = "whitelabel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the database's own idea of the service's mail domain up to date."""
        from whitelabel.sender_lock import name_mail_domain

        post_migrate.connect(name_mail_domain, sender=self)
