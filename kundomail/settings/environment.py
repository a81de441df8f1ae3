"""Where every setting takes its value from: the process environment, with defaults only in local mode.

`KUNDOMAIL_LOCAL=1` is set by `make run` and by the tests. It names the embedded servers of this checkout as
database and broker. Without it a missing DATABASE_URL, REDIS_URL or SECRET_KEY stops the start.
"""

from pathlib import Path
from typing import Any

import environ

from kundomail.local import paths

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()

LOCAL: bool = env.bool("KUNDOMAIL_LOCAL", default=False)


def local_default(value: Any) -> Any:
    """Give `value` as the default of an environment variable in local mode; elsewhere the variable is required."""
    return value if LOCAL else environ.Env.NOTSET


DATABASE: dict[str, Any] = {
    **env.db_url("DATABASE_URL", default=local_default(paths.database_url(BASE_DIR))),
    # An ASGI server runs each request in its own context: kept connections would pile up.
    "CONN_MAX_AGE": 0,
}
REDIS_URL: str = env.str("REDIS_URL", default=local_default(paths.redis_url(BASE_DIR)))
