"""The user that owns the embedded servers: whoever starts them, or a system account when that is root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from kundomail.local.errors import LocalError
from kundomail.local.paths import ACCOUNT


@dataclass(frozen=True)
class Account:
    """A user of the system, by the numbers the kernel knows."""

    name: str
    uid: int
    gid: int

    def switch(self) -> dict[str, Any]:
        """Arguments for subprocess that start a child as this user; none when it is the current one."""
        if self.uid == os.getuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account:
    """Give the current user, or for root the system account "kundomail", created when missing.

    Raises LocalError when root cannot create it.
    """
    if os.getuid() != 0:
        return Account(str(os.getuid()), os.getuid(), os.getgid())
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        _create_system_account()
        entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_system_account() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", f"/var/lib/{ACCOUNT}"]
    command += ["--shell", shutil.which("nologin") or "/usr/sbin/nologin", ACCOUNT]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LocalError(_NO_ACCOUNT.format(reason="the program useradd is missing")) from error
    if result.returncode != 0 and not _exists(ACCOUNT):
        raise LocalError(_NO_ACCOUNT.format(reason=result.stderr.strip()))


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


_NO_ACCOUNT = (
    f"PostgreSQL does not run as root, and the system account {ACCOUNT!r} for it could not be created: {{reason}}. "
    "Run as an ordinary user, create the account yourself, or set DATABASE_URL and REDIS_URL to servers of your own."
)
