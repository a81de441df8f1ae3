"""`manage.py receive_mail` and the settings behind it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from forwarding import receiving
from forwarding.smtpd.limits import Limits
from forwarding.smtpd.server import listen


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
