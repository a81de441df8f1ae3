"""Every test run: real servers, compiled translations, and Debian's Chromium for the browser tests.

DATABASE_URL and REDIS_URL choose servers of your own; without them the embedded ones are started, or those of
another test run of this checkout joined.
"""

import gc
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
from django.contrib.staticfiles.finders import get_finders
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker
from servestatic.middleware import ServeStaticMiddleware

from kundomail.local import paths
from kundomail.local.browser import CHROMIUM
from kundomail.local.catalogues import compile_catalogues
from kundomail.local.errors import LocalError
from kundomail.local.testing import TestServers
from tests.support.emptying import empty_the_database
from tests.support.template import database_template

CHECKOUT = Path(__file__).resolve().parent.parent

pytest_plugins = ["tests.support.outgoing", "tests.support.sending"]


def _choose_servers() -> object:
    """Name the servers and this run's own database in the environment; gives what keeps the servers alive."""
    hold: object = None
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        hold = TestServers(CHECKOUT).acquire()
    os.environ.setdefault("REDIS_URL", paths.redis_url(CHECKOUT, paths.TEST))
    database = urlsplit(os.environ.get("DATABASE_URL") or paths.database_url(CHECKOUT, paths.TEST))
    # Django puts "test_" before the name; the process number keeps runs at the same time apart.
    os.environ["DATABASE_URL"] = database._replace(path=f"{database.path}_{os.getpid()}").geturl()
    return hold


def _add_static_directories(self: ServeStaticMiddleware) -> None:
    """Do without a walk through all static files for each test client: they are found when asked for (autorefresh)."""
    for finder in get_finders():
        for storage in finder.storages.values():
            self.insert_directory(storage.location, self.static_prefix)


os.environ["KUNDOMAIL_LOCAL"] = "1"
if "PYTEST_XDIST_WORKER" not in os.environ:  # The workers of xdist inherit what their controller chose.
    try:
        _hold = _choose_servers()
    except LocalError as error:
        raise pytest.UsageError(str(error)) from error
    compile_catalogues(CHECKOUT)
# Here and not in pyproject.toml: there pytest-django would read the settings before this file has run.
os.environ["DJANGO_SETTINGS_MODULE"] = "kundomail.settings"
django.setup()
TransactionTestCase._fixture_teardown = empty_the_database
ServeStaticMiddleware.add_files_from_finders = _add_static_directories


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Let this process's database be a copy, which takes a moment; the migrations take several seconds."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = database_template()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the browser tests where there is no browser, and say so."""
    if CHROMIUM.exists():
        return
    skip = pytest.mark.skip(reason=f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM_PATH")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: a look through all of it takes so long that a nameserver in the
    same process seems silent meanwhile."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium, silent towards the network."""
    # Playwright's synchronous interface keeps an event loop in this thread, which Django takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    arguments = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-first-run",
        "--no-pings",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ]
    if os.getuid() == 0:
        arguments.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": arguments}


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Argon2 is slow on purpose; what tests log in with need not be."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
