"""Accounts: log in by email and password (django-allauth)."""

from celery.schedules import crontab

from kundomail.settings.environment import LOCAL, env

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "organizations.forms.SignupForm"
ACCOUNT_ADAPTER = "inboxes.accounts.AccountAdapter"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_CHANGE_EMAIL = True  # One address per person; a new one replaces it when it has been confirmed.
# In local mode nobody reads the confirmation mails; elsewhere an address is proved before the first log-in.
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="none" if LOCAL else "mandatory")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
# Nothing is written to addresses without an account, and no mail of ours says words that a stranger has chosen.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_USER_DISPLAY = "organizations.accounts.shown_in_mail"
PASSWORD_RESET_TIMEOUT = 30 * 60  # seconds; life of a link for a new password
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1

# A second factor is each person's choice: codes of a program (TOTP), and recovery codes for when it is lost. Whoever changes
# it, or the address, has given the password in the last minutes.
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "kundomail.second_factor.SecondFactorAdapter"
MFA_TOTP_ISSUER = "KundoMail"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # only a new address that waits to be confirmed can be unverified in a log-in
MFA_TOTP_TOLERANCE = 1  # steps of 30 seconds by which a phone's clock may be wrong (RFC 6238, section 5.2)
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60  # seconds

# How often, beside allauth's own limits. Failed log-ins: of one address of the network, and to one account from there
# (AccountAdapter), so that a stranger cannot shut somebody out.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "20/m/ip,5/15m/key",
    "signup": "30/h/ip",
    "reset_password": "20/m/ip,3/15m/key",
    "invite": "50/d/user",
    "found_organization": "10/d/user",
}
# The counts are in the database: every web process sees the same, and they outlive it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "organizations_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
# The client's address is the last one in X-Forwarded-For, which the proxy has written; without a proxy the peer's.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.bool("BEHIND_TLS_PROXY", default=False) else 0

# NIST SP 800-63B-4: length instead of composition rules.
PASSWORD_MIN_LENGTH = 15
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

SESSION_COOKIE_AGE = 7 * 24 * 3600  # seconds; longest life of a log-in
SESSION_IDLE_SECONDS = 12 * 3600  # a log-in ends so long after the last request
ACCOUNTS_BEAT_SCHEDULE = {
    "clear-sessions": {"task": "organizations.tasks.clear_sessions", "schedule": crontab(hour=3, minute=10)},
}
INVITATION_DAYS = 7  # life of an invitation link

# Invitations, new passwords and notices wait in a table and leave through the relay, like answers.
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="whitelabel.service_mail.QueueBackend")
_MAIL_DOMAIN = env.str("MAIL_DOMAIN", default="mail.kundo.se")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("SERVICE_FROM", default=f"KundoMail <no-reply@{_MAIL_DOMAIN}>")
SERVICE_RETURN_PATH = f"no-reply@{_MAIL_DOMAIN}"
