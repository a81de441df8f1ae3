"""The limits of the product are those of the design (incoming mail 3.6), and the settings of their names."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from django.conf import settings

from forwarding.authenticity import Trust
from forwarding.reading import Limits
from forwarding.reading.child import ChildLimits

SMTP = {
    "SMTP_MESSAGE_OCTETS": 52_428_800,
    "SMTP_RECIPIENTS": 100,
    "SMTP_CONNECTIONS_PER_IP": 20,
    "SMTP_CONNECTIONS_PER_WIDE_IP": 200,
    "SMTP_CONNECTIONS": 500,
    "SMTP_COMMAND_OCTETS": 512,
    "SMTP_COMMAND_SECONDS": 300,
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


@pytest.mark.parametrize(("name", "value"), [*SMTP.items(), *FILING.items()])
def test_a_limit_is_a_setting_with_the_value_of_the_design(name: str, value: object) -> None:
    assert getattr(settings, name) == value


@pytest.mark.parametrize(("name", "value"), READING.items())
def test_reading_is_limited_as_in_the_design(name: str, value: int) -> None:
    assert getattr(Limits(), name) == value


def test_reading_has_five_seconds_of_processor_time() -> None:
    assert ChildLimits().cpu_seconds == 5


@pytest.mark.parametrize("address", ["40.107.22.52", "104.47.11.1", "209.85.128.3", "2a00:1450:4864:20::441"])
def test_the_large_providers_are_known(address: str) -> None:
    assert any(ip_address(address) in ip_network(network) for network in settings.SMTP_WIDE_NETWORKS)


def test_every_server_whose_seal_counts_may_open_many_connections() -> None:
    trusted = {network for sealer in Trust().sealers for network in sealer.networks} | set(Trust().relay_pools)
    assert trusted <= set(settings.SMTP_WIDE_NETWORKS)
