"""The limits of the product are those of the design (incoming mail 3.6, security 3.2), and the settings of their names."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from django.conf import settings

from forwarding.authenticity import Trust
from forwarding.reading import Limits
from forwarding.reading.child import ChildLimits, Reader
from forwarding.signature_checks import CheckLimits
from tests.forwarding.reading.messages import multipart, part

SMTP = {
    "SMTP_MESSAGE_OCTETS": 52_428_800,
    "SMTP_RECIPIENTS": 100,
    "SMTP_CONNECTIONS_PER_IP": 20,
    "SMTP_CONNECTIONS_PER_WIDE_IP": 200,
    "SMTP_CONNECTIONS": 500,
    "SMTP_COMMAND_OCTETS": 512,
    "SMTP_COMMAND_SECONDS": 300,
    "SMTP_COMMANDS": 500,
    "SMTP_NOOPS": 20,
    "SMTP_SESSION_SECONDS": 900,
    "SMTP_DATA_IDLE_SECONDS": 60,
    "SMTP_DATA_GRACE_SECONDS": 300,
    "SMTP_DATA_OCTETS_PER_SECOND": 1_000,
    "SMTP_DRAIN_SECONDS": 30,
    "SMTP_DESCRIPTOR_RESERVE": 50,
    "SMTP_FLOOD_PER_MINUTE": 600,
    "SMTP_UNKNOWN_RECIPIENTS": 20,
    "SMTP_RECEIVED_LINES": 100,
    "SMTP_OWN_RECEIVED_LINES": 3,
    "SMTP_BODY_MEMORY_OCTETS": 1_048_576,
    "SMTP_SUSPENSION_DAYS": 14,
}
FILING = {
    "FILING_RETRY_MINUTES": (1, 10, 60),
    "FILING_STORM_OF_SENDER": 20,
    "FILING_STORM_OF_SUBJECT": 50,
    "FILING_STORM_OF_REPORTS": 30,
    "FILING_STORM_MINUTES": 10,
    "FILING_STORM_CALM_MINUTES": 60,
    "CONFIRMATIONS_A_DAY": 1,
    "CONFIRMATIONS_A_WEEK": 4,
    "CONFIRMATIONS_AN_HOUR": 200,
    "ORGANIZATION_CONFIRMATIONS_AN_HOUR": 500,
}
CHILD = {
    "READING_CPU_SECONDS": 5,
    "READING_WALL_SECONDS": 30,
    "READING_MEMORY_OCTETS": 512 * 1024 * 1024,
}
READING = {
    "header_octets": 256 * 1024,
    "header_fields": 2_000,
    "mime_depth": 30,
    "mime_parts": 1_000,
    "shown_text_octets": 1024 * 1024,
    "reference_ids": 200,
    "message_id_octets": 998,
    "tnef_octets": 20 * 1024 * 1024,
}


CHECKS = {"header_octets": 256 * 1024, "header_fields": 2_000, "key_bits": 1_024}


@pytest.mark.parametrize(("name", "value"), [*SMTP.items(), *FILING.items(), *CHILD.items()])
def test_a_limit_is_a_setting_with_the_value_of_the_design(name: str, value: object) -> None:
    assert getattr(settings, name) == value


@pytest.mark.parametrize(("name", "value"), READING.items())
def test_reading_is_limited_as_in_the_design(name: str, value: int) -> None:
    assert getattr(Limits(), name) == value


@pytest.mark.parametrize(("name", "value"), CHECKS.items())
def test_checking_signatures_is_limited_like_reading(name: str, value: int) -> None:
    assert getattr(CheckLimits(), name) == value


def test_a_child_has_the_limits_of_the_settings_by_itself() -> None:
    limits = ChildLimits()
    own = (limits.cpu_seconds, limits.wall_seconds, limits.memory_octets)
    assert own == (settings.READING_CPU_SECONDS, settings.READING_WALL_SECONDS, settings.READING_MEMORY_OCTETS)


def test_the_largest_mail_is_read_within_the_memory_of_the_child() -> None:
    """A file of random octets in base64, which is as large as mail gets: it is there four times at most."""
    picture = random.Random(1).randbytes(38_250_000)
    raw = multipart(part("hej"), part(picture, "image/png", encoding="base64"))
    with Reader() as reader:
        read = reader.read(raw).mail
        assert reader.child.pid is not None
        status = Path(f"/proc/{reader.child.pid}/status").read_text("ascii")
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmPeak"))
    assert (read.stage, read.text, read.attachments[0].content == picture) == ("full", "hej", True)
    assert 0.99 < len(raw) / settings.SMTP_MESSAGE_OCTETS <= 1
    assert peak < settings.READING_MEMORY_OCTETS * 0.75


@pytest.mark.parametrize("address", ["40.107.22.52", "104.47.11.1", "209.85.128.3", "2a00:1450:4864:20::441"])
def test_the_large_providers_are_known(address: str) -> None:
    assert any(ip_address(address) in ip_network(network) for network in settings.SMTP_WIDE_NETWORKS)


def test_every_server_whose_seal_counts_may_open_many_connections() -> None:
    trusted = {network for sealer in Trust().sealers for network in sealer.networks} | set(Trust().relay_pools)
    assert trusted <= set(settings.SMTP_WIDE_NETWORKS)
