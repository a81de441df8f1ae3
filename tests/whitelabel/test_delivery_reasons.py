"""Why a mail did not arrive, in words."""

from __future__ import annotations

import pytest
from django.utils import translation

from whitelabel.delivery_reasons import reason


@pytest.mark.parametrize(
    ("state", "status", "says"),
    [
        ("bounced", "5.1.1", "Adressen finns inte."),
        ("failed", "5.1.10", "tar inte emot mail"),
        ("bounced", "5.2.2", "full"),
        ("failed", "4.4.7", "under den tid vi försöker"),
        ("delayed", "4.2.2", "fem dagar"),
        ("bounced", "5.7.999", "policyskäl"),
        ("bounced", "", "utan någon orsak"),
        ("delayed", "4.4.2", "Anslutningen bröts"),
        ("unsure", "4.4.2", "det kan ha kommit fram"),
        ("failed", "nonsense", "utan någon orsak"),
    ],
)
def test_a_status_code_becomes_a_sentence(state: str, status: str, says: str) -> None:
    with translation.override("sv"):
        assert says in reason(state, status)


@pytest.mark.parametrize("state", ["queued", "sent"])
def test_what_is_on_its_way_needs_no_reason(state: str) -> None:
    assert reason(state, "2.0.0") == ""


def test_a_mail_that_could_not_even_be_tried_says_that_it_is_our_server() -> None:
    with translation.override("en"):
        assert "Our own mail server" in reason("queued", "", waiting=True)
        assert reason("queued", "") == ""
        assert reason("sent", "2.0.0", waiting=True) == ""
