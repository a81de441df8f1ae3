"""`manage.py receive_mail` and the settings behind it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from forwarding import receiving
from forwarding.smtpd.limits import Limits
from forwarding.smtpd.server import listen
from tests.support.smtp import RawSession
from tests.support.smtp_process import CHECKOUT, START_SECONDS


def test_every_limit_is_a_setting_of_its_name(settings) -> None:
    for number, limit in enumerate(fields(Limits), start=1):
        setattr(settings, f"SMTP_{limit.name.upper()}", number)
    assert [getattr(receiving.limits_from_settings(), limit.name) for limit in fields(Limits)] == list(
        range(1, len(fields(Limits)) + 1)
    )


def test_defaults_are_those_of_the_design() -> None:
    limits = receiving.limits_from_settings()
    assert (limits.message_octets, limits.recipients, limits.command_octets) == (52_428_800, 100, 512)
    assert (limits.connections_per_ip, limits.connections, limits.connections_per_wide_ip) == (20, 500, 200)
    assert (limits.received_lines, limits.flood_per_minute, limits.unknown_recipients) == (100, 600, 20)


def test_port_in_use_is_said_plainly() -> None:
    [listener] = listen("127.0.0.1", 0, 1)
    port = listener.getsockname()[1]
    with listener, pytest.raises(CommandError, match=f"cannot start on 127.0.0.1 port {port}"):
        call_command("receive_mail", "--host", "127.0.0.1", "--port", str(port))


def test_missing_certificate_is_said_plainly(settings, tmp_path: Path) -> None:
    settings.SMTP_CERTIFICATE = str(tmp_path / "missing.pem")
    with pytest.raises(CommandError, match="cannot start"):
        call_command("receive_mail", "--port", "0")


@contextmanager
def commanded(**settings: str) -> Iterator[int]:
    """The command as a process of its own, with settings from its environment; gives the port."""
    command = [sys.executable, "-W", "ignore", "manage.py", "receive_mail"]
    arguments = ["--host", "127.0.0.1", "--port", "0", "--processes", "1"]
    environment = {**os.environ, "KUNDOMAIL_LOCAL": "1", **settings}
    process = subprocess.Popen([*command, *arguments], cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = re.search(r"port (\d+)", process.stdout.readline())
        assert said is not None
        yield int(said[1])
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def test_addresses_of_large_providers_may_have_more_than_20_connections() -> None:
    with commanded(SMTP_WIDE_NETWORKS="127.0.8.0/24", SMTP_XFORWARD_NETWORKS="127.0.9.0/24") as port:
        wide = [RawSession(port, source="127.0.8.1") for _ in range(21)]
        other = [RawSession(port, source="127.0.7.1") for _ in range(21)]
        assert [session.reply()[:3] for session in wide] == [b"220"] * 21
        assert [session.reply()[:7] for session in other[20:]] == [b"421 4.7"]
        assert [session.reply()[:3] for session in other[:20]] == [b"220"] * 20
        for session in (*wide, *other):
            session.close()
