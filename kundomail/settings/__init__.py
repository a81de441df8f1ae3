"""Django settings. Values come from the environment (see README, "Configuration"); one topic per module.

Secure by default: only local mode (KUNDOMAIL_LOCAL=1, set by `make run` and the tests) has defaults for secrets.
"""

from pathlib import Path

from kundomail.settings.environment import BASE_DIR, DATABASE, LOCAL, REDIS_URL, env, local_default

# --- Identity of the service -------------------------------------------------------------------------------------
MAIL_DOMAIN: str = env.str("MAIL_DOMAIN", default="mail.kundo.se")
SENDER_SUBDOMAIN_LABEL: str = env.str("SENDER_SUBDOMAIN_LABEL", default="mgeu")
SUPPORT_ADDRESS: str = env.str("SUPPORT_ADDRESS", default=f"support@{MAIL_DOMAIN}")
# Where people reach the site; used in mails (invitations, the link for IT).
SITE_URL: str = env.str("SITE_URL", default=local_default(f"http://localhost:{env.int('HTTP_PORT', default=8000)}"))
# A separate, cookieless host for mail HTML and attachments, for example https://content.example.se; empty = same host.
CONTENT_URL: str = env.str("CONTENT_URL", default="")

# --- Secrets -----------------------------------------------------------------------------------------------------
SECRET_KEY: str = env.str("SECRET_KEY", default=local_default("local-mode-only-never-in-production-0123456789abcdef"))
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
# Encrypts DKIM keys at rest and signs mail tokens; the first is used, the others are still accepted.
MAIL_SECRETS: list[str] = env.list(
    "MAIL_SECRETS", default=local_default(["local-mode-only-mail-secret-0123456789abcdef"])
)

# --- Django ------------------------------------------------------------------------------------------------------
DEBUG: bool = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["*"] if LOCAL else [])
ROOT_URLCONF = "kundomail.urls"
ASGI_APPLICATION = "kundomail.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "organizations.User"
SITE_ID = 1
DATABASES = {"default": DATABASE}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "kundomail.static_files.StaticFiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "organizations",
    "whitelabel",
    "inboxes",
    "conversations",
    "forwarding",
    "kundomail",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "kundomail.content_host.ContentHostMiddleware",
    "csp.middleware.CSPMiddleware",
    "kundomail.headers.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "organizations.sessions.SessionLifeMiddleware",
    "organizations.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "organizations.middleware.OrganizationMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "kundomail.templatetags.ui",
                "kundomail.templatetags.page",
                "template_partials.templatetags.partials",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kundomail.context.site",
            ],
        },
    }
]

# --- Languages and time ------------------------------------------------------------------------------------------
LANGUAGE_CODE = "sv"
LANGUAGES = [("sv", "Svenska"), ("en", "English")]
LOCALE_PATHS = [
    BASE_DIR / "locale" / app
    for app in ("organizations", "whitelabel", "inboxes", "conversations", "forwarding", "kundomail")
]
USE_I18N = True
USE_TZ = True
TIME_ZONE: str = env.str("TIME_ZONE", default="Europe/Stockholm")

# --- Static files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "kundomail.static_files.StaticStorage"
    },
}
SERVESTATIC_USE_FINDERS = LOCAL
SERVESTATIC_AUTOREFRESH = LOCAL

# --- The rest, one topic each ------------------------------------------------------------------------------------
from kundomail.settings.accounts import *  # noqa: E402, F403  (settings modules are made to be combined)
from kundomail.settings.display import *  # noqa: E402, F403
from kundomail.settings.dns import *  # noqa: E402, F403
from kundomail.settings.ledger import *  # noqa: E402, F403
from kundomail.settings.logging import *  # noqa: E402, F403
from kundomail.settings.queues import *  # noqa: E402, F403
from kundomail.settings.reading import *  # noqa: E402, F403
from kundomail.settings.relay import *  # noqa: E402, F403
from kundomail.settings.security import *  # noqa: E402, F403
from kundomail.settings.smtp import *  # noqa: E402, F403
from kundomail.settings.work import *  # noqa: E402, F403

__all__ = ["REDIS_URL"]
