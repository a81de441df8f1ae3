"""App configuration."""

from django.apps import AppConfig


class WhitelabelConfig(AppConfig):
    """See docs/architecture.md."""

    name = "whitelabel"
    default_auto_field = "django.db.models.BigAutoField"
