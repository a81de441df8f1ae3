"""Directories that only one user may enter: the embedded servers trust everybody who reaches their sockets."""

import os
import stat
from pathlib import Path

from kundomail.local.account import Account
from kundomail.local.errors import LocalError


def make_private(directory: Path, owner: Account) -> None:
    """Create `directory` and its parent for `owner` alone (0700), or accept them when they already are.

    Raises LocalError when somebody else owns one of them: in a shared temp directory the name can be squatted.
    """
    if directory.parent.parent != directory.parent:
        directory.parent.parent.mkdir(parents=True, exist_ok=True)
    for level in (directory.parent, directory):
        _make_one_private(level, owner)


def _make_one_private(directory: Path, owner: Account) -> None:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        os.chown(directory, owner.uid, owner.gid)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner.uid:
        raise LocalError(f"{directory} is not a directory of user {owner.name}. Remove it and start again.")
    if stat.S_IMODE(status.st_mode) != 0o700:
        directory.chmod(0o700)
