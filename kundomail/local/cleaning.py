"""`make clean`: removes the environment, the caches and the data of `make run` of this checkout."""

import shutil
import sys
from pathlib import Path

from kundomail.local import paths
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock

CACHES = (
    ".venv",
    ".local",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".import_linter_cache",
    ".hypothesis",
    "staticfiles",
)


def clean(checkout: Path) -> list[Path]:
    """Remove what `make run` and the checks made, and give what was removed. Raises LocalError while it runs."""
    sockets, state = paths.socket_directory(checkout).parent, paths.state_directory(checkout).parent
    for lock in (paths.socket_directory(checkout) / "up.lock", sockets / paths.TEST / "keeper.lock"):
        _refuse_while_held(lock)
    made = [checkout / name for name in CACHES] + [sockets, state]
    removed = [path for path in made if path.exists()]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return removed


def _refuse_while_held(path: Path) -> None:
    if not path.exists():
        return
    with FileLock(path) as lock:
        if not lock.try_acquire():
            raise LocalError(f"Servers of this checkout are running ({path} is held). Stop them and try again.")


if __name__ == "__main__":
    try:
        for path in clean(Path(__file__).resolve().parents[2]):
            print(f"removed {path}")
    except LocalError as error:
        sys.exit(str(error))
