"""Makes the checkout's own Python environment from the hashed lock files, with nothing but Python and pip at hand.

Only the standard library is imported, and no other module of the project needs more at this point. Debian's python3
comes without ensurepip, so the environment is made without pip and filled from outside: pip installs uv by hash, uv
the rest in a tenth of the time, and pip does it alone where uv cannot.
"""

import ast
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from kundomail.local import running
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock

# Each lock contains the ones before it.
LOCKS = ("run", "local", "dev")
INSTALL_WAIT_SECONDS = 900.0
MIN_PYTHON = (3, 11)


def environment_python(checkout: Path) -> Path:
    """The interpreter of the checkout's environment, whether it exists or not."""
    return checkout / ".venv" / "bin" / "python"


def enter(checkout: Path) -> None:
    """Go on in the checkout's environment, if there is one; then local mode is the default.

    In local mode a command finds the servers and ports of the `make run` that is running, whatever shell it is in.

    Replaces the running process unless it is there already. A server without `.venv` is left as it is.
    """
    python = environment_python(checkout)
    if not python.exists():
        return
    if any(_stamp(checkout, lock).exists() for lock in LOCKS):
        os.environ.setdefault("KUNDOMAIL_LOCAL", "1")
        os.environ.update(running.recall(checkout, os.environ))
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606  (no shell is wanted)


def install(checkout: Path, lock: str) -> None:
    """Bring the environment to the state of `requirements/<lock>.txt`; does nothing when it is there.

    `lock` is "run", "local" or "dev". Raises LocalError when neither uv nor pip can install.
    """
    if sys.version_info < MIN_PYTHON:
        raise LocalError(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    (checkout / ".local").mkdir(exist_ok=True)
    with FileLock(checkout / ".local" / "install.lock") as running:
        if not running.try_acquire():
            _say("Another installation is running; waiting for it.")
            running.acquire(INSTALL_WAIT_SECONDS)
        if not _is_installed(checkout, lock):
            _install(checkout, lock)


def _install(checkout: Path, lock: str) -> None:
    python = environment_python(checkout)
    if not _works(python):
        _say("Making the environment .venv.")
        venv.create(checkout / ".venv", with_pip=False, clear=True, symlinks=True)
    count = (checkout / "requirements" / f"{lock}.txt").read_text().count("==")
    _say(f"Installing {count} packages from requirements/{lock}.txt; this happens once.")
    if not (_install_uv(checkout) and _install_by_uv(checkout, lock)):
        _say("uv cannot install here; pip does it now, which takes a minute or two.")
        _install_by_pip(checkout, lock)
    _stamp(checkout, lock).write_text(_fingerprint(checkout, lock))
    _say("Installed.")


def _install_uv(checkout: Path) -> bool:
    command = _pip(checkout, "install", "--quiet", "--require-hashes", "-r", str(checkout / "requirements" / "uv.txt"))
    return subprocess.run(command, check=False).returncode == 0


def _install_by_uv(checkout: Path, lock: str) -> bool:
    requirements = checkout / "requirements"
    command = [str(environment_python(checkout)), "-m", "uv", "pip", "install", "--require-hashes"]
    command += ["--python", str(environment_python(checkout)), "--build-constraints", str(requirements / "build.txt")]
    command += ["-r", str(requirements / f"{lock}.txt")]
    options = pip_options(_pip_configuration(), os.environ)
    if "no-index" in options:
        command.append("--no-index")
    return subprocess.run(command, env={**os.environ, **uv_environment(options)}, check=False).returncode == 0


def _install_by_pip(checkout: Path, lock: str) -> None:
    requirements = checkout / "requirements"
    # Some packages come as sources only. Old pip can pin what builds them only where it is installed before.
    build = _pip(checkout, "install", "--quiet", "--require-hashes", "-r", str(requirements / "build.txt"))
    install = _pip(checkout, "install", "--require-hashes", "--no-build-isolation")
    install += ["-r", str(requirements / f"{lock}.txt")]
    if any(subprocess.run(command, check=False).returncode != 0 for command in (build, install)):
        raise LocalError(
            "The packages could not be installed; pip's message is above. Check that this machine reaches its "
            "package index (`python3 -m pip config list` shows which) and start again."
        )


def _pip(checkout: Path, *arguments: str) -> list[str]:
    """Command line of the base interpreter's pip, working on the checkout's environment."""
    python = str(environment_python(checkout))
    return [str(base_python()), "-m", "pip", "--disable-pip-version-check", "--python", python, *arguments]


def base_python() -> Path:
    """The interpreter outside every virtual environment; only there is pip certain to be."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidate = Path(sys.base_prefix) / "bin" / version
    return candidate if candidate.exists() else Path(sys.executable)


def _pip_configuration() -> str:
    command = [str(base_python()), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def pip_options(configuration: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the output of `pip config list` and the PIP_* variables; the more special setting wins."""
    options: dict[str, str] = {}
    lines = [line.partition("=") for line in configuration.splitlines()]
    for section in ("global.", "install."):
        for name, _, value in lines:
            if name.startswith(section):
                options[name.removeprefix(section)] = str(ast.literal_eval(value))
    for variable, value in environment.items():
        if variable.startswith("PIP_") and value:
            options[variable.removeprefix("PIP_").lower().replace("_", "-")] = value
    return options


def uv_environment(options: Mapping[str, str]) -> dict[str, str]:
    """Say to uv, which reads no pip.conf, what pip was told about indexes and certificates."""
    environment = {"UV_SYSTEM_CERTS": "true", "UV_PYTHON_DOWNLOADS": "never", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    environment |= {names[option]: options[option] for option in names if option in options}
    lists = {"extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS", "trusted-host": "UV_INSECURE_HOST"}
    for option, variable in lists.items():
        if option in options:
            separator = "," if option == "find-links" else " "
            environment[variable] = separator.join(options[option].split())
    return environment


def _works(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""], check=False).returncode == 0
    except OSError:  # Missing, or a link to an interpreter that was removed.
        return False


def _is_installed(checkout: Path, lock: str) -> bool:
    if not _works(environment_python(checkout)):
        return False
    return any(
        _stamp(checkout, larger).exists() and _stamp(checkout, larger).read_text() == _fingerprint(checkout, larger)
        for larger in LOCKS[LOCKS.index(lock) :]
    )


def _stamp(checkout: Path, lock: str) -> Path:
    return checkout / ".venv" / f".installed-{lock}"


def _fingerprint(checkout: Path, lock: str) -> str:
    content = (checkout / "requirements" / f"{lock}.txt").read_bytes()
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


def _say(line: str) -> None:
    print(f"install  | {line}", flush=True)


if __name__ == "__main__":
    try:
        install(Path(__file__).resolve().parents[2], sys.argv[1])
    except LocalError as error:
        sys.exit(str(error))
