"""Logging: one line an event on standard error. No subjects, bodies or mail addresses are logged."""

from kundomail.settings.environment import LOCAL, env

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
# In local mode the supervisor puts the time before every line of every process: one clock.
_TIME = "" if LOCAL else "%(asctime)s "
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "kundomail.log_lines.LineFormatter", "format": f"{_TIME}%(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "mail.log": {"level": "ERROR"},
        # Beat asks every two seconds whether a check is due: not worth three lines each time.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
