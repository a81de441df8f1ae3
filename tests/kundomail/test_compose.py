"""docker-compose.yml: everything it names exists in the project, and the settings accept what it gives them."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.utils.module_loading import import_string

from whitelabel import postfix_log

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PRODUCT = {name: service for name, service in SERVICES.items() if service.get("image") == "kundomail"}
POSTFIX = {name: service for name, service in SERVICES.items() if service.get("image") == "kundomail-postfix"}

# Read by the official images themselves.
OF_THE_IMAGES = {"POSTGRES_PASSWORD"}


def _example() -> dict[str, str]:
    """The variables of .env.example with their values."""
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _variables_of_the_settings() -> set[str]:
    """First argument of every `env.…("NAME")` in the settings."""
    names = set()
    for path in (CHECKOUT / "kundomail" / "settings").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and _is_env(call.func) and isinstance(call.args[0], ast.Constant):
                names.add(str(call.args[0].value))
    return names


def _is_env(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "env"


def _variables_of(script: Path) -> set[str]:
    return set(re.findall(r"\$\{?([A-Z][A-Z_]+)", script.read_text()))


def _filled_in(value: str, variables: dict[str, str]) -> str:
    """What docker compose makes of `${NAME}` and `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda match: variables.get(match[1]) or match[2] or "", value)


@pytest.mark.parametrize("name", PRODUCT)
def test_the_command_of_a_service_exists(name: str) -> None:
    program, *arguments = PRODUCT[name]["command"]
    assert program == "python"
    if arguments[0] == "manage.py":
        assert arguments[1] in get_commands()
    else:
        assert arguments[0] == "-m"
        assert importlib.util.find_spec(arguments[1])
        project = [argument for argument in arguments if argument.startswith("kundomail")]
        assert importlib.util.find_spec(project[0].partition(":")[0])


@pytest.mark.parametrize("name", PRODUCT)
def test_every_variable_of_a_service_is_a_setting(name: str) -> None:
    assert set(PRODUCT[name]["environment"]) - _variables_of_the_settings() == set()


def test_every_variable_of_postgres_and_postfix_is_read_there() -> None:
    read = _variables_of(CHECKOUT / "deploy" / "postgres" / "10-role.sh") | OF_THE_IMAGES
    assert set(SERVICES["postgres"]["environment"]) <= read
    for service in POSTFIX.values():
        assert set(service["environment"]) <= _variables_of(CHECKOUT / "deploy" / "postfix" / "start.sh")


def test_every_placeholder_is_explained_in_the_example_and_nothing_else_is() -> None:
    placeholders = set(re.findall(r"\$\{(\w+)", (CHECKOUT / "docker-compose.yml").read_text()))
    assert placeholders == set(_example())


def test_every_dependency_and_volume_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or source.startswith((".", "$"))


def test_what_is_waited_for_to_be_healthy_has_a_health_check() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_no_process_of_the_product_runs_as_root_or_may_gain_rights() -> None:
    for service in PRODUCT.values():
        assert service["user"] == "10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


def _mounted(service: dict[str, Any], path: Path) -> tuple[str, str]:
    """The volume that holds a path inside a service, and how it is mounted ("ro", or "" for writing)."""
    mounts = [[*volume.split(":"), ""][:3] for volume in service["volumes"]]
    [(source, mode)] = [(source, mode) for source, target, mode in mounts if path.is_relative_to(target)]
    return source, mode


def test_delivery_can_ask_the_relay_that_comes_with_it(tmp_path: Path) -> None:
    variables = _example()
    delivery, relay = (
        {name: _filled_in(str(value), variables) for name, value in SERVICES[service]["environment"].items()}
        for service in ("delivery", "relay")
    )
    assert delivery["RELAY_URL"] == "smtp://relay:25"
    assert import_string(delivery["RELAY_QUESTION"]) is postfix_log.accepted
    log = Path(delivery["RELAY_LOG_FILE"])
    written, mode = _mounted(SERVICES["relay"], log)
    assert mode == ""
    assert _mounted(SERVICES["delivery"], log) == (written, "ro")
    environment = {**os.environ, **relay, "CONFIGURE_ONLY": str(tmp_path)}
    subprocess.run([CHECKOUT / "deploy" / "postfix" / "start.sh", "relay"], env=environment, check=True)
    assert f"maillog_file = {log}\n" in (tmp_path / "main.cf").read_text()


def test_what_the_image_of_postfix_copies_exists_and_may_be_run() -> None:
    [copied] = re.findall(
        r"^COPY (.+) \S+$", (CHECKOUT / "deploy" / "postfix" / "Dockerfile").read_text(), re.MULTILINE
    )
    for name in copied.split():
        assert os.access(CHECKOUT / "deploy" / "postfix" / name, os.X_OK)


def test_the_web_server_logs_no_paths() -> None:
    assert "--no-access-log" in PRODUCT["web"]["command"]


def test_files_named_by_the_services_exist() -> None:
    for service in SERVICES.values():
        build = service.get("build")
        if build:
            assert (CHECKOUT / build / "Dockerfile").exists()
        for word in service.get("healthcheck", {}).get("test", ()):
            if word.endswith(".py"):
                assert (CHECKOUT / word).exists()


def _check(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run Django's checks as a production process with exactly this environment."""
    command = [sys.executable, "manage.py", "check", *options]
    environment = {"PATH": os.defpath, "KUNDOMAIL_LOCAL": "0", **environment}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


def _environment_of_web() -> dict[str, str]:
    """What the web container gets from .env.example with every secret filled in."""
    secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = ("SECRET_KEY", "MAIL_SECRETS", "DATABASE_PASSWORD")
    variables = {**_example(), **dict.fromkeys(names, secret)}
    return {name: _filled_in(str(value), variables) for name, value in PRODUCT["web"]["environment"].items()}


def test_the_settings_are_fit_for_production_with_the_example_filled_in() -> None:
    done = _check(_environment_of_web(), "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_SECRETS"])
def test_a_missing_secret_or_server_stops_the_start_outside_local_mode(missing: str) -> None:
    done = _check({name: value for name, value in _environment_of_web().items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr
