"""The project as an app: it carries the commands that span all apps."""

from django.apps import AppConfig


class KundomailConfig(AppConfig):
    """Makes every process of the project know the Celery application, so that tasks reach its broker."""

    name = "kundomail"

    def ready(self) -> None:
        """Import the Celery application, which becomes the current one, and what adds system checks."""
        import kundomail.celery  # it reads the settings
        import kundomail.navigation  # noqa: F401  (its entries are checked)
