"""Packages that only a benchmark compares with, in a folder of their own: the environment stays as it is locked.

What cannot be had here, for example because there is no wheel for this Python, is told and left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from bench.database import CHECKOUT
from kundomail.local import bootstrap

LOCK = CHECKOUT / "requirements" / "bench.txt"
# A wheel is for one version of Python.
PLACE = CHECKOUT / ".local" / f"bench-packages-{sys.version_info.major}.{sys.version_info.minor}"
INSTALL_SECONDS = 300


def made_available() -> dict[str, str]:
    """Install the packages of `requirements/bench.txt` and make them importable; the reason for each that is missing."""
    missing = {}
    for entry in _entries():
        name, version = entry.split()[0].split("==")
        if not _is_installed(name, version) and (reason := _install(entry)):
            missing[name] = reason
    sys.path.append(str(PLACE))
    return missing


def _entries() -> list[str]:
    """The lock's requirements, each with its hashes; none of them needs another package."""
    return [line for line in LOCK.read_text().replace("\\\n", " ").splitlines() if line.strip()]


def _is_installed(name: str, version: str) -> bool:
    return (PLACE / f"{name.replace('-', '_')}-{version}.dist-info").is_dir()


def _install(entry: str) -> str:
    """Why pip could not install it, in one line; empty when it could."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(entry)
        requirements.flush()
        pip = [bootstrap.base_python(), "-m", "pip", "--disable-pip-version-check", "--python", sys.executable]
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", PLACE]
        command = [*pip, "install", *options, "-r", requirements.name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"no answer from the package index within {INSTALL_SECONDS} s"
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return "" if done.returncode == 0 else (errors or ["pip failed"])[-1].removeprefix("ERROR: ")
