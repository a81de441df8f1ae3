"""App configuration."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """See docs/architecture.md."""

    name = "organizations"
    default_auto_field = "django.db.models.BigAutoField"
