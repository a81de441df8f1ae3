"""App configuration."""

from django.apps import AppConfig


class ForwardingConfig(AppConfig):
    """See docs/architecture.md."""

    name = "forwarding"
    default_auto_field = "django.db.models.BigAutoField"
