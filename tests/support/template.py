"""A database with every migration applied, of which each process of a test run copies its own."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg2 import sql
from psycopg2.errors import ObjectInUse

PREFIX = "test_template_"
_LOCK = "SELECT pg_advisory_lock(hashtext('template of the test databases'))"  # until the connection is closed


def database_template() -> str:
    """The name of the template for the code as it is; made if there is none."""
    name = PREFIX + _digest()
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        there = [found for (found,) in cursor.fetchall()]
        if name not in there:
            _make(cursor, name)
            for old in there:
                _drop_unless_used(cursor, old)
    return name


def _digest() -> str:
    """Changes with every line that could change what the migrations do."""
    root = Path(settings.BASE_DIR)
    own = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == root]
    files = [root / "requirements" / "run.txt", *(file for folder in own for file in folder.rglob("*.py"))]
    return sha256(b"".join(b"%b %b" % (str(file).encode(), file.read_bytes()) for file in sorted(files))).hexdigest()[
        :16
    ]


def _make(cursor: object, name: str) -> None:
    """Under another name first, so that a run which is killed leaves no half of it."""
    wanted, unfinished = dict(connection.settings_dict), f"{name}_unfinished"
    test = connection.settings_dict["TEST"]
    own = test["NAME"]
    try:
        test["NAME"] = unfinished
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        connection.close()
        test["NAME"] = own
        connection.settings_dict["NAME"] = wanted["NAME"]
    cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (unfinished, name))))


def _drop_unless_used(cursor: object, name: str) -> None:
    try:
        cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    except Exception as error:
        # Another run is copying it right now; the next change drops it.
        if not isinstance(error.__cause__, ObjectInUse):
            raise
