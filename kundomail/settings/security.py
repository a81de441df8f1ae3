"""Cookies, transport and Content-Security-Policy."""

from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from kundomail.settings.environment import LOCAL, env

_SECURE = not LOCAL
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
# The __Host- prefix binds a cookie to this host and to TLS; browsers refuse it over plain HTTP.
SESSION_COOKIE_NAME = "__Host-session" if _SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _SECURE else "csrf"
LANGUAGE_COOKIE_NAME = "language"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_SECURE)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Framing is forbidden by frame-ancestors below, which the frame of a mail can relax; X-Frame-Options could not.
SILENCED_SYSTEM_CHECKS = ["security.W002"]
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # probes come over plain HTTP from inside

_content = env.str("CONTENT_URL", default="")
_frames = [f"{urlsplit(_content).scheme}://{urlsplit(_content).netloc}"] if _content else [SELF]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": _frames,
        "manifest-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
    }
}
