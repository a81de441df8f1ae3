"""Where the embedded servers of a checkout keep sockets and data: pure functions of the checkout's path.

Nothing here touches the file system, so settings can name the servers before anybody has started them.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

ROLE = "kundomail"
DATABASE = "kundomail"
ACCOUNT = "kundomail"
"""System account that owns the embedded servers when root starts them."""

# PostgreSQL's socket name is fixed; unix(7) gives sun_path 108 octets with the closing NUL.
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
SOCKET_PATH_MAX_OCTETS = 107

RUN = "run"
TEST = "test"


def checkout_hash(checkout: Path) -> str:
    """Twelve hex digits that tell this checkout's servers from those of every other checkout on the machine."""
    return hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()[:12]


def socket_directory(checkout: Path, instance: str = RUN, environment: Mapping[str, str] = os.environ) -> Path:
    """Directory (0700) for the sockets and locks of one instance, "run" or "test"; short enough for sun_path.

    Never inside the checkout, whose path may be too deep. Root's is below /run: the servers' account must reach
    it, and root's TMPDIR is closed to others where libpam-tmpdir is installed.
    """
    if os.getuid() == 0:
        return Path("/run") / ACCOUNT / checkout_hash(checkout) / instance
    name = f"{ACCOUNT}-{os.getuid()}-{checkout_hash(checkout)}"
    directory = Path(environment.get("TMPDIR") or tempfile.gettempdir()) / name / instance
    if len(os.fsencode(directory / POSTGRES_SOCKET)) > SOCKET_PATH_MAX_OCTETS:
        return Path("/tmp") / name / instance  # noqa: S108  (make_private refuses a squatted one)
    return directory


def state_directory(checkout: Path, instance: str = RUN) -> Path:
    """Directory (0700) for what outlives a run: database files, append-only file, uploaded files.

    PostgreSQL refuses to run as root, so root's servers belong to a system account and keep their data in its home.
    """
    if os.getuid() == 0:
        return Path("/var/lib") / ACCOUNT / checkout_hash(checkout) / instance
    return checkout.resolve() / ".local" / instance


def binaries_directory() -> Path:
    """Where root's system account finds PostgreSQL's programs when it cannot reach the virtual environment."""
    return Path("/var/lib") / ACCOUNT / "programs"


def database_url(checkout: Path, instance: str = RUN, database: str = DATABASE) -> str:
    """URL of the embedded PostgreSQL in the form django-environ reads: the socket directory as host."""
    host = quote(str(socket_directory(checkout, instance)), safe="")
    return f"postgres://{ROLE}@/{database}?host={host}"


def redis_url(checkout: Path, instance: str = RUN) -> str:
    """URL of the embedded Valkey in redis-py's form for unix sockets."""
    return f"unix://{quote(str(socket_directory(checkout, instance) / VALKEY_SOCKET))}"
