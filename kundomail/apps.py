"""The project as an app: it carries the commands that span all apps."""

from django.apps import AppConfig


class KundomailConfig(AppConfig):
    """Makes every process of the project know the Celery application, so that tasks reach its broker."""

    name = "kundomail"

    def ready(self) -> None:
        """Import the Celery application, which becomes the current one."""
        import kundomail.celery  # noqa: F401  (it reads the settings)
