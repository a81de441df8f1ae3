"""The locks and the installation: nothing in them names a place, everything in them has a hash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kundomail.local import bootstrap

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK_FILES = sorted((CHECKOUT / "requirements").glob("*.txt"))


def _requirements(path: Path) -> list[str]:
    """The entries of a lock file, each with its continuation lines."""
    return [entry for entry in path.read_text().replace("\\\n", " ").splitlines() if entry.strip()]


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.name)
def test_a_lock_file_names_no_address(path: Path) -> None:
    assert "://" not in path.read_text()
    assert "--index" not in path.read_text()


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.name)
def test_every_line_of_a_lock_file_has_an_exact_version_and_a_hash(path: Path) -> None:
    assert _requirements(path)
    assert [entry for entry in _requirements(path) if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(("smaller", "larger"), [("run", "local"), ("local", "dev")])
def test_each_lock_contains_the_smaller_one_unchanged(smaller: str, larger: str) -> None:
    contents = [set(_requirements(CHECKOUT / "requirements" / f"{name}.txt")) for name in (smaller, larger)]
    assert contents[0] <= contents[1]


def test_the_more_special_setting_of_pip_wins() -> None:
    listed = "global.timeout='60'\nglobal.index-url='general'\ninstall.index-url='special'\nlist.format='columns'\n"
    options = bootstrap.pip_options(listed, {"PIP_TIMEOUT": "5", "PIP_CERT": "/etc/ca.pem", "HOME": "/"})
    assert options == {"timeout": "5", "index-url": "special", "cert": "/etc/ca.pem"}


def test_uv_is_told_what_pip_was_told() -> None:
    told = bootstrap.uv_environment(
        {"index-url": "one", "extra-index-url": "two\nthree", "find-links": "a b", "cert": "/ca", "trusted-host": "h"}
    )
    assert told["UV_DEFAULT_INDEX"] == "one"
    assert told["UV_INDEX"] == "two three"
    assert told["UV_FIND_LINKS"] == "a,b"
    assert told["SSL_CERT_FILE"] == "/ca"
    assert told["UV_INSECURE_HOST"] == "h"
    assert told["UV_SYSTEM_CERTS"] == "true"


def test_the_environment_is_up_to_date_only_for_the_lock_it_was_made_from(tmp_path: Path) -> None:
    _pretend_installed(tmp_path, "dev")
    assert all(bootstrap._is_installed(tmp_path, lock) for lock in bootstrap.LOCKS)
    (tmp_path / "requirements" / "dev.txt").write_text("other==2")
    assert not bootstrap._is_installed(tmp_path, "dev")


def test_the_environment_of_a_smaller_lock_does_not_serve_a_larger_one(tmp_path: Path) -> None:
    _pretend_installed(tmp_path, "local")
    assert bootstrap._is_installed(tmp_path, "run")
    assert not bootstrap._is_installed(tmp_path, "dev")


def test_an_environment_whose_python_has_gone_is_made_again(tmp_path: Path) -> None:
    _pretend_installed(tmp_path, "local")
    python = bootstrap.environment_python(tmp_path)
    python.unlink()
    python.symlink_to(tmp_path / "removed")
    assert not bootstrap._is_installed(tmp_path, "local")


def test_the_installation_needs_nothing_but_the_standard_library() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import {bootstrap.__name__}",
    ]
    assert subprocess.run(command, check=False, env={"PATH": os.defpath}).returncode == 0


def _pretend_installed(checkout: Path, lock: str) -> None:
    python = bootstrap.environment_python(checkout)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (checkout / "requirements").mkdir()
    for name in bootstrap.LOCKS:
        (checkout / "requirements" / f"{name}.txt").write_text(f"{name}==1")
    bootstrap._stamp(checkout, lock).write_text(bootstrap._fingerprint(checkout, lock))
