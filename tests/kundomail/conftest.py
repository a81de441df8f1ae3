"""Places of their own for embedded servers, outside the checkout's."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kundomail.local import paths


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A checkout's path that nobody uses; what its servers left is removed."""
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    yield checkout
    for directory in (paths.socket_directory(checkout), paths.state_directory(checkout)):
        shutil.rmtree(directory.parent, ignore_errors=True)
