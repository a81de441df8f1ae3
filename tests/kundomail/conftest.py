"""Places of their own for embedded servers, outside the checkout's."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kundomail.local import paths

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A checkout's path that nobody uses; what its servers left is removed."""
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    yield checkout
    for directory in (paths.socket_directory(checkout), paths.state_directory(checkout)):
        shutil.rmtree(directory.parent, ignore_errors=True)


@pytest.fixture
def copied_checkout(elsewhere: Path) -> Path:
    """The project's own files at a path with a space, with this environment linked in."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, tracked.stdout.decode().split("\0")):
        if (CHECKOUT / name).is_file():
            target = elsewhere / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((CHECKOUT / name).read_bytes())
    (elsewhere / ".venv").symlink_to(CHECKOUT / ".venv")
    return elsewhere
