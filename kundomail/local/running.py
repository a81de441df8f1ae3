"""The variables that a running `make run` was given, for management commands of another shell."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from kundomail.local import paths
from kundomail.local.locking import FileLock

VARIABLES = (
    "HTTP_PORT",
    "SMTP_PORT",
    "DATABASE_URL",
    "REDIS_URL",
    "RELAY_URL",
    "MAIL_DOMAIN",
    "MAIL_SECRETS",
    "SECRET_KEY",
    "SENDER_SUBDOMAIN_LABEL",
    "SUPPORT_ADDRESS",
    "DNS_RESOLVERS",
    "DNS_AUTHORITATIVE_PORT",
    "DNS_ALLOW_PRIVATE",
)
"""What changes which servers a command talks to, or what it sends."""


def lock_path(checkout: Path) -> Path:
    """The lock that `make run` holds as long as it runs."""
    return paths.socket_directory(checkout) / "up.lock"


def remember(checkout: Path, environment: Mapping[str, str]) -> None:
    """Write the variables down, readable for their owner only: a URL may hold a password."""
    path = _path(checkout)
    path.unlink(missing_ok=True)
    given = {name: environment[name] for name in VARIABLES if name in environment}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(given, file)


def recall(checkout: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What the running product was given and `environment` lacks.

    Nothing when none runs, or when the caller sets a variable of these: then another product may be meant.
    """
    if any(name in environment for name in VARIABLES):
        return {}
    try:
        with FileLock(lock_path(checkout)) as lock:
            given: dict[str, str] = {} if lock.try_acquire() else json.loads(_path(checkout).read_text())
    except OSError:
        return {}
    return given


def _path(checkout: Path) -> Path:
    return paths.socket_directory(checkout) / "environment.json"
