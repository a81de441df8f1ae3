"""Accounts: log in by e-mail and password (django-allauth)."""

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
ACCOUNT_ADAPTER = "organizations.accounts.AccountAdapter"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_CHANGE_EMAIL = True  # One address per person; a new one replaces it when it has been confirmed.
# In local mode nobody reads the confirmation mails; elsewhere an address is proved before the first log-in.
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="none" if LOCAL else "mandatory")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True

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

SESSION_COOKIE_AGE = 7 * 24 * 3600  # seconds; absolute life of a log-in
INVITATION_DAYS = 7  # life of an invitation link

# Invitations, new passwords and notices wait in a table and leave through the relay, like answers.
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="whitelabel.service_mail.QueueBackend")
_MAIL_DOMAIN = env.str("MAIL_DOMAIN", default="mail.kundo.se")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("SERVICE_FROM", default=f"KundoMail <no-reply@{_MAIL_DOMAIN}>")
SERVICE_RETURN_PATH = f"no-reply@{_MAIL_DOMAIN}"
