"""Static files in production: named by their content, so that browsers may keep them for ever."""

from django.contrib.staticfiles.apps import StaticFilesConfig
from servestatic.storage import CompressedManifestStaticFilesStorage


class StaticFiles(StaticFilesConfig):
    """Which files are taken: not htmx's extensions, which nobody here uses and which import a file that does not exist."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx/ext/*"]


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Also writes the hashed names into what modules import: a module kept for ever must not ask for another's old name."""

    support_js_module_import_aggregation = True
