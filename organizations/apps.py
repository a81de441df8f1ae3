"""App configuration."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class OrganizationsConfig(AppConfig):
    """See docs/architecture.md."""

    name = "organizations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Speak a person's language from the request on that logs them in, and note when that was."""
        from organizations import sessions
        from organizations.middleware import speak_own_language

        user_logged_in.connect(speak_own_language)
        user_logged_in.connect(sessions.begin)
