"""What a production start answers with, asked of a process of its own: secure transport, and static files by their hash.

That the settings are complete and pass `check --deploy` is in test_compose.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIRED = {
    "KUNDOMAIL_LOCAL": "0",
    "DATABASE_URL": "postgres://kundomail:secret@db/kundomail",
    "REDIS_URL": "redis://valkey:6379/0",
    "RELAY_URL": "smtp://relay:25",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "MAIL_SECRETS": "a-secret-of-more-than-thirty-two-characters",
    "SITE_URL": "https://kundo.example.se",
    "ALLOWED_HOSTS": "kundo.example.se",
}
SECONDS = 60


def production(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the environment of a production start and nothing of this one's settings."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.defpath, **REQUIRED, **more},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


ASK = """
import django; django.setup()
import json
from django.conf import settings
from django.test import Client
client = Client(SERVER_NAME="kundo.example.se")
plain, probe, secure = client.get("/accounts/login/"), client.get("/health/live/"), client.get("/accounts/login/", secure=True)
print(json.dumps({
    "plain": [plain.status_code, plain.headers.get("Location")],
    "probe": probe.status_code,
    "headers": dict(secure.headers),
    "cookies": {name: {key: morsel[key] for key in ("secure", "path", "domain", "samesite")}
                for name, morsel in secure.cookies.items()},
    "session": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY],
    "debug": settings.DEBUG,
}))
"""


def test_pages_are_only_had_over_tls_and_say_so_for_a_year(tmp_path: Path) -> None:
    static = {"STATIC_ROOT": str(tmp_path)}
    collected = production("manage.py", "collectstatic", "--noinput", "--verbosity=0", **static)
    assert collected.returncode == 0, collected.stderr
    result = production("-c", ASK, DJANGO_SETTINGS_MODULE="kundomail.settings", **static)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["plain"] == [301, "https://kundo.example.se/accounts/login/"]
    assert found["probe"] == 200
    headers = found["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert found["cookies"]["__Host-csrf"] == {"secure": True, "path": "/", "domain": "", "samesite": "Lax"}
    assert found["session"] == ["__Host-session", True, True]
    assert found["debug"] is False


def test_every_module_imports_hashed_files_that_exist(tmp_path: Path) -> None:
    result = production("manage.py", "collectstatic", "--noinput", "--verbosity=0", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    names = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    hashed = set(names.values())
    modules = [tmp_path / names[name] for name in names if name.endswith("main.js")]
    assert len(modules) >= 2
    imports = 0
    while modules:
        module = modules.pop()
        for wanted in re.findall(
            r"""^\s*(?:import|export)\b[^'"]*['"](\.[^'"]+)['"]""", module.read_text(), re.MULTILINE
        ):
            target = (module.parent / wanted).resolve()
            assert target.is_file(), f"{module.name} imports {wanted}"
            assert str(target.relative_to(tmp_path.resolve())) in hashed, f"{module.name} imports {wanted}, not hashed"
            modules.append(target)
            imports += 1
    assert imports >= 15
